"""Back ends that run trials, what they are handed and whom they tell: Ray Tune (`tuning`) or this
process (`in_process`).

Either way a trial that raises is recorded as failed and the next one goes on, a worker that raises
before it can record anything is tried again, a start that is to stop lets its trials stop within
their epochs, and what is done elsewhere is taken as it is. That worker processes are killed, and
what of them is lost, is Ray's matter.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from orchestrator.plan.planned_trial import PlannedTrial
from orchestrator.spec.policy import Policy
from orchestrator.store import Failure, Store
from orchestrator.store.leases import lease
from orchestrator.worker.failures import failure_kind
from trainer.evaluation.suite import Suite
from trainer.training.loop import EpochRow


class Listener(Protocol):
    """Receives what happens to trials while they run."""

    def started(self, trial_id: str) -> None:
        """A worker took the trial up."""

    def epoch_done(self, trial_id: str, row: EpochRow) -> None:
        """An epoch of the trial is done, and its row is in the store."""

    def let_go(self, trial_id: str) -> None:
        """A worker let go of the trial, which is not over."""

    def ended(self, trial_id: str) -> None:
        """The trial is done or has failed: the store says which."""


def no_more() -> Sequence[PlannedTrial]:
    """Give no trial beyond those that a workload began with."""
    return ()


@dataclass(frozen=True, kw_only=True)
class Workload:
    """The trials that one start of a sweep has to run, and all that a back end needs to run them.

    `more` is asked, in the thread that runs the workload, whenever a trial could be taken up and
    none is ready. What it gives joins the queue; where it gives nothing it is asked again once a
    trial has ended here, and every few seconds, since others may have ended elsewhere. The workload
    is over when nothing runs or waits and nothing more comes.
    """

    trials: Sequence[PlannedTrial]
    suite: Suite
    validation_id: str | None  # of the suite that choices are made by; None: there is none
    store: Store
    policy: Policy
    sweep: str
    start: str  # folder of the start, where its workers find orders
    listener: Listener
    is_stopped: Callable[[], bool]
    seconds_in_touch: Callable[[], float]  # for which the store took the start's signs of life
    keep_signals: Callable[[], None]  # puts the command's handlers back where others took theirs
    more: Callable[[], Sequence[PlannedTrial]] = no_more


class BackEnd(Protocol):
    """A place where trials run, in a time of its own: all that is counted or waited for while they
    do is by its clock, be it the machine's or one that leaps from one event to the next."""

    def clock(self) -> float:
        """Return the seconds since some moment."""

    def sleep(self, seconds: float) -> None:
        """Let so many seconds pass."""

    def run(self, workload: Workload) -> None:
        """Run the trials until all have ended, here or elsewhere, or the workload is stopped."""


def failure_by(error: BaseException, details: str) -> Failure:
    """Return the failure of a trial whose worker an exception ended before it could record one.

    Args:
        details: the exception's traceback.
    """
    message = f"{type(error).__name__}: {error}"
    return Failure(kind=failure_kind(error), message=message, details=details, at=lease.utc_now())


class RealTime:
    """The machine's own time, for back ends whose trials really run."""

    def clock(self) -> float:
        """Return the seconds since some moment, sleep of the machine included where it can tell."""
        return lease.clock()

    def sleep(self, seconds: float) -> None:
        """Wait for so many seconds."""
        time.sleep(seconds)
