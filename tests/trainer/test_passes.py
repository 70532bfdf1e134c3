"""Passes: what trainings and evaluations take, against what it must be in closed form."""

from __future__ import annotations

import copy
import io
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.trainer.course import NORMALISED
from tests.trainer.runs import (
    Diary,
    MakeTrial,
    StopError,
    assert_same_bits,
    run,
    told,
)
from trainer.attacks import ATTACKS, Attack, frozen
from trainer.attacks.pixel import PGD
from trainer.config import Trial
from trainer.data import Dataset
from trainer.evaluation.suite import Rungs, Suite, evaluate, read_suite
from trainer.input.document import Document
from trainer.methods import METHODS, Average
from trainer.passes import Passes, counted
from trainer.training.passes_ahead import most_passes_of_evaluation, most_passes_of_training
from trainer.weights.checkpoint import Checkpoint

EXAMPLES, STEPS = 160, 2
"""Of the small trial, and the steps of each of its attacks."""

HELD_OUT = 16


def of_row(row: Mapping[str, float], prefix: str = "passes/") -> tuple[int, int, int]:
    kinds = ("forward", "input_backward", "weight_backward")
    forward, to_input, to_weights = (int(row[f"{prefix}{kind}"]) for kind in kinds)
    return forward, to_input, to_weights


# --- a network


def linear() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(4, 3))


IMAGES = torch.rand(5, 1, 2, 2)


def test_each_kind_is_counted_where_it_is_made() -> None:
    model = linear()
    with counted(model) as counter:
        with torch.no_grad():
            model(IMAGES)
        model(IMAGES[:2]).sum()  # whose gradient nobody asks for
        assert counter.passes == Passes(forward=7)
        model(IMAGES).sum().backward()
        assert counter.passes == Passes(forward=12, weight_backward=5)
        with frozen(model):
            moved = IMAGES.clone().requires_grad_()
            logits = model(moved)
            for loss in logits.sum(0)[:2]:  # one gradient after the other, as for each class
                torch.autograd.grad(loss, moved, retain_graph=True)
    model(IMAGES)
    assert counter.passes == Passes(forward=17, weight_backward=5, input_backward=10)
    assert counter.passes.total == 32


def test_counting_changes_no_gradient_and_leaves_no_trace() -> None:
    model = linear()
    plain = torch.autograd.grad(model(IMAGES).square().sum(), model.parameters())
    with counted(model), pytest.raises(ZeroDivisionError):
        found = torch.autograd.grad(model(IMAGES).square().sum(), model.parameters())
        1 / 0  # noqa: B018
    assert_same_bits(list(plain), list(found))
    assert not model._forward_hooks


def test_copies_of_the_network_count_too() -> None:
    model = linear()
    with counted(model) as counter:
        copy.deepcopy(model)(IMAGES)
    assert counter.passes == Passes(forward=5)


def test_what_gives_no_logits_is_left_to_its_caller() -> None:
    class Odd(nn.Module):
        def forward(self, images: Tensor) -> tuple[Tensor]:
            return (images,)

    model = Odd()
    with counted(model) as counter:
        model(IMAGES)
    assert counter.passes == Passes()


@pytest.mark.slow
def test_networks_are_counted_that_attacks_or_steps_compile() -> None:
    model = linear()
    passes = torch.compile(model, backend="eager")
    assert isinstance(passes, nn.Module)
    with counted(passes) as counter:
        passes(IMAGES).sum().backward()
        passes(IMAGES).sum().backward()
    assert counter.passes == Passes(forward=10, weight_backward=10)
    whole = torch.compile(lambda images: model(images).sum(), backend="eager", fullgraph=True)
    with counted(model):
        whole(IMAGES)  # nothing is counted, and nothing is in its way


# --- training

