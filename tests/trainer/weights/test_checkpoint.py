"""Checkpoints: nothing is lost on the way to bytes and back, and nothing is run."""

from __future__ import annotations

import io
import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from trainer.input.problems import BadInput
from trainer.methods import Weighting
from trainer.weights.checkpoint import Checkpoint, DamagedError, Weights


def trained_a_little() -> tuple[nn.Module, torch.optim.Optimizer]:
    """A network and an optimiser with state of every kind."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(72, 3))
    optimiser = torch.optim.Adam(model.parameters(), lr=0.1)
    for _ in range(2):
        optimiser.zero_grad()
        model(torch.rand(4, 1, 8, 8)).square().sum().backward()
        optimiser.step()
    return model, optimiser


def checkpoint() -> Checkpoint:
    model, optimiser = trained_a_little()
    return Checkpoint(
        epochs_done=3,
        steps_done=7,
        model=model.state_dict(),
        optimiser=optimiser.state_dict(),
        weighting={"window": [[1.5, 2.0], [0.1, 1 / 3]], "alpha": [0.25, 0.75]},
        epoch={"losses": torch.tensor([0.1, 0.2]), "seconds": 1 / 3},
    )


class Malicious:
    """Unpickled, it makes a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.makedirs, (str(self.path),))


def assert_same(one: Any, other: Any) -> None:
    """Equal to the last bit, at every depth."""
    if isinstance(one, torch.Tensor):
        assert one.dtype == other.dtype
        assert torch.equal(one, other)
    elif isinstance(one, dict):
        assert list(one) == list(other)
        for key in one:
            assert_same(one[key], other[key])
    elif isinstance(one, (list, tuple)):
        assert len(one) == len(other)
        for each, its in zip(one, other, strict=True):
            assert_same(each, its)
    else:
        assert one == other


def test_a_checkpoint_comes_back_whole() -> None:
    before = checkpoint()
    after = Checkpoint.from_bytes(before.to_bytes())
    assert_same(vars(before), vars(after))
    assert after.position == (3, 7)


def test_a_model_and_its_optimiser_go_on_from_the_bytes() -> None:
    kept = Checkpoint.from_bytes(checkpoint().to_bytes())
    model, optimiser = trained_a_little()
    other = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(72, 3))
    its_optimiser = torch.optim.Adam(other.parameters(), lr=7.0)
    kept.load_into(other, its_optimiser, Weighting([1.0]))
    images = torch.rand(4, 1, 8, 8)
    for network, steps in ((model, optimiser), (other, its_optimiser)):
        steps.zero_grad()
        network(images).square().sum().backward()
        steps.step()
    assert_same(dict(model.state_dict()), dict(other.state_dict()))


def test_bytes_do_not_change_with_the_model() -> None:
    model, optimiser = trained_a_little()
    kept = Checkpoint(
        epochs_done=1,
        steps_done=0,
        model=model.state_dict(),
        optimiser=optimiser.state_dict(),
        weighting={},
        epoch={},
    )
    data = kept.to_bytes()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    assert Checkpoint.from_bytes(data).model["0.weight"].abs().sum() > 0


def test_weights_come_back_with_the_trials_record() -> None:
    model, _ = trained_a_little()
    record = {"data": {"name": "digits"}, "seed": 3, "epsilon": 8 / 255, "é": [1, None, True]}
    after = Weights.from_bytes(Weights(trial=record, model=model.state_dict()).to_bytes())
    assert after.trial == record
    assert_same(dict(after.model), dict(model.state_dict()))


# Into another model


def misfit(model: nn.Module) -> str:
    """What is said of a checkpoint for a model that is another one."""
    with pytest.raises(BadInput) as caught:
        checkpoint().load_into(model, torch.optim.Adam(model.parameters()), Weighting([1.0]))
    return str(caught.value)


