"""What an epoch sums: means over the steps that computed a loss; states of older checkpoints."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tests.trainer.runs import CPU
from trainer.input.problems import BadInput
from trainer.passes import Passes
from trainer.training.epoch_sums import EpochSums
from trainer.training.last_steps import Step, StepLog


def step(*losses: float) -> Step:
    """A step that lacks the losses that are NaN."""
    found = torch.tensor(losses)
    return Step(
        epoch=1,
        step=1,
        learning_rate=0.1,
        gradient_norm=torch.tensor(2.0),
        losses=found,
        weights=(~found.isnan()).float(),
        passes=Passes(),
        left_out=frozenset(found.isnan().nonzero().flatten().tolist()),
    )


NAN = float("nan")
STEPS = (step(1.0, NAN, NAN), step(3.0, 5.0, NAN), step(5.0, NAN, NAN))


def sums_of(*steps: Step) -> EpochSums:
    sums = EpochSums(3, CPU)
    for each in steps:
        sums.add(each)
    return sums


def test_means_are_over_the_steps_that_computed_a_loss() -> None:
    sums = sums_of(*STEPS)
    assert sums.mean_losses() == {0: 3.0, 1: 5.0}
    assert sums.weights.tolist() == [3, 1, 0]
    assert sums.losses.isfinite().all()


def test_a_loss_that_has_diverged_stays_so() -> None:
    """It is NaN and was computed: no step that left it out may hide it."""
    diverged = step(1.0, NAN, 2.0)
    sums = sums_of(Step(**{**vars(diverged), "left_out": frozenset()}), STEPS[0])
    assert not sums.losses.isfinite().all()


def test_sums_go_on() -> None:
    whole, first, second = sums_of(*STEPS), sums_of(*STEPS[:2]), EpochSums(3, CPU)
    second.restore({**first.state(), "seconds": 0.0}, steps=2)
    second.add(STEPS[2])
    assert second.mean_losses() == whole.mean_losses()
    assert first.mean_losses() == {0: 2.0, 1: 5.0}  # its own, which nobody has written to


def test_checkpoints_of_before_had_every_loss_in_every_step() -> None:
    state: dict[str, Any] = {
        "losses": torch.tensor([4.0, 8.0]),
        "weights": torch.tensor([2.0, 2.0]),
        "seconds": 1.0,
    }
    sums = EpochSums(2, CPU)
    sums.restore(state, steps=4)
    assert sums.mean_losses() == {0: 1.0, 1: 2.0}


def test_sums_of_other_losses_are_refused() -> None:
    with pytest.raises(BadInput, match=r"must be sums of 2 losses .* got 3"):
        EpochSums(2, CPU).restore(sums_of(*STEPS).state(), steps=3)


def test_the_last_steps_have_no_loss_that_was_not_computed() -> None:
    log = StepLog()
    log.add(STEPS[1])
    (facts,) = log.read(("natural", "pgd", "flow"))
    assert {name for name in facts if name.startswith("loss/")} == {"loss/natural", "loss/pgd"}
    assert facts["weight/flow"] == 0