CASES: dict[str, tuple[dict[str, Any], tuple[int, int, int]]] = {
    "standard": ({"method": {"method": "standard"}}, (1, 0, 1)),
    "pgd": ({"method": {"method": "pgd"}}, (STEPS + 1, STEPS, 1)),
    "pgd, natural": (
        {"method": {"method": "pgd", "natural_weight": 0.5}},
        (STEPS + 2, STEPS, 2),
    ),
    "pgd, best": (  # the start and the first iterate are seen on the way, the last one once more
        {
            "method": {"method": "pgd"},
            "training": {"attacks": {"pgd": {"keep": "best"}}},
        },
        (STEPS + 1 + 1, STEPS, 1),
    ),
    "pgd, three starts": (
        {
            "method": {"method": "pgd"},
            "training": {"attacks": {"pgd": {"num_restarts": 3}}},
        },
        (3 * (STEPS + 1) + 1, 3 * STEPS, 1),
    ),
    "flow": ({"method": {"method": "flow"}}, (STEPS + 1, STEPS, 1)),
    "integrated": ({"method": {"method": "integrated"}}, (STEPS + 1, STEPS, 1)),
    "average": ({"method": {"method": "average"}}, (3 * STEPS + 3, 3 * STEPS, 3)),
    "average, separate": (
        {"method": {"method": "average"}, "training": {"batch_norm": "separate"}},
        (3 * STEPS + 3, 3 * STEPS, 3),
    ),
    "maximum": (  # three are looked at to pick one
        {"method": {"method": "maximum"}},
        (3 * STEPS + 3 + 1, 3 * STEPS, 1),
    ),
    "maximum, natural": (
        {"method": {"method": "maximum", "natural_weight": 0.2}},
        (3 * STEPS + 4 + 2, 3 * STEPS, 2),
    ),
    "pareto": ({"method": {"method": "pareto", "rho": 0.5}}, (3 * STEPS + 4, 3 * STEPS, 4)),
    "weighted, an attack of no weight": (  # which costs no search either
        {"method": {"method": "weighted", "weights": {"natural": 0.4, "pgd": 0.6, "rt": 0}}},
        (STEPS + 2, STEPS, 2),
    ),
    "nash_mtl": ({"method": {"method": "nash_mtl"}}, (3 * STEPS + 4, 3 * STEPS, 4)),
    "sat": ({"method": {"method": "sat"}}, (STEPS + 1, STEPS, 1)),
    "eat, natural": (
        {"method": {"method": "eat", "natural_weight": 0.5}},
        (STEPS + 2, STEPS, 2),
    ),
    "msd": (  # a gradient and a look at each of three candidates a step
        {"method": {"method": "msd", "natural_weight": 0.5}},
        (4 * STEPS + 2, STEPS, 2),
    ),
    "trades": ({"method": {"method": "trades"}}, (1 + 3 * STEPS + 4, 3 * STEPS, 4)),
    "ramp": ({"method": {"method": "ramp"}}, (3 * STEPS + 4, 3 * STEPS, 4)),
    "ramp, no natural": (
        {"method": {"method": "ramp", "natural_weight": 0}},
        (3 * STEPS + 3, 3 * STEPS, 3),
    ),
    "mgda": ({"method": {"method": "mgda"}}, (3 * STEPS + 4, 3 * STEPS, 4)),
    "mgda, joint batch norm": (  # all branches' images, back for each of four losses
        {"method": {"method": "mgda"}, "model": NORMALISED},
        (3 * STEPS + 4, 3 * STEPS, 4 * 4),
    ),
    "mgda, separate batch norm": (
        {
            "method": {"method": "mgda"},
            "model": NORMALISED,
            "training": {"batch_norm": "separate"},
        },
        (3 * STEPS + 4, 3 * STEPS, 4),
    ),
    "tchebycheff": ({"method": {"method": "tchebycheff"}}, (3 * STEPS + 3, 3 * STEPS, 3)),
    "grid": (
        {
            "method": {"method": "grid"},
            "training": {
                "attacks": {
                    "grid": {
                        "attack": "rt_grid",
                        "epsilon": 0.1,
                        "num_rotations": 3,
                        "num_translations": 1,
                    }
                }
            },
        },
        (3 + 1, 0, 1),
    ),
    "worst of": (
        {
            "method": {"method": "some"},
            "training": {
                "attacks": {"some": {"attack": "rt_worst_of", "epsilon": 0.1, "num_choices": 4}}
            },
        },
        (4 + 1, 0, 1),
    ),
}
"""A trial by what it changes in the small one, and its passes an image."""