def test_a_tensor_that_does_not_fit_is_named() -> None:
    """Of another shape, missing, or too many: the first in the model's order."""
    norm, linear = nn.BatchNorm2d(2), nn.Linear(72, 3)
    message = misfit(nn.Sequential(nn.Conv2d(1, 2, 5), norm, nn.Flatten(), linear))
    assert message == (
        "checkpoint: model.0.weight: must be of shape (2, 1, 5, 5) for this trial's model, got "
        "shape (2, 1, 3, 3); go on with the settings that the checkpoint was made with"
    )
    message = misfit(nn.Sequential(nn.Conv2d(1, 2, 3), norm, nn.Linear(2, 1), linear))
    assert "model.2.weight: must be of shape (1, 2) for this trial's model, got no such" in message
    message = misfit(nn.Sequential(nn.Conv2d(1, 2, 3), nn.Identity(), nn.Flatten(), linear))
    assert "model.1.weight: must not be there for this trial's model, got shape (2,);" in message


# Bytes from elsewhere


@pytest.mark.parametrize("kind", [Checkpoint, Weights])
def test_nothing_is_run_on_loading(tmp_path: Path, kind: type[Checkpoint | Weights]) -> None:
    mark = tmp_path / "ran"
    wrapped = io.BytesIO()
    torch.save({name: Malicious(mark) for name in kind.__dataclass_fields__}, wrapped)
    for data in (wrapped.getvalue(), pickle.dumps(Malicious(mark), protocol=2)):
        with pytest.raises(DamagedError):
            kind.from_bytes(data)
        assert not mark.exists()
    pickle.loads(data)
    assert mark.exists()  # the bytes were dangerous indeed


@pytest.mark.parametrize("kind", [Checkpoint, Weights])
@pytest.mark.parametrize(
    "data",
    [b"", b"not a file of ours", b"PK\x03\x04", b"\x80\x02.", b"data: digits\n", b"cos\nsystem\n."],
)
def test_other_bytes_are_damaged(kind: type[Checkpoint | Weights], data: bytes) -> None:
    with pytest.raises(DamagedError, match="not a file of ours") as caught:
        kind.from_bytes(data)
    assert "\n" not in str(caught.value)
    assert "weights_only" not in str(caught.value)  # PyTorch's advice is to run what is in it


@given(st.floats(0, 1, exclude_max=True))
def test_a_part_of_a_checkpoint_is_damaged(share: float) -> None:
    data = checkpoint().to_bytes()
    with pytest.raises(DamagedError):
        Checkpoint.from_bytes(data[: int(len(data) * share)])


WITHOUT_STEPS = {"epochs_done": 1, "model": {}, "optimiser": {}, "weighting": {}}


@pytest.mark.parametrize("content", [WITHOUT_STEPS, {"other": 1}, [1, 2], torch.ones(3)])
@pytest.mark.parametrize("kind", [Checkpoint, Weights])
def test_a_file_of_other_content_is_damaged(
    kind: type[Checkpoint | Weights], content: object
) -> None:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    with pytest.raises(DamagedError, match="must hold"):
        kind.from_bytes(buffer.getvalue())


@pytest.mark.parametrize(
    ("trial", "shapes"),
    [
        ("[" * 100_000, "null"),
        ("[]", "null"),
        ("{}", '{"image_shape": [1, 8, 1e99], "num_classes": 10}'),
        ("{}", '{"image_shape": [1, 8, 1e999], "num_classes": 10}'),
        ("{}", '{"image_shape": [1, 8, NaN], "num_classes": 10}'),
        ("{}", '{"image_shape": [1, 8], "num_classes": 10}'),
    ],
)
def test_a_record_of_no_model_is_damaged(trial: str, shapes: str) -> None:
    buffer = io.BytesIO()
    torch.save({"trial": trial, "shapes": shapes, "model": {}}, buffer)
    with pytest.raises(DamagedError, match="not a trained model"):
        Weights.from_bytes(buffer.getvalue())


def test_a_tensor_without_values_is_named() -> None:
    model = nn.Linear(2, 1)
    hollow = Weights(
        trial={}, model={name: it.to("meta") for name, it in model.state_dict().items()}
    )
    with pytest.raises(BadInput, match=r"a\.pt: weight: must have values for the network"):
        hollow.load_into(model, where="a.pt")


def test_weights_are_no_checkpoint() -> None:
    model, _ = trained_a_little()
    with pytest.raises(DamagedError, match="'epochs_done'"):
        Checkpoint.from_bytes(Weights(trial={}, model=model.state_dict()).to_bytes())
    with pytest.raises(DamagedError, match="'trial'"):
        Weights.from_bytes(checkpoint().to_bytes())
