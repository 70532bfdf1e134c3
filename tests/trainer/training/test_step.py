"""A step of training: its facts by an independent calculation, and the same one in parts."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from tests.trainer.runs import (
    CPU,
    FORGETFUL,
    Diary,
    MakeTrial,
    descent_of,
    differs,
    run,
    told,
)
from trainer.config import Trial
from trainer.data import load
from trainer.input.problems import BadInput
from trainer.passes import PARTS, Passes
from trainer.training.loop import new_model
from trainer.training.step import refuse_unfit_parts

SGD = {"optimiser": {"name": "sgd", "learning_rate": 0.05}}
METHODS: dict[str, dict[str, Any]] = {
    "standard": {},
    "average": {"natural_weight": 0.25},
    "maximum": {"natural_weight": 0.2},
    "pareto": {"rho": 0.5, "window": 2},
    "eat": {"natural_weight": 0.2},
    "msd": {},
    "trades": {"beta": 2.0},
    "ramp": {"natural_weight": 0.3},
    "mgda": {},
    "tchebycheff": {"natural_weight": 0.3},
}
SUMS_APART = ("trades", "ramp", "tchebycheff")
"""Methods whose weights, as their papers have them, do not sum to 1."""


def trial_of(small_trial: MakeTrial, method: str) -> Trial:
    return small_trial(method={"method": method, **METHODS[method]}, training=SGD)


# One step


def test_a_step_of_sgd_goes_down_the_mean_loss(small_trial: MakeTrial) -> None:
    """Against autograd on the same images; the first step of a run has no momentum yet."""
    trial = trial_of(small_trial, "standard")
    descent = descent_of(trial, micro_batches=1)
    indices = torch.arange(32)
    model = new_model(trial, load(trial.data, CPU), CPU)
    split = descent.split
    loss = F.cross_entropy(model(split.images_at(indices)), split.labels[indices])
    gradients = torch.autograd.grad(loss, list(model.parameters()))

    done = descent.step(indices, epoch=0, step=0)

    assert (done.epoch, done.step, done.learning_rate) == (1, 1, 0.05)
    torch.testing.assert_close(done.losses, loss.detach()[None])
    assert done.weights.tolist() == [1.0]
    norm = sum(float(gradient.square().sum()) for gradient in gradients) ** 0.5
    assert float(done.gradient_norm) == pytest.approx(norm, rel=1e-5)
    for now, before, gradient in zip(
        descent.model.parameters(), model.parameters(), gradients, strict=True
    ):
        torch.testing.assert_close(now.detach(), before.detach() - 0.05 * gradient)


READS = {"tolist", "item", "numpy", "cpu", "nonzero", "unique", "masked_select", "equal"} | {
    f"__{kind}__" for kind in ("bool", "float", "int", "index", "array", "contains")
}


class Reads(TorchFunctionMode):
    """Names what Python asks of tensors that depends on their values, and how many it asks of: on a
    GPU each would be waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, int]] = []

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name = getattr(func, "__name__", "")
        is_mask = name in {"__getitem__", "__setitem__"} and any(
            isinstance(each, Tensor) and each.dtype == torch.bool
            for each in (args[1] if isinstance(args[1], tuple) else (args[1],))
        )
        if name in READS or is_mask:
            self.found.append((name, args[0].numel()))
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("method", METHODS)
def test_a_step_asks_for_no_value_but_what_alpha_needs(method: str, small_trial: MakeTrial) -> None:
    descent = descent_of(trial_of(small_trial, method), micro_batches=2)
    for step in range(3):
        with Reads() as reads:
            descent.step(torch.arange(32), epoch=0, step=step)
        of_the_step_before = {"pareto": ("tolist", 4), "eat": ("tolist", 1)}.get(method)
        expected = [of_the_step_before] if of_the_step_before and step else []
        if method == "mgda":
            expected = [("tolist", 16)]  # products of this step's gradients, by which it weighs
        assert reads.found == expected


@pytest.mark.parametrize(
    "read",
    [
        lambda x: bool(x[0] > 0),
        lambda x: float(x[0]),
        lambda x: x.tolist(),
        lambda x: x[x > 0],
        lambda x: x.nonzero(),
        torch.nonzero,
        lambda x: x[0].item(),
    ],
)
def test_what_waits_would_be_seen(read: Callable[[Tensor], Any]) -> None:
    x = torch.ones(3)
    with Reads() as reads:
        read(x)
    assert len(reads.found) == 1


# The same step in parts


