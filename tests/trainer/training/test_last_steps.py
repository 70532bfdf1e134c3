"""Divergence: found soon, never in a checkpoint, and with the steps that led to it."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.trainer.runs import Diary, MakeTrial, told
from trainer.config import Trial
from trainer.passes import Passes
from trainer.training.last_steps import Step, StepLog
from trainer.training.loop import DivergedError, EpochRow
from trainer.weights.checkpoint import Checkpoint

BRANCHES = ("natural", "pgd")


def step_number(number: int) -> Step:
    """A step whose facts all follow from its number."""
    return Step(
        epoch=1 + number // 7,
        step=1 + number % 7,
        learning_rate=0.5 / (1 + number),
        gradient_norm=torch.tensor(float(number)),
        losses=torch.tensor([number + 0.25, number + 0.5]),
        weights=torch.tensor([0.25, 0.75]),
        passes=Passes(),
    )


# The ring


@pytest.mark.slow
@given(st.integers(0, 450))
def test_the_newest_steps_are_kept_oldest_first(count: int) -> None:
    log = StepLog()
    for number in range(count):
        log.add(step_number(number))
    assert log.read(BRANCHES) == [
        {
            "epoch": 1 + number // 7,
            "step": 1 + number % 7,
            "learning_rate": 0.5 / (1 + number),
            "gradient_norm": number,
            "loss/natural": number + 0.25,
            "loss/pgd": number + 0.5,
            "weight/natural": 0.25,
            "weight/pgd": 0.75,
        }
        for number in range(max(0, count - 200), count)
    ]


def test_reading_takes_nothing_away() -> None:
    log = StepLog()
    log.add(step_number(3))
    assert log.read(BRANCHES) == log.read(BRANCHES) != []


# When divergence is found

EXPLODES_AT = """
from torch import Tensor
from trainer.methods import Standard, Weighting


class Explodes(Standard):
    at: int  # steps done

    def weighting(self) -> Weighting:
        return Fuse(self.at)


class Fuse(Weighting):
    def __init__(self, at: int) -> None:
        self._left = at

    def weigh(self, losses: Tensor) -> Tensor:
        return losses.new_full((1, 1), float("inf") if self._left == 0 else 1.0)

    def observe(self, losses: Tensor) -> None:
        self._left -= 1
"""


@pytest.fixture
def exploding(
    small_trial: MakeTrial,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[int], Trial]:
    """A trial of 160 steps an epoch whose gradient is infinite in the step after so many."""
    folder = tmp_path_factory.mktemp("fuse")
    (folder / "fuse.py").write_text(EXPLODES_AT)
    monkeypatch.syspath_prepend(folder)

    def make(at: int) -> Trial:
        return small_trial(
            method={"method": "fuse:Explodes", "at": at}, training={"batch_size": 1, "epochs": 2}
        )

    return make


@pytest.mark.parametrize(
    ("at", "epoch", "found_by"), [(0, 1, 50), (49, 1, 50), (50, 1, 100), (155, 1, 160)]
)
def test_divergence_is_found_within_fifty_steps_or_at_the_epochs_end(
    at: int, epoch: int, found_by: int, exploding: Callable[[int], Trial]
) -> None:
    diary = Diary()
    with pytest.raises(DivergedError, match=rf"of epoch {epoch} .* by step {found_by};") as caught:
        told(diary, exploding(at), resume=None, micro_batches=1)
    assert diary.steps == found_by - 1
    steps = caught.value.last_steps
    assert [step["step"] for step in steps] == list(range(1, found_by + 1))
    finite = [math.isfinite(step["gradient_norm"]) for step in steps]
    assert finite == [True] * at + [False] * (found_by - at)
    weights = [step["weight/natural"] for step in steps]
    assert weights[:at] == [1.0] * at
    assert weights[at] == math.inf


@pytest.mark.slow
def test_the_last_steps_reach_over_an_epochs_border(exploding: Callable[[int], Trial]) -> None:
    diary = Diary()
    with pytest.raises(DivergedError, match="of epoch 2 ") as caught:
        told(diary, exploding(230), resume=None, micro_batches=1)
    steps = caught.value.last_steps
    assert len(steps) == 200
    assert [(steps[i]["epoch"], steps[i]["step"]) for i in (0, 99, 100, -1)] == [
        (1, 61),
        (1, 160),
        (2, 1),
        (2, 100),
    ]
    first_epoch = [step["loss/natural"] for step in steps if step["epoch"] == 1]
    assert len(diary.rows) == 1
    assert sum(first_epoch) / 100 < diary.rows[0]["loss/natural"]  # of its first sixty steps too


class AsksAt:
    """Asks for a checkpoint after so many steps."""

    def __init__(self, step: int) -> None:
        self.checkpoint: Checkpoint | None = None
        self._left = step

    def step_done(self, checkpoint: Callable[[], Checkpoint]) -> None:
        self._left -= 1
        if self._left == 0:
            self.checkpoint = checkpoint()

    def epoch_done(self, row: EpochRow, checkpoint: Callable[[], Checkpoint]) -> None:
        raise AssertionError("an epoch that diverged is never done")


@pytest.mark.parametrize(("asked_after", "is_good"), [(20, True), (21, False), (33, False)])
def test_a_checkpoint_is_finite_or_none(
    asked_after: int, is_good: bool, exploding: Callable[[int], Trial]
) -> None:
    reporter = AsksAt(asked_after)
    found_by = 50 if is_good else asked_after
    with pytest.raises(DivergedError, match=f"by step {found_by};") as caught:
        told(reporter, exploding(20), resume=None, micro_batches=1)
    assert len(caught.value.last_steps) == found_by
    assert (reporter.checkpoint is not None) == is_good


def test_the_error_survives_the_way_between_processes() -> None:
    error = DivergedError("losses must be finite", [{"epoch": 1.0, "loss/natural": math.inf}])
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == "losses must be finite"
    assert again.last_steps == error.last_steps