@pytest.mark.parametrize("case", CASES)
def test_a_training_takes_what_its_method_and_attacks_say(
    case: str, small_trial: MakeTrial
) -> None:
    sections, (forward, to_input, to_weights) = CASES[case]
    training = {"epochs": 1, **sections.get("training", {})}
    trial = small_trial(**sections | {"training": training})
    _, diary = run(trial)
    expected = (EXAMPLES * forward, EXAMPLES * to_input, EXAMPLES * to_weights)
    assert of_row(diary.rows[0]) == expected
    assert most_passes_of_training(trial, EXAMPLES) == Passes.of_row(diary.rows[-1], "passes/")


@pytest.mark.slow
def test_parts_of_batches_take_what_the_whole_takes(small_trial: MakeTrial) -> None:
    for case in ("pareto", "maximum, natural", "tchebycheff", "mgda"):
        sections = CASES[case][0]
        training = {"epochs": 1, **sections.get("training", {})}
        few = {"train_examples": 64}
        trial = small_trial(**sections | {"training": training, "data": few})
        whole, parts = run(trial)[1], run(trial, micro_batches=3)[1]
        assert of_row(whole.rows[0]) == of_row(parts.rows[0])


def test_the_last_part_of_a_batch_is_left_out(small_trial: MakeTrial) -> None:
    trial = small_trial(data={"train_examples": 100}, training={"epochs": 1})
    _, diary = run(trial)
    assert of_row(diary.rows[0]) == (96, 0, 96)
    assert most_passes_of_training(trial, 100) == Passes(forward=96, weight_backward=96)


@pytest.mark.slow
def test_attacks_that_rest_take_nothing(small_trial: MakeTrial) -> None:
    """Alpha of rho = 1 is all on the largest loss: the others rest after a window of 3 steps, but
    for every fourth."""
    trial = small_trial(
        method={"method": "pareto", "rho": 1.0, "window": 3, "idle_every": 4},
        data={"train_examples": 320},
    )
    _, diary = run(trial)
    weightless = [name for name in diary.rows[0] if name.startswith("weight/")]
    assert len(weightless) == 4
    taken = Passes.of_row(diary.rows[-1], "passes/")
    most = most_passes_of_training(trial, 320)
    assert taken is not None
    assert most is not None
    # each branch of an attack takes `STEPS` forward and `STEPS` back, and one more of each
    rested = most.weight_backward - taken.weight_backward
    assert 0 < rested < most.weight_backward
    assert most.input_backward - taken.input_backward == STEPS * rested
    assert most.forward - taken.forward == (STEPS + 1) * rested


def test_the_mean_of_a_schedule_takes_what_its_steps_chose_among(small_trial: MakeTrial) -> None:
    trial = small_trial(
        method={"method": "sat", "natural_weight": 0.5},
        training={"epochs": 1},
        replay={"trial": "t0123456789abcdef", "mean": True},
    )
    diary, nan = Diary(), torch.nan
    chosen = torch.tensor([[0.5, 0.5, nan, nan], [0.5, nan, 0.5, nan], [0.5, nan, nan, 0.5]])
    told(diary, trial, resume=None, micro_batches=1, schedule=chosen.repeat(2, 1)[:5])
    forward, to_input, to_weights = 3 * STEPS + 4, 3 * STEPS, 4
    expected = (EXAMPLES * forward, EXAMPLES * to_input, EXAMPLES * to_weights)
    assert of_row(diary.rows[0]) == expected
    assert most_passes_of_training(trial, EXAMPLES) == Passes.of_row(diary.rows[-1], "passes/")


