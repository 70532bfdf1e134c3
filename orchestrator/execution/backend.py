"""Back ends that run trials, and their listener: Ray Tune (`tuning`) or this process
(`in_process`).

Either way a trial that raises is recorded as failed and the next one goes on, a start that is to
stop lets its trials stop within their epochs, and what is done elsewhere is taken as it is. That
worker processes are killed, and what of them is lost, is Ray's matter.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from orchestrator.plan.plan import PlannedTrial
from orchestrator.spec.policy import Policy
from orchestrator.store import Store
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


class RunTrials(Protocol):
    """A back end: runs trials until all have ended here or elsewhere, or it is stopped."""

    def __call__(
        self,
        trials: Sequence[PlannedTrial],
        *,
        suite: Suite,
        store: Store,
        policy: Policy,
        sweep: str,
        start: str,
        listener: Listener,
        is_stopped: Callable[[], bool],
        steady: Callable[[], float],
        keep_signals: Callable[[], None],
    ) -> None:
        """Run the trials, and report on them to the listener.

        Args:
            start: folder of the start of the sweep, where its workers find orders.
            steady: seconds for which the store has taken the start's own signs of life.
            keep_signals: puts the command's own handlers back, where another has put its own.
        """
