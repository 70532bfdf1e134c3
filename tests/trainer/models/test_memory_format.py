"""The layout of weights and activations: who decides it, and that it changes nothing else."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.trainer.runs import CPU, MakeTrial, run
from trainer.config import Trial
from trainer.data import load
from trainer.evaluation.origin import model_id
from trainer.training.loop import new_model
from trainer.weights.checkpoint import Weights

FORMATS = ("contiguous", "channels_last")
OWN = {"name": "tests.trainer.models.test_memory_format:viewing"}


def viewing(*, image_shape: tuple[int, int, int], num_classes: int) -> nn.Module:
    """A network that relies on how its activations lie in memory, as many do."""

    class Viewing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.convolution = nn.Conv2d(image_shape[0], 4, 3, padding=1)
            self.head = nn.Linear(4 * image_shape[1] * image_shape[2], num_classes)

        def forward(self, images: Tensor) -> Tensor:
            features = self.convolution(images)
            logits: Tensor = self.head(features.view(len(images), -1))
            return logits

    return Viewing()


def model_of(trial: Trial) -> nn.Module:
    return new_model(trial, load(trial.data, CPU), CPU)


def is_channels_last(model: nn.Module) -> bool:
    weights = [w for w in model.parameters() if w.dim() == 4 and min(w.shape) > 1]
    return all(w.is_contiguous(memory_format=torch.channels_last) for w in weights)


@pytest.mark.parametrize(
    ("memory_format", "expected"),
    [(None, True), ("channels_last", True), ("contiguous", False)],
)
def test_networks_that_ship(
    memory_format: str | None, expected: bool, small_trial: MakeTrial
) -> None:
    model = model_of(small_trial(training={"memory_format": memory_format}))
    assert is_channels_last(model) == expected


def test_a_network_of_ones_own_stays_as_it_was_built(small_trial: MakeTrial) -> None:
    images = torch.rand(3, 1, 8, 8)
    assert model_of(small_trial(model=OWN))(images).shape == (3, 10)
    told = model_of(small_trial(model=OWN, training={"memory_format": "channels_last"}))
    with pytest.raises(RuntimeError, match="view"):
        told(images)


def test_it_is_no_part_of_what_a_trial_or_a_model_is(small_trial: MakeTrial) -> None:
    sections: list[dict[str, Any]] = [
        {"training": {"memory_format": each}} for each in (None, "channels_last", "contiguous")
    ]
    trials = [small_trial(**section) for section in sections]
    assert len({trial.id for trial in trials}) == 1
    states = [model_of(trial).state_dict() for trial in trials]
    assert len({model_id(state) for state in states}) == 1
    kept = Weights.from_bytes(Weights(trial=trials[0].record(), model=states[0]).to_bytes())
    other = model_of(trials[2])
    other.load_state_dict(kept.model)
    assert not is_channels_last(other)
    assert model_id(other.state_dict()) == model_id(states[0])


@pytest.mark.parametrize("optimiser", ["adam", "sgd"])
@pytest.mark.parametrize(("one", "other"), [FORMATS, FORMATS[::-1]])
def test_a_run_goes_on_in_another_layout(
    one: str, other: str, optimiser: str, small_trial: MakeTrial
) -> None:
    """Fused optimisers go through memory: moments in the layout of a checkpoint would be those of
    other weights."""

    def trial(memory_format: str) -> Trial:
        settings = {"name": optimiser, "learning_rate": 0.01}
        return small_trial(
            training={"memory_format": memory_format, "optimiser": settings, "epochs": 3}
        )

    whole, diary = run(trial(one))
    changed, _ = run(trial(other), resume=diary.checkpoints[0])
    assert is_channels_last(changed) == (other == "channels_last")
    for name, weight in whole.state_dict().items():
        torch.testing.assert_close(changed.state_dict()[name], weight, rtol=1e-2, atol=1e-4)


@pytest.mark.parametrize(
    "network", ["cnn", pytest.param("preact_resnet18", marks=pytest.mark.slow)]
)
def test_both_have_the_same_losses_and_gradients(network: str, small_trial: MakeTrial) -> None:
    """In float64, where nothing is left of rounding: in float32 a ReLU that it turns on or off in
    one of eighteen layers moves the whole gradient by some thousandths."""
    images, labels = torch.rand(16, 1, 8, 8).double(), torch.arange(16) % 10
    found = []
    for memory_format in FORMATS:
        training = {"memory_format": memory_format}
        model = model_of(small_trial(model={"name": network}, training=training)).double().train()
        losses = nn.functional.cross_entropy(model(images), labels, reduction="none")
        gradients = torch.autograd.grad(losses.sum(), list(model.parameters()))
        found.append([losses.detach(), *gradients])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)
