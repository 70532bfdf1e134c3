"""Keeps a trial at work to what is asked of it: orders, timely checkpoints, limits, stopping rules.

The trial's own thread reports at every step. A second one, that of its lease, checks meanwhile,
and ends the process where the first does not report any more.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from orchestrator.search.stopping import Pruning
from orchestrator.spec.policy import Policy
from orchestrator.store import Attempt
from orchestrator.store.leases.lease import clock
from orchestrator.store.sweeps.orders import Orders
from trainer.training.loop import EpochRow
from trainer.weights.checkpoint import Checkpoint

logger = logging.getLogger(__name__)

SECONDS_BETWEEN_LOOKS = 0.2
"""Seconds between two looks at the orders while a trial is paused."""


class StoppedError(Exception):
    """The sweep was asked to stop; what can be kept is kept."""


class TimeLimitError(RuntimeError):
    """The trial has used up its time."""


class PrunedError(Exception):
    """A stopping rule ends the trial; what can be kept is kept."""

    def __init__(self, pruning: Pruning) -> None:
        super().__init__(pruning)
        self.pruning = pruning


class Supervision:
    """Reporter of a trial's training and evaluation, which obeys orders and limits."""

    def __init__(
        self,
        attempt: Attempt,
        policy: Policy,
        *,
        epochs: int,
        read_orders: Callable[[], Orders],
        spent: float,
        decide: Callable[[Sequence[EpochRow]], Pruning | None],
        report: Callable[[EpochRow], None],
        end_process: Callable[[], None],
    ) -> None:
        """Supervise one attempt.

        Args:
            epochs: epochs of the whole training.
            read_orders: returns what is wanted now.
            spent: seconds of the attempts before.
            decide: asks the stopping rules by the rows so far.
            report: is given each epoch's row once it is kept.
            end_process: ends a process whose trial hangs; that is recorded by then.
        """
        self._attempt = attempt
        self._policy = policy
        self._epochs = epochs
        self._read_orders = read_orders
        self._spent = spent
        self._decide = decide
        self._report = report
        self._end_process = end_process
        self._orders = Orders()
        self._checkpoints_written = 0
        self._rested = 0.0
        self._checked_in = self._saved = clock()

    def tick(self) -> None:
        """Read the orders, and end the process if its trial hangs; the lease's thread calls it."""
        self._orders = self._read_orders()
        silence = clock() - self._checked_in
        limit = 60 * self._policy.limits.silent_minutes
        if silence > limit and not self._orders.paused:
            message = (
                f"no step for {silence:.0f} s (limits.silent_minutes is "
                f"{self._policy.limits.silent_minutes:g})"
            )
            logger.error("the trial of %s hangs: %s", self._attempt.folder, message)
            self._attempt.fail("hung", message, "")
            self._end_process()

    def check_in(self, checkpoint: Callable[[], Checkpoint] | None) -> None:
        """Obey orders and limits, and save a checkpoint that is due; the trial's thread calls it.

        Args:
            checkpoint: the state to go on from, where there is one.

        Raises:
            StoppedError, TimeLimitError, LostError: the trial is to end here.
        """
        self._checked_in = clock()
        self._attempt.check()
        limit = self._policy.limits.hours
        if limit is not None and self._spent + self._attempt.elapsed - self._rested > 3600 * limit:
            raise TimeLimitError(f"must end within {limit:g} h (limits.hours)")
        orders = self._orders
        is_due = clock() - self._saved > 60 * self._policy.checkpoints.minutes
        is_asked = orders.checkpoints > self._checkpoints_written
        if checkpoint is not None and (is_due or is_asked or orders.stop or orders.paused):
            self._save(checkpoint())
            self._checkpoints_written = orders.checkpoints
        if orders.stop:
            raise StoppedError
        if orders.paused:
            self._rest()

    @property
    def keeps_last_checkpoint(self) -> bool:
        """Whether the last checkpoint of a trained trial stays in the store."""
        return self._policy.retention.checkpoints == "last"

    def step_done(self, checkpoint: Callable[[], Checkpoint]) -> None:
        """Obey orders and limits after a step: see `trainer.training.loop.Reporter`."""
        self.check_in(checkpoint)

    def epoch_done(self, row: EpochRow, checkpoint: Callable[[], Checkpoint]) -> None:
        """Keep an epoch's row and checkpoint, report, and end the trial where a rule says so: see
        `trainer.training.loop.Reporter`.

        Raises:
            PrunedError: one does; the epoch's checkpoint is kept.
        """
        self._attempt.keep_row(row)
        self._attempt.note(epoch=int(row["epoch"]))
        is_due = int(row["epoch"]) % self._policy.checkpoints.epochs == 0
        pruning = self._decide(self._attempt.rows)
        if is_due or int(row["epoch"]) == self._epochs or pruning is not None:
            self._save(checkpoint())
        self._report(row)
        if pruning is not None:
            raise PrunedError(pruning)
        self.check_in(None if is_due else checkpoint)

    def goes_on_from(self, rows: Sequence[EpochRow]) -> None:
        """Ask the stopping rules about the epochs before, which may have had others.

        Raises:
            PrunedError: one ends the trial, of which the last checkpoint is there.
        """
        pruning = self._decide(rows)
        if pruning is not None:
            raise PrunedError(pruning)

    def evaluated(self, done: int, count: int) -> None:
        """Note the progress of an evaluation: see `trainer.evaluation.suite.evaluate`."""
        self._attempt.note(evaluated=done / count)
        self.check_in(None)

    def _save(self, checkpoint: Checkpoint) -> None:
        self._attempt.keep_checkpoint(checkpoint)
        self._saved = clock()

    def _rest(self) -> None:
        """Wait until the sweep is resumed; memory is kept, no step is taken."""
        before, began = self._rested, clock()
        while self._orders.paused and not self._orders.stop:
            self._attempt.note(paused=True, rested=self._rested)
            time.sleep(SECONDS_BETWEEN_LOOKS)
            self._checked_in = clock()
            self._rested = before + self._checked_in - began
            self._attempt.check()
        self._attempt.note(paused=False, rested=self._rested)
        if self._orders.stop:
            raise StoppedError