def test_attacks_of_ones_own_are_counted(
    small_trial: MakeTrial, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They call the network themselves, here as one does who does not know of `frozen`."""

    class Twice(Attack):
        def search(self, model: nn.Module, images: Tensor, labels: Tensor, keys: Tensor) -> Tensor:
            moved = images.clone().requires_grad_()
            for _ in range(2):
                (gradient,) = torch.autograd.grad(model(moved).sum(), moved)
            return (images + 0.1 * gradient.sign()).clamp(0, 1)

    monkeypatch.setitem(ATTACKS, "twice", Twice)
    trial = small_trial(method={"method": "twice"}, training={"attacks": {"twice": {}}})
    _, diary = run(trial)
    assert of_row(diary.rows[0]) == (EXAMPLES * 3, 0, EXAMPLES * 3)
    assert most_passes_of_training(trial, EXAMPLES) is None, "it does not say"


def test_who_changes_an_attack_is_not_spoken_for(
    small_trial: MakeTrial, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Longer(PGD):
        def search(self, model: nn.Module, images: Tensor, labels: Tensor, keys: Tensor) -> Tensor:
            for _ in range(7):
                images = super().search(model, images, labels, keys)
            return images

    suite = Rungs.whole(Longer(epsilon=0.1, num_steps=2))
    assert most_passes_of_evaluation(Suite(categories={"longer": suite}), 10) is not None
    monkeypatch.setitem(ATTACKS, "longer", Longer)
    longer = {"epsilon": 0.1, "num_steps": 2}
    trial = small_trial(method={"method": "longer"}, training={"attacks": {"longer": longer}})
    assert most_passes_of_training(trial, EXAMPLES) is None


def test_a_method_that_searches_otherwise_is_not_spoken_for(
    small_trial: MakeTrial, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Again(Average):
        def search(  # noqa: PLR0917  (as a method's)
            self,
            branch: str,
            attacks: Mapping[str, Attack],
            model: nn.Module,
            images: Tensor,
            labels: Tensor,
            keys: Tensor,
        ) -> Tensor:
            once = super().search(branch, attacks, model, images, labels, keys)
            return super().search(branch, attacks, model, once, labels, keys)

    monkeypatch.setitem(METHODS, "again", Again)
    trial = small_trial(method={"method": "again"}, training={"epochs": 1})
    _, diary = run(trial)
    assert of_row(diary.rows[0])[1] == 2 * 3 * STEPS * EXAMPLES
    assert most_passes_of_training(trial, EXAMPLES) is None


# --- going on


@pytest.mark.parametrize("stop", [5, 8])
def test_a_course_counts_once_however_often_it_stops(stop: int, small_trial: MakeTrial) -> None:
    trial = small_trial(method={"method": "pgd"}, training={"epochs": 2})
    _, whole = run(trial)
    stopped = Diary(fails_after=stop)
    with pytest.raises(StopError):
        told(stopped, trial, resume=None, micro_batches=1)
    _, rest = run(trial, resume=stopped.stopped)
    (row,) = rest.rows  # of the second epoch, a part of which was run before where stop is 8
    assert of_row(row) == of_row(whole.rows[1])


def test_a_course_of_which_a_part_was_not_counted_says_nothing(small_trial: MakeTrial) -> None:
    """It goes on from a checkpoint that was made before passes were counted."""
    trial = small_trial()
    stopped = Diary(fails_after=2)
    with pytest.raises(StopError):
        told(stopped, trial, resume=None, micro_batches=1)
    assert stopped.stopped is not None
    state = Checkpoint.from_bytes(stopped.stopped)
    buffer = io.BytesIO()
    torch.save({name: value for name, value in vars(state).items() if name != "passes"}, buffer)
    _, diary = run(trial, resume=buffer.getvalue())
    assert [Passes.of_row(row, "passes/") for row in diary.rows] == [None] * 3


# --- evaluation


class Steady(nn.Module):
    """Answers the class that it is told, whatever it sees, with a gradient of the images."""

    def __init__(self, answers: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self._answers = answers

    def forward(self, images: Tensor) -> Tensor:
        logits = nn.functional.one_hot(self._answers(images), 10).float()
        return logits + 1e-9 * images.flatten(1).sum(1, keepdim=True)


def suite_of(**categories: Any) -> Suite:
    return read_suite(Document.from_plain({**categories, "split": "validation"}, "test"))


def evaluated(model: nn.Module, suite: Suite, digits: Dataset) -> Passes:
    with counted(model) as counter:
        evaluate(model, suite, digits, progress=None)
    return counter.passes


def of_one_class(digits: Dataset) -> Dataset:
    """Every image is of class 0."""
    held_out = digits.validation
    return replace(digits, validation=replace(held_out, labels=torch.zeros_like(held_out.labels)))


LADDERS = {
    "pgd": {"epsilon": 0.1, "ladder": [1, 4], "num_restarts": 2},
    "flow": {"epsilon": 0.1, "ladder": [3]},
    "some": {"attack": "rt_worst_of", "epsilon": 0.1, "ladder": [2, 5]},
}


def test_images_that_withstand_take_every_step(digits: Dataset) -> None:
    suite = suite_of(**LADDERS, examples=100, batch_size=30)
    model = Steady(lambda images: torch.zeros(len(images), dtype=torch.int64))
    found = evaluated(model, suite, of_one_class(digits))
    looks = 3 * math.ceil(100 / 30)  # one image a batch and category: how many classes there are
    forward = 100 * (1 + 2 * (4 + 1) + (3 + 1) + 5) + looks
    assert found == Passes(forward=forward, input_backward=100 * (2 * 4 + 3))
    assert found == most_passes_of_evaluation(suite, 100)


def test_images_that_are_wrong_when_clean_take_no_step(digits: Dataset) -> None:
    suite = suite_of(**LADDERS, examples=100)
    model = Steady(lambda images: torch.ones(len(images), dtype=torch.int64))
    assert evaluated(model, suite, of_one_class(digits)) == Passes(forward=100)


def test_fewer_passes_as_images_fall(digits: Dataset) -> None:
    """After the clean pass half of them fall at the start of every run."""
    seen = 0

    def half(images: Tensor) -> Tensor:
        nonlocal seen
        seen += 1
        is_clean = seen <= 2  # and the look at the first image
        return torch.zeros(len(images), dtype=torch.int64) if is_clean else falls(images)

    def falls(images: Tensor) -> Tensor:
        return (torch.arange(len(images)) < 50).long() * (len(images) == 100)

    suite = suite_of(pgd={"epsilon": 0.1, "ladder": [4]}, examples=100)
    found = evaluated(Steady(half), suite, of_one_class(digits))
    # at the start 100 are seen, and their gradient is taken; 50 go on for three steps and the end
    assert found == Passes(forward=100 + 1 + 100 + 3 * 50 + 50, input_backward=100 + 3 * 50)


def test_validation_stands_apart(small_trial: MakeTrial) -> None:
    """One step of each attack, on those that are right when clean."""
    trial: Trial = small_trial(validation={"every": 2})
    _, diary = run(trial)
    so_far = [of_row(row, "validation/passes/") for row in diary.rows]
    assert so_far[0] == (0, 0, 0)
    for row, before, now in zip(diary.rows[1:], so_far, so_far[1:], strict=False):
        right = round(row["validation/natural_accuracy"] * HELD_OUT)
        forward, to_input, to_weights = (b - a for a, b in zip(before, now, strict=True))
        assert (to_input, to_weights) == (3 * right, 0)
        fallen = 3 * right + 3 + HELD_OUT
        assert fallen <= forward <= fallen + 3 * right
    assert [of_row(row) for row in diary.rows] == [
        (epoch * EXAMPLES, 0, epoch * EXAMPLES) for epoch in (1, 2, 3)
    ]