@pytest.mark.slow
@pytest.mark.parametrize("micro_batches", [2, 3, 40])
@pytest.mark.parametrize("method", METHODS)
def test_parts_of_a_batch_train_the_same_model(
    method: str, micro_batches: int, small_trial: MakeTrial
) -> None:
    """Batches of 32: even parts, parts of 11, 11 and 10, and each example by itself.

    By SGD: Adam blows rounding up where a gradient is next to nothing, and a maximum jumps
    where two losses are equal.
    """
    trial = small_trial(
        data={"train_examples": 64},
        method={"method": method, **METHODS[method]},
        training=SGD | {"epochs": 2},
    )
    whole, whole_diary = run(trial)
    parts, diary = run(trial, micro_batches=micro_batches)
    start = new_model(trial, load(trial.data, CPU), CPU)
    for one, other, at_first in zip(
        whole.parameters(), parts.parameters(), start.parameters(), strict=True
    ):
        moved = float((one - at_first).detach().norm() / one.detach().norm())
        apart = float((one - other).detach().norm() / one.detach().norm())
        assert apart < 1e-5
        assert moved > 1e-3
    for row, whole_row in zip(diary.facts(), whole_diary.facts(), strict=True):
        for facts in (row, whole_row):  # rounding decides at which look an image falls
            for kind in Passes().record():
                del facts[f"{PARTS['validation']}{kind}"]
        assert row == pytest.approx(whole_row, rel=1e-4, abs=1e-5)  # divergences are tiny


@pytest.mark.parametrize("method", METHODS)
def test_the_facts_of_a_step_are_those_of_its_whole_batch(
    method: str, small_trial: MakeTrial
) -> None:
    trial = trial_of(small_trial, method)
    one, other = (
        descent_of(trial, micro_batches=parts).step(torch.arange(32), epoch=0, step=0)
        for parts in (1, 3)
    )
    torch.testing.assert_close(one.losses, other.losses, equal_nan=True)
    torch.testing.assert_close(one.weights, other.weights)
    torch.testing.assert_close(one.gradient_norm, other.gradient_norm)
    if method not in SUMS_APART:
        assert float(one.weights.sum()) == pytest.approx(1)


def test_attacks_and_passes_are_of_one_part_at_a_time(small_trial: MakeTrial, own: str) -> None:
    dark = {"attack": f"{own}:Darker", "epsilon": 0.4}
    trial = small_trial(
        method={"method": "dark", "natural_weight": 0.5},
        training=SGD | {"attacks": {"dark": dark}},
    )
    descent = descent_of(trial, micro_batches=3)
    passes: list[int] = []

    def watch(model: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        del model
        passes.append(len(inputs[0]))

    descent.model.register_forward_pre_hook(watch)
    indices = torch.randperm(160, generator=torch.Generator().manual_seed(0))[:32]
    descent.step(indices, epoch=0, step=0)
    attacked = [len(keys) for _, keys, _ in importlib.import_module(own).CALLS]
    assert attacked == [11, 11, 10]
    assert passes == [22, 22, 20]  # both branches in one


@pytest.mark.slow
def test_validation_is_in_batches_of_a_parts_size(small_trial: MakeTrial, own: str) -> None:
    """Its attack is given what the model classifies correctly, which is most of a batch."""
    dark = {"attack": f"{own}:Darker", "epsilon": 0.1}
    trial = small_trial(
        data={"train_examples": 600},
        validation={"every": 3, "examples": 64, "attacks": {"dark": dark}},
    )
    _, diary = run(trial)
    _, in_parts = run(trial, micro_batches=3)
    sizes = [len(keys) for _, keys, _ in importlib.import_module(own).CALLS]
    assert max(sizes[:2]) > 11
    assert len(sizes[2:]) == 6  # of 64 images in elevens
    assert max(sizes[2:]) <= 11
    accuracy = "validation/robust_accuracy_dark"
    assert in_parts.rows[-1][accuracy] == diary.rows[-1][accuracy] > 0.5


@pytest.mark.slow
def test_parts_stop_and_go_on_bit_for_bit_too(small_trial: MakeTrial) -> None:
    trial = trial_of(small_trial, "pareto")
    model, diary = run(trial, micro_batches=3)
    again, rest = run(trial, micro_batches=3, resume=diary.checkpoints[1])
    assert not differs(model, again)
    assert rest.facts() == diary.facts()[2:]


# What cannot be taken apart


def refusal(trial: Trial, micro_batches: int) -> str:
    diary = Diary()
    with pytest.raises(BadInput) as caught:
        told(diary, trial, resume=None, micro_batches=micro_batches)
    assert diary.steps == 0
    return str(caught.value)


@pytest.mark.parametrize("model", [FORGETFUL, {"name": "preact_resnet18"}])
def test_batch_norm_must_see_a_batch_whole(
    model: dict[str, Any], small_trial: MakeTrial, own: str
) -> None:
    del own
    message = refusal(small_trial(model=model), 2)
    assert message == (
        "micro_batches: must be 1 for a model with BatchNorm, got 2, since the statistics of a "
        "batch's parts are not those of the whole; lower training.batch_size instead"
    )


def test_other_norms_do_not_mind() -> None:
    refuse_unfit_parts(nn.Sequential(nn.LayerNorm(3), nn.GroupNorm(1, 3)), 2)


@pytest.mark.parametrize("micro_batches", [0, -1])
def test_there_is_at_least_one_part(micro_batches: int, small_trial: MakeTrial) -> None:
    message = refusal(small_trial(), micro_batches)
    assert message == f"micro_batches: must be >= 1 (1 computes a batch whole), got {micro_batches}"
