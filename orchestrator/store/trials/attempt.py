"""An attempt at a trial, under a lease: nothing is written once another has succeeded it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Unpack

from orchestrator.store.files.contract import Files
from orchestrator.store.leases.lease import Lease, utc_now
from orchestrator.store.leases.records import Cause, Facts, FailureKind
from orchestrator.store.records.layout import AttemptFolder, FileKind, TrialFolder
from orchestrator.store.records.sealed import remove_blob, write_blob
from orchestrator.store.trials.records import (
    Evaluated,
    Evaluation,
    Predecessor,
    Result,
    Row,
    Trained,
)
from orchestrator.store.trials.result import published
from trainer.config import Trial
from trainer.evaluation.outcomes import Outcomes
from trainer.input.redaction import redacted, redacted_lines
from trainer.weights import own_weights
from trainer.weights.checkpoint import Checkpoint, Weights

if TYPE_CHECKING:
    from trainer.training.loop import EpochRow
KEPT_CHECKPOINTS = 2
"""Checkpoints that are kept: the newest, and the one before in case that one is damaged."""


class Attempt:
    """One attempt at a trial, in a folder of its own.

    Every write raises `LostError` once the lease is lost.
    """

    def __init__(self, files: Files, place: TrialFolder, lease: Lease, trial: Trial) -> None:
        """Work under a lease that this process has taken, at the trial whose folder is `place`."""
        self._files = files
        self._place = place
        self._own = AttemptFolder(lease.folder)
        self._lease = lease
        self._trial = trial
        self._checkpoints: list[str] = []
        self.folder = lease.folder
        self.number = lease.number
        self.rows: list[EpochRow] = []

    @contextmanager
    def kept(self, on_tick: Callable[[], None]) -> Iterator[None]:
        """Keep the lease for the time of the block: see `Lease.kept`."""
        with self._lease.kept(on_tick):
            yield

    @property
    def elapsed(self) -> float:
        """Seconds since the attempt began."""
        return self._lease.elapsed

    def check(self) -> None:
        """Check that the attempt may go on, or raise `LostError`."""
        self._lease.check()

    def note(self, **facts: Unpack[Facts]) -> None:
        """Add to the next sign of life how the work goes."""
        self._lease.note(**facts)

    def go_on_from(self, origin: Predecessor) -> None:
        """Record where the attempt goes on from, with the rows of the epochs before."""
        self.rows = list(origin.rows)
        self.check()
        origin.write(self._files, self._own.origin)

    def keep_row(self, row: EpochRow) -> None:
        """Write the row of one epoch."""
        self.rows.append(row)
        self.check()
        Row.of_facts(row).write(self._files, self._own.row(int(row["epoch"])))

    def keep_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Write a state to go on from, and remove all older ones but one."""
        self.check()
        best = None if checkpoint.best is None else checkpoint.best["validation"]
        name = replace(self._own, best=best).checkpoint(*checkpoint.position)
        write_blob(self._files, name, checkpoint.to_bytes())
        if name not in self._checkpoints:
            self._checkpoints.append(name)
        while len(self._checkpoints) > KEPT_CHECKPOINTS:
            remove_blob(self._files, self._checkpoints.pop(0))

    def keep_last_steps(self, steps: Sequence[Mapping[str, float]]) -> None:
        """Write what the steps before a divergence looked like."""
        self.check()
        lines = [json.dumps(dict(step)) + "\n" for step in steps]  # NaN stands as NaN
        self._files.write(self._own.last_steps, "".join(lines).encode())

    def publish(self, weights: Weights, trained: Trained, *, keeps_last: bool) -> bool:
        """Make this attempt's weights the trial's. False where another attempt was first: its
        weights are then the trial's, and these are not kept.

        Checkpoints go, but for the last one where `keeps_last` is set and a longer sibling could
        go on from it.
        """
        first = self._publish(weights, trained)
        self._remove_checkpoints(keeps_last=keeps_last)
        return first

    def publish_best(self, weights: Weights, trained: Trained) -> bool:
        """Make this attempt's best weights the trial's, as `publish` does the last epoch's, which
        are to come after: once they are there, all is."""
        return self._publish(weights, trained)

    def _publish(self, weights: Weights, trained: Trained) -> bool:
        """Make weights those of their state, unless another attempt was first."""
        self.check()
        facts, epoch = dict(trained), weights.best
        place, own = self._place, self._own
        if epoch is not None:
            place = replace(place, best=epoch.validation)
            own = replace(own, best=epoch.validation)
            about = {"best_epoch": epoch.epoch, "best_score": epoch.score}
            facts |= {"collapsed": epoch.collapsed, **about}
        if published(self._files, place) is not None:
            return False
        data = weights.to_bytes()
        own_weights.remember(weights.trial, data)
        write_blob(self._files, own.weights, data)
        self.check()
        result = Result(**facts, attempt=self.number, bytes=len(data), at=utc_now())
        first = result.create(self._files, place.result)
        if not first:
            remove_blob(self._files, own.weights)
        return first

    def keep_outcomes(
        self, suite_id: str, outcomes: Outcomes, evaluated: Evaluated, *, best: str | None = None
    ) -> None:
        """Write the outcomes, then the accuracies, whose record says that outcomes are whole.

        Args:
            best: name of the settings of validation under which the weights did best; None: they
                are the last epoch's.
        """
        place, own = replace(self._place, best=best), replace(self._own, best=best)
        self.check()
        data = outcomes.to_bytes()
        write_blob(self._files, own.outcomes(suite_id), data)
        self.check()
        facts = dict(evaluated)
        evaluation = Evaluation(**facts, attempt=self.number, bytes=len(data), at=utc_now())
        evaluation.write(self._files, place.evaluation(suite_id))

    def end(self, how: str) -> None:
        """End the attempt, and let go of the trial."""
        self._lease.end(how)

    def fail(self, kind: FailureKind, message: str, details: str) -> None:
        """End the attempt, let go of the trial, and record why there is no result."""
        self._lease.end("failed", failure=cause(kind, message, details))

    def _remove_checkpoints(self, *, keeps_last: bool) -> None:
        """Remove the checkpoints of all attempts: the trial is trained, whichever did it."""
        is_kept = keeps_last and self._trial.training.optimiser.is_constant
        last = (self._trial.training.epochs, 0) if is_kept else None
        for name in sorted(
            self._files.sizes(self._place.attempts)
        ):  # each blob before its checksum
            blob = FileKind.CHECKPOINT.match(name.removesuffix(".sha256"))
            if blob is not None and (int(blob["epochs"]), int(blob["steps"])) != last:
                self._files.remove(name)


def cause(kind: FailureKind, message: str, details: str) -> Cause:
    """Return why there is no result as it is recorded: without secrets."""
    return Cause(kind=kind, message=redacted(message), details=redacted_lines(details))
