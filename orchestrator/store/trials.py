"""One trial's place in the store, and the attempts at it."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from orchestrator.store.files import Files
from orchestrator.store.sealed import (
    create_record,
    read_blob,
    read_record,
    remove_blob,
    set_aside,
    write_blob,
    write_record,
)
from trainer.checkpoint import Checkpoint, DamagedError, Weights
from trainer.outcomes import Outcomes
from trainer.training import EpochRow

logger = logging.getLogger(__name__)

KEPT_CHECKPOINTS = 2
"""The newest, and the one before in case the newest proves damaged."""


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why a trial has no result."""

    kind: Literal["diverged", "exception", "out_of_memory", "worker_lost", "data"]
    message: str
    details: str
    at: str  # UTC, ISO 8601

    @property
    def is_deterministic(self) -> bool:
        """Whether the same trial would fail again: it is then retried only on request."""
        return self.kind in {"diverged", "exception", "out_of_memory"}


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a trial has come."""

    trained: bool
    epochs_done: int  # of the attempt that came farthest
    failure: Failure | None


class StoredTrial:
    """What the store holds of one trial."""

    def __init__(self, files: Files, trial_id: str) -> None:
        """The trial of that id."""
        self._files = files
        self._folder = f"trials/{trial_id}"
        self.id = trial_id

    def describe(self, record: Mapping[str, Any], provenance: Mapping[str, Any]) -> None:
        """Say what the trial is, unless that is said."""
        about = {"trial": dict(record), "provenance": dict(provenance)}
        create_record(self._files, f"{self._folder}/trial.json", about)

    def progress(self) -> Progress:
        """What is done, from the records alone."""
        names = self._files.names(self._folder)
        trained = "result.json" in names and self._result() is not None
        failure = read_record(self._files, f"{self._folder}/failure.json")
        return Progress(
            trained=trained,
            epochs_done=0 if trained else self._farthest()[1],
            failure=None if failure is None else Failure(**failure),
        )

    def begin(self) -> Attempt:
        """A new attempt, from the farthest good checkpoint of those before."""
        token = f"{_now().replace(':', '')}-{secrets.token_hex(4)}"
        checkpoint, rows = self._resume_point()
        attempt = Attempt(self._files, self._folder, token, checkpoint)
        for row in rows:
            attempt.keep_row(row)
        return attempt

    def rows(self) -> list[EpochRow]:
        """One row an epoch, of the published attempt or else of the farthest."""
        result = self._result()
        token = result["attempt"] if result is not None else self._farthest()[0]
        return [] if token is None else self._attempt_rows(token)

    def weights(self) -> Weights | None:
        """The trained model; None where there is none, or it is damaged and now set aside."""
        result = self._result()
        if result is None:
            return None
        data = read_blob(self._files, f"{self._folder}/attempts/{result['attempt']}/weights.pt")
        if data is not None:
            with suppress(DamagedError):
                return Weights.from_bytes(data)
        set_aside(self._files, f"{self._folder}/result.json", "its weights are gone or damaged")
        return None

    def training_facts(self) -> dict[str, Any]:
        """Of the published attempt: token, epochs, seconds, when, where; empty before."""
        return self._result() or {}

    def save_outcomes(
        self, suite_id: str, outcomes: Outcomes, facts: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Keep the bits, then the accuracies, whose record says that the bits are whole."""
        name = f"{self._folder}/evaluations/{suite_id}"
        write_blob(self._files, f"{name}.npz", outcomes.to_bytes())
        record = {**facts, "at": _now()}
        write_record(self._files, f"{name}.json", record)
        return record

    def evaluation(self, suite_id: str) -> dict[str, Any] | None:
        """The accuracies under a suite; None where there are none, or they are damaged."""
        return read_record(self._files, f"{self._folder}/evaluations/{suite_id}.json")

    def outcomes(self, suite_id: str) -> Outcomes | None:
        """The bits under a suite; None where there are none, or they are damaged."""
        data = read_blob(self._files, f"{self._folder}/evaluations/{suite_id}.npz")
        return None if data is None else Outcomes.from_bytes(data)

    def forget_failure(self) -> None:
        """It is being tried again."""
        self._files.remove(f"{self._folder}/failure.json")

    def fail(self, kind: str, message: str, details: str) -> None:
        """Record why there is no result."""
        failure = {"kind": kind, "message": message, "details": details, "at": _now()}
        write_record(self._files, f"{self._folder}/failure.json", failure)

    def _result(self) -> dict[str, Any] | None:
        return read_record(self._files, f"{self._folder}/result.json")

    def _attempt_rows(self, token: str) -> list[EpochRow]:
        folder = f"{self._folder}/attempts/{token}/rows"
        names = [name for name in self._files.names(folder) if name.endswith(".json")]
        rows = [read_record(self._files, f"{folder}/{name}") for name in names]
        return [row for row in rows if row is not None]

    def _checkpoints(self) -> list[tuple[int, str]]:
        """(epochs done, attempt) of every checkpoint, the farthest last."""
        attempts = self._files.names(f"{self._folder}/attempts")
        return sorted(
            (int(name.removesuffix(".pt")), token)
            for token in attempts
            for name in self._files.names(f"{self._folder}/attempts/{token}/checkpoints")
            if name.endswith(".pt")
        )

    def _farthest(self) -> tuple[str | None, int]:
        checkpoints = self._checkpoints()
        return (checkpoints[-1][1], checkpoints[-1][0]) if checkpoints else (None, 0)

    def _resume_point(self) -> tuple[Checkpoint | None, list[EpochRow]]:
        for epochs_done, token in reversed(self._checkpoints()):
            name = _checkpoint_name(f"{self._folder}/attempts/{token}", epochs_done)
            data = read_blob(self._files, name)
            if data is None:
                continue
            try:
                checkpoint = Checkpoint.from_bytes(data)
            except DamagedError as error:
                set_aside(self._files, name, str(error))
                continue
            rows = [row for row in self._attempt_rows(token) if row["epoch"] <= epochs_done]
            if len(rows) == epochs_done:
                return checkpoint, rows
            logger.warning("%s is passed over: rows of its epochs are missing", name)
        return None, []


