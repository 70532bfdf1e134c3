"""An evaluation warns of what hides from attacks, and of nothing in an honest network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.trainer.runs import run
from trainer.attacks import PGD, Attack, AutoAttack, RotationTranslationGrid, TargetedFlow
from trainer.config import Trial
from trainer.data import Dataset
from trainer.evaluation.outcomes import EvaluationWarning, Outcomes
from trainer.evaluation.self_check import EXAMPLES, self_checked
from trainer.evaluation.suite import Suite, evaluate, read_suite
from trainer.input.document import Document

CATEGORIES: dict[str, Any] = {
    "pgd": {"epsilon": 0.15, "ladder": [1, 3]},
    "flow": {"epsilon": 0.08, "ladder": [2]},
    "rt": {"epsilon": 0.2, "ladder": [2]},
}


class Idle(Attack):
    """Finds nothing."""

    epsilon: float

    def search(self, model: nn.Module, images: Tensor, labels: Tensor, keys: Tensor) -> Tensor:
        return images.clone()


class Changed(nn.Module):
    """A network whose images and logits pass through functions."""

    def __init__(
        self,
        network: nn.Module,
        after: Callable[[Tensor], Tensor] = lambda logits: logits,
        before: Callable[[Tensor], Tensor] = lambda images: images,
    ) -> None:
        super().__init__()
        self.network, self.after, self.before = network, after, before
        self.images = 0  # that were seen

    def forward(self, images: Tensor) -> Tensor:
        self.images += len(images)
        return self.after(self.network(self.before(images)))


def noisy(logits: Tensor) -> Tensor:
    return nn.functional.dropout(logits, 0.2, training=True)


HIDING: dict[str, tuple[dict[str, Any], set[str]]] = {
    "detached": ({"after": lambda z: z.detach()}, {"zero_gradient"}),
    "without its gradient": ({"after": lambda z: z.detach() + 0 * z}, {"zero_gradient"}),
    "rounded": ({"after": torch.round}, {"zero_gradient"}),
    "saturated": ({"after": lambda z: z * 1e6}, {"zero_gradient"}),
    "black and white": ({"before": lambda x: (x > 0.5).float()}, {"zero_gradient"}),
    "dropout": ({"after": noisy}, {"random_answers"}),
    "noise": ({"before": lambda x: x + 0.1 * torch.randn_like(x)}, {"random_answers"}),
    "probabilities": ({"after": lambda z: z.softmax(1)}, {"probabilities"}),
}


def suite_of(**sections: Any) -> Suite:
    return read_suite(Document.from_plain(sections, "test"))


def checked(model: nn.Module, suite: Suite, dataset: Dataset) -> Outcomes:
    return self_checked(model, suite, dataset, evaluate(model, suite, dataset, progress=None))


def codes(outcomes: Outcomes) -> set[str]:
    assert outcomes.warnings is not None
    return {warning.code for warning in outcomes.warnings}


# Honest networks


def test_an_honest_network_is_not_warned_of(trained: nn.Module, digits: Dataset) -> None:
    others = {
        "still": {"attack": "pgd", "epsilon": 0, "ladder": [1]},
        "at_rest": {"attack": "flow", "epsilon": 0, "random_start": False, "ladder": [1]},
        "tiny": {"attack": "pgd", "epsilon": 1e-4, "ladder": [1]},
        "grid": {"attack": "rt_grid", "epsilon": 0.1, "num_rotations": 3, "num_translations": 1},
        "null": {"attack": "rt_grid", "degrees": 0, "pixels": 0, "num_rotations": 3},
        "none": {"attack": f"{__name__}:Idle", "epsilon": 0.0},
    }
    suite = suite_of(examples=100, **CATEGORIES, **others)
    assert checked(trained, suite, digits).warnings == ()


@pytest.mark.slow
@pytest.mark.parametrize("method", ["standard", "pgd", "average", "pareto"])
def test_nor_is_one_of_any_method(
    method: str, small_trial: Callable[..., Trial], digits: Dataset
) -> None:
    options = {"pareto": {"rho": 0.5}}.get(method, {})
    model, _ = run(small_trial(method={"method": method, **options}, data={"train_examples": 640}))
    assert checked(model, suite_of(**CATEGORIES), digits).warnings == ()


def test_nor_is_one_that_is_never_right(digits: Dataset) -> None:
    class Wrong(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return torch.eye(11)[10].expand(len(images), 11) - images.mean((1, 2, 3))[:, None]

    assert checked(Wrong(), suite_of(examples=40, **CATEGORIES), digits).warnings == ()


# Others


@pytest.mark.parametrize("kind", HIDING)
def test_a_network_that_hides_is_warned_of(kind: str, trained: nn.Module, digits: Dataset) -> None:
    functions, expected = HIDING[kind]
    outcomes = checked(Changed(trained, **functions), suite_of(examples=60, **CATEGORIES), digits)
    assert codes(outcomes) == expected


def test_an_attack_that_moves_nothing_is_named(trained: nn.Module, digits: Dataset) -> None:
    idle = {"attack": f"{__name__}:Idle", "epsilon": 0.1}
    outcomes = checked(trained, suite_of(examples=60, idle=idle, **CATEGORIES), digits)
    (warning,) = outcomes.warnings or ()
    assert warning.code == "attack_moves_nothing"
    assert warning.message.startswith("idle left every image as it was")


def test_a_category_without_a_gradient_is_named_alone(trained: nn.Module, digits: Dataset) -> None:
    """Logits that are cut off have none but where the margin is climbed."""
    suite = suite_of(
        examples=60,
        pgd=CATEGORIES["pgd"],
        margin={"attack": "pgd", "epsilon": 0.15, "ladder": [1], "loss": "margin"},
    )
    outcomes = checked(Changed(trained, after=lambda z: z * 1e6), suite, digits)
    (warning,) = outcomes.warnings or ()
    assert "pgd " in warning.message
    assert "margin " not in warning.message.partition(")")[0]


@pytest.mark.parametrize(
    "attack", [PGD(epsilon=0.1, num_steps=1), TargetedFlow(), AutoAttack(epsilon=0.1)]
)
def test_slopes_are_those_of_the_attack(attack: Attack, trained: nn.Module) -> None:
    images, labels, keys = torch.rand(3, 1, 8, 8), torch.tensor([0, 1, 2]), torch.arange(3)
    slopes = attack.slopes(trained, images, labels, keys)
    assert slopes is not None
    assert slopes.shape == (3,)
    assert (slopes > 0).all()
    hidden = Changed(trained, after=torch.round)
    flat = attack.slopes(hidden, images, labels, keys)
    assert flat is not None
    assert not flat.any()


def test_a_search_without_a_gradient_has_no_slopes(trained: nn.Module) -> None:
    images, labels, keys = torch.rand(3, 1, 8, 8), torch.tensor([0, 1, 2]), torch.arange(3)
    assert RotationTranslationGrid(epsilon=0.1).slopes(trained, images, labels, keys) is None


# What is left alone


def test_bits_and_random_streams_are_those_of_an_evaluation_that_is_not_checked(
    trained: nn.Module, digits: Dataset
) -> None:
    model, suite = Changed(trained, after=noisy), suite_of(examples=60, **CATEGORIES)
    torch.manual_seed(5)
    plain = evaluate(model, suite, digits, progress=None)
    state = torch.get_rng_state()
    again = self_checked(model, suite, digits, plain)
    assert torch.equal(torch.get_rng_state(), state)
    assert np.array_equal(again.natural, plain.natural)
    assert all(np.array_equal(again.robust[name], plain.robust[name]) for name in plain.robust)


def test_few_images_are_looked_at(trained: nn.Module, digits: Dataset) -> None:
    """Three answers of each, a start under each attack, and a handful where nothing broke."""
    model, suite = Changed(trained), suite_of(**CATEGORIES)
    outcomes = evaluate(model, suite, digits, progress=None)
    model.images = 0
    self_checked(model, suite, digits, outcomes)
    assert 0 < model.images <= (3 + len(CATEGORIES)) * EXAMPLES
    model.images = 0
    self_checked(model, suite_of(batch_size=4, **CATEGORIES), digits, outcomes)
    assert model.images <= (3 + len(CATEGORIES)) * 4


# What is kept


def test_warnings_come_back_from_the_archive() -> None:
    bare = Outcomes(natural=np.array([True]), robust={}, ladders={})
    assert Outcomes.from_bytes(bare.to_bytes()).warnings is None  # as files of before
    for warnings in ((), (EvaluationWarning(code="random_answers", message="it says é"),)):
        kept = Outcomes(natural=np.array([True]), robust={}, ladders={}, warnings=warnings)
        assert Outcomes.from_bytes(kept.to_bytes()).warnings == warnings
