"""An attempt at a trial, under a lease: nothing is written once another has succeeded it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Unpack

from orchestrator.store.files.contract import Files
from orchestrator.store.leases.lease import Lease, utc_now
from orchestrator.store.leases.records import Cause, Facts, FailureKind
from orchestrator.store.records.sealed import create_record, remove_blob, write_blob, write_record
from trainer.config import Trial
from trainer.evaluation.outcomes import Outcomes
from trainer.input.redaction import redacted, redacted_lines
from trainer.weights import own_weights
from trainer.weights.checkpoint import Checkpoint, Weights

if TYPE_CHECKING:
    from trainer.training.loop import EpochRow
KEPT_CHECKPOINTS = 2
"""Checkpoints that are kept: the newest, and the one before in case that one is damaged."""


@dataclass(frozen=True, kw_only=True)
class Origin:
    """The attempt that another goes on from, and what is known of its epochs."""

    trial: str  # itself, or a shorter sibling
    attempt: int
    degraded: bool  # whether some of its steps were taken in micro-batches
    rows: tuple[EpochRow, ...]  # of the epochs before


class Attempt:
    """One attempt at a trial, in a folder of its own: `trials/<id>/attempts/<number>/`.

    Every write raises `LostError` once the lease is lost.
    """

    def __init__(self, files: Files, trial_folder: str, lease: Lease, trial: Trial) -> None:
        """Work under a lease that this process has taken."""
        self._files = files
        self._trial_folder = trial_folder
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

    def go_on_from(self, origin: Origin) -> None:
        """Record where the attempt goes on from, with the rows of the epochs before."""
        self.rows = list(origin.rows)
        self._write("origin.json", asdict(origin))

    def keep_row(self, row: EpochRow) -> None:
        """Write the row of one epoch."""
        self.rows.append(row)
        self._write(f"rows/{int(row['epoch']):06d}.json", dict(row))

    def keep_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Write a state to go on from, and remove all older ones but one."""
        self.check()
        name = checkpoint_name(self.folder, *checkpoint.position)
        write_blob(self._files, name, checkpoint.to_bytes())
        if name not in self._checkpoints:
            self._checkpoints.append(name)
        while len(self._checkpoints) > KEPT_CHECKPOINTS:
            remove_blob(self._files, self._checkpoints.pop(0))

    def keep_last_steps(self, steps: Sequence[Mapping[str, float]]) -> None:
        """Write what the steps before a divergence looked like."""
        self.check()
        lines = [json.dumps(dict(step)) + "\n" for step in steps]  # NaN stands as NaN
        self._files.write(f"{self.folder}/last_steps.jsonl", "".join(lines).encode())

    def publish(self, weights: Weights, facts: Mapping[str, Any], *, keeps_last: bool) -> bool:
        """Make this attempt's weights the trial's. False where another attempt was first: its
        weights are then the trial's, and these are removed.

        Checkpoints go, but for the last one where `keeps_last` is set and a longer sibling could
        go on from it.
        """
        self.check()
        data = weights.to_bytes()
        own_weights.remember(weights.trial, data)
        write_blob(self._files, f"{self.folder}/weights.pt", data)
        self.check()
        result = {"attempt": self.number, "bytes": len(data), **facts, "at": utc_now()}
        first = create_record(self._files, f"{self._trial_folder}/result.json", result)
        if not first:
            remove_blob(self._files, f"{self.folder}/weights.pt")
        self._remove_checkpoints(keeps_last=keeps_last)
        return first

    def keep_outcomes(self, suite_id: str, outcomes: Outcomes, facts: Mapping[str, Any]) -> None:
        """Write the outcomes, then the accuracies, whose record says that outcomes are whole."""
        self.check()
        data = outcomes.to_bytes()
        write_blob(self._files, f"{self.folder}/outcomes/{suite_id}.npz", data)
        self.check()
        record = {"attempt": self.number, "bytes": len(data), **facts, "at": utc_now()}
        write_record(self._files, f"{self._trial_folder}/evaluations/{suite_id}.json", record)

    def end(self, how: str) -> None:
        """End the attempt, and let go of the trial."""
        self._lease.end(how)

    def fail(self, kind: FailureKind, message: str, details: str) -> None:
        """End the attempt, let go of the trial, and record why there is no result."""
        self._lease.end("failed", failure=cause(kind, message, details))

    def _write(self, name: str, record: dict[str, Any]) -> None:
        self.check()
        write_record(self._files, f"{self.folder}/{name}", record)

    def _remove_checkpoints(self, *, keeps_last: bool) -> None:
        """Remove the checkpoints of all attempts: the trial is trained, whichever did it."""
        last = checkpoint_name("", self._trial.training.epochs, 0)
        is_kept = keeps_last and self._trial.training.optimiser.is_constant
        for name in sorted(self._files.sizes(f"{self._trial_folder}/attempts")):  # blobs first
            if "/checkpoints/" in name and not (is_kept and last in name):
                self._files.remove(name)


def cause(kind: FailureKind, message: str, details: str) -> Cause:
    """Return why there is no result as it is recorded: without secrets."""
    return Cause(kind=kind, message=redacted(message), details=redacted_lines(details))


def checkpoint_name(folder: str, epochs_done: int, steps_done: int) -> str:
    """Name a checkpoint's file so that the farthest sorts last."""
    return f"{folder}/checkpoints/{epochs_done:06d}-{steps_done:06d}.pt"