class Attempt:
    """One go at training a trial. Nobody else writes in its folder."""

    def __init__(self, files: Files, folder: str, token: str, resume: Checkpoint | None) -> None:
        """In the folder of a trial, under a token of its own."""
        self._files = files
        self._trial_folder = folder
        self._folder = f"{folder}/attempts/{token}"
        self._token = token
        self.resume = resume
        self.rows: list[EpochRow] = []  # of every epoch so far, those of earlier attempts too

    def keep_row(self, row: EpochRow) -> None:
        """Keep one epoch's facts."""
        self.rows.append(row)
        write_record(self._files, f"{self._folder}/rows/{int(row['epoch']):06d}.json", dict(row))

    def epoch_done(self, row: EpochRow, checkpoint: Callable[[], Checkpoint]) -> None:
        """Keep the epoch's facts, then its checkpoint; of the older ones one."""
        self.keep_row(row)
        epochs_done = int(row["epoch"])
        name = _checkpoint_name(self._folder, epochs_done)
        write_blob(self._files, name, checkpoint().to_bytes())
        outdated = epochs_done - KEPT_CHECKPOINTS
        if outdated > 0:
            remove_blob(self._files, _checkpoint_name(self._folder, outdated))

    def publish(self, weights: Weights, facts: Mapping[str, Any]) -> bool:
        """Make this attempt's weights the trial's; False where another was first, whose weights
        are then the trial's, and these no more."""
        write_blob(self._files, f"{self._folder}/weights.pt", weights.to_bytes())
        result = {"attempt": self._token, **facts, "at": _now()}
        first = create_record(self._files, f"{self._trial_folder}/result.json", result)
        if not first:
            remove_blob(self._files, f"{self._folder}/weights.pt")
        self._remove_checkpoints()
        return first

    def _remove_checkpoints(self) -> None:
        """Of all attempts: the trial is trained, whoever did it."""
        for token in self._files.names(f"{self._trial_folder}/attempts"):
            folder = f"{self._trial_folder}/attempts/{token}/checkpoints"
            for name in self._files.names(folder):
                self._files.remove(f"{folder}/{name}")


def _checkpoint_name(folder: str, epochs_done: int) -> str:
    return f"{folder}/checkpoints/{epochs_done:06d}.pt"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
