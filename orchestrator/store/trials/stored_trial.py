"""One trial's place in the store: what is known of it, whoever works on it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.store.files.contract import Files
from orchestrator.store.leases.lease import (
    LeaseState,
    SilenceTimer,
    create,
    newest,
    numbers,
    state,
    utc_now,
)
from orchestrator.store.leases.records import NOTHING_SAID, About, Ended, FailureKind, Pruned, Spent
from orchestrator.store.records.layout import (
    FileKind,
    LeaseFolder,
    TrialFolder,
    member,
    members_of,
)
from orchestrator.store.records.sealed import read_blob, set_aside
from orchestrator.store.trials.attempt import Attempt, cause
from orchestrator.store.trials.records import Description, Evaluation, Predecessor, Result, Row
from orchestrator.store.trials.result import published, retract, trained_facts
from trainer.config import TrainingSettings, Trial
from trainer.data import DataSettings
from trainer.evaluation.outcomes import Outcomes
from trainer.input.settings import Provenance, Settings, plain
from trainer.weights.checkpoint import Checkpoint, DamagedError, Weights

if TYPE_CHECKING:
    from trainer.training.loop import EpochRow
logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why a trial has no result."""

    kind: FailureKind
    message: str
    details: str
    at: str  # UTC, ISO 8601

    @property
    def is_deterministic(self) -> bool:
        """Whether the same trial would fail again; it is then run again only on request."""
        return self.kind not in {"worker_lost", "data", "parent"}

    @property
    def is_retried(self) -> bool:
        """Whether another attempt may succeed unchanged: it was not the numbers that failed."""
        return self.kind in {"worker_lost", "hung", "out_of_memory"}


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a trial has come."""

    result: Result | None  # of training
    evaluation: Evaluation | None  # under the suite that was asked for
    epochs_done: int  # of the attempt that came farthest
    steps_done: int  # of the epoch after these
    lease: LeaseState | None  # of the newest attempt
    validation: Evaluation | None = None  # under the suite that was asked for to choose by
    lacks_validation: bool = False  # True: that one is still to be made
    is_described: bool = True  # False: files of it are there, and none that says what it is

    @property
    def trained(self) -> bool:
        """Whether the trial is trained, and its result is recorded."""
        return self.result is not None

    @property
    def is_evaluated(self) -> bool:
        """Whether every evaluation that was asked for is there, or can no longer be made."""
        return self.evaluation is not None and not self.lacks_validation

    @property
    def has_begun(self) -> bool:
        """Whether any training of the trial is kept."""
        return self.trained or self.epochs_done > 0 or self.steps_done > 0

    @property
    def failure(self) -> Failure | None:
        """Why the newest attempt failed; None if it did not."""
        ended = self.lease.ended if self.lease else None
        if ended is None or ended.how != "failed" or ended.failure is None:
            return None
        cause = ended.failure
        return Failure(kind=cause.kind, message=cause.message, details=cause.details, at=ended.at)

    @property
    def pruned(self) -> Pruned | None:
        """By which stopping rule the newest attempt was ended; None if it was not, or the trial is
        trained all the same."""
        ended = self.lease.ended if self.lease else None
        if self.trained or ended is None or ended.how != "pruned":
            return None
        return ended.pruned

    @property
    def spent_in_vain(self) -> Spent | None:
        """What the training of a trial that a stopping rule has ended took; None of any other, and
        where no record says so."""
        ended = self.lease.ended if self.lease else None
        return None if self.pruned is None or ended is None else ended.spent

    @property
    def is_held(self) -> bool:
        """Whether somebody works on the trial, as far as one look can tell."""
        return self.lease is not None and not self.lease.is_over


class StoredTrial:
    """What the store holds of one trial."""

    def __init__(self, files: Files, trial_id: str, direct: Files) -> None:
        """Stand for the trial of that id: see `Store`."""
        self._files = files
        self._direct = direct
        self._place = TrialFolder.of(trial_id)
        self.id = trial_id

    def describe(self, trial: Trial) -> None:
        """Write what the trial is, and its entry in its family, unless they are there."""
        description = Description(trial=trial.record(), family=trial.family)
        description.create(self._files, self._place.description)
        self._files.create(member(trial.family, trial.training.epochs, self.id), b"")

    def progress(self, suite_id: str, validation_id: str | None = None) -> Progress:
        """Read what is done, from names, sizes and records alone.

        Args:
            suite_id: of the evaluation that is asked for.
            validation_id: of the one on validation images that choices are made by; None: none is
                wanted. It is not missed of a trial that was evaluated and whose weights were given
                up: nothing is trained for it.
        """
        sizes = self._files.sizes(self._place.path)
        points = sorted(_points(sizes))
        lease = newest(self._files, self._place.attempts) if sizes else None
        result = trained_facts(self._files, self._place, sizes)
        epochs_done, steps_done, _ = points[-1] if points else (0, 0, 0)
        evaluation = self._evaluation(suite_id, sizes) if result else None
        validation = self._evaluation(validation_id, sizes) if result and validation_id else None
        is_missing = validation_id is not None and validation is None
        if is_missing and evaluation is not None and self._place.result not in sizes:
            is_missing = False
        return Progress(
            result=result,
            evaluation=evaluation,
            validation=validation,
            lacks_validation=is_missing,
            epochs_done=epochs_done,
            steps_done=steps_done,
            lease=lease,
            is_described=not sizes or self._place.description in sizes,
        )

    def mend(self, trial: Trial, progress: Progress, *, has_family: bool) -> None:
        """Make again those lost records that follow from the trial and from what is left.

        Args:
            progress: under any suite.
            has_family: whether its siblings find it.
        """
        if not (progress.is_described and has_family):
            self.describe(trial)
        lease, evaluation = progress.lease, progress.evaluation
        if lease is None or evaluation is None or lease.ended is not None:
            return
        if lease.number == evaluation.attempt:  # it came to its end, whose record is gone
            end = Ended.after(lease.last_said, how="done", at=utc_now())
            end.create(self._files, LeaseFolder(lease.folder).ended)

    def next_attempt(self, timer: SilenceTimer, lasts: float) -> int | None:
        """Return the number under which an attempt may begin now; None while another is at work."""
        held = newest(self._files, self._place.attempts)
        if held is not None and not timer.is_free(held, lasts):
            return None
        return 1 if held is None else held.number + 1

    def begin(self, trial: Trial, number: int, *, lasts: float, about: About) -> Attempt | None:
        """Begin the attempt of that number; None where another was first to begin it."""
        lease = create(
            self._files,
            self._place.attempts,
            number,
            lasts=lasts,
            about=about,
            is_shared=False,
            direct=self._direct,
        )
        return None if lease is None else Attempt(self._files, self._place, lease, trial)

    def record_failure(self, kind: FailureKind, message: str, details: str) -> None:
        """Record a failure that no worker could record; whoever still works on the trial loses
        it."""
        held = newest(self._files, self._place.attempts)
        number = 1 if held is None else held.number + 1
        lease = create(
            self._files,
            self._place.attempts,
            number,
            lasts=1.0,
            about=NOTHING_SAID,
            is_shared=False,
            direct=self._direct,
        )
        if lease is not None:
            lease.end("failed", failure=cause(kind, message, details))

    def past_attempts(self) -> list[LeaseState]:
        """List all attempts so far, the newest last."""
        return [
            state(self._files, self._place.attempts, n)
            for n in numbers(self._files, self._place.attempts)
        ]

    def began(self) -> str | None:
        """When the first attempt began (UTC, ISO 8601); None where there is none, or its record is
        damaged."""
        first = min(numbers(self._files, self._place.attempts), default=None)
        return None if first is None else state(self._files, self._place.attempts, first).since

    def resume_point(self, trial: Trial) -> tuple[Checkpoint | None, Predecessor | None]:
        """Find the farthest good checkpoint: of the trial, or else of a shorter sibling whose steps
        so far were the same."""
        if (found := self._farthest_good()) is not None:
            return found
        for sibling in shorter_siblings(self._files, trial) if _is_prolongable(trial) else ():
            shorter = StoredTrial(self._files, sibling, self._direct)
            if (found := shorter._farthest_good()) is not None:
                return found
        return None, None

    def rows(self) -> list[EpochRow]:
        """Read one row an epoch, of the published attempt or else of the farthest."""
        sizes = self._files.sizes(self._place.path)
        result = trained_facts(self._files, self._place, sizes)
        points = sorted(_points(sizes))
        if result is not None:
            return self._attempt_rows(result.attempt)
        return self._attempt_rows(points[-1][2]) if points else []

    def has_weights(self) -> bool:
        """Whether the trial is trained and its weights were not given up; they are not read."""
        return published(self._files, self._place) is not None

    def weights(self) -> Weights | None:
        """Read the trained model; None where there is none, it was given up, or it is damaged and
        its result now set aside."""
        result = published(self._files, self._place)
        if result is None:
            return None
        data = read_blob(self._files, self._place.attempt(result.attempt).weights)
        if data is not None:
            with suppress(DamagedError):
                return Weights.from_bytes(data)
        if published(self._files, self._place) == result:  # not given up meanwhile
            retract(self._files, self._place, "its weights are gone or damaged")
        return None

    def unpublished(self, trial: Trial) -> tuple[Weights, Predecessor] | None:
        """Read the whole weights of an attempt that no result names, and its rows: its result was
        lost, or it was killed before writing one."""
        found = map(FileKind.WEIGHTS.match, self._files.sizes(self._place.attempts))
        for number in sorted((int(name["attempt"]) for name in found if name), reverse=True):
            data = read_blob(self._files, self._place.attempt(number).weights)
            if data is None:
                continue
            with suppress(DamagedError):
                weights = Weights.from_bytes(data)
                if _is_of(weights.trial, trial):
                    return weights, Predecessor(
                        trial=self.id,
                        attempt=number,
                        degraded=self._is_degraded(number),
                        rows=tuple(self._attempt_rows(number)),
                    )
        return None

    def evaluation(self, suite_id: str) -> Evaluation | None:
        """Read the accuracies under a suite; None where there are none, or they or their outcomes
        are damaged."""
        return self._evaluation(suite_id, self._files.sizes(self._place.path))

    def evaluations(self) -> dict[str, Evaluation]:
        """Read all evaluations, by suite id; without those that are damaged."""
        sizes = self._files.sizes(self._place.path)
        suites = [it["suite"] for it in map(FileKind.EVALUATION.match, sizes) if it]
        found = {suite_id: self._evaluation(suite_id, sizes) for suite_id in suites}
        return {suite_id: record for suite_id, record in found.items() if record is not None}

    def outcomes(self, suite_id: str) -> Outcomes | None:
        """Read the outcomes under a suite; None where there are none, or they are damaged."""
        evaluation = Evaluation.read(self._files, self._place.evaluation(suite_id))
        if evaluation is None:
            return None
        outcomes = self._place.attempt(evaluation.attempt).outcomes(suite_id)
        data = read_blob(self._files, outcomes)
        return None if data is None else Outcomes.from_bytes(data)

    def _evaluation(self, suite_id: str, sizes: Mapping[str, int]) -> Evaluation | None:
        name = self._place.evaluation(suite_id)
        evaluation = Evaluation.read(self._files, name) if name in sizes else None
        if evaluation is None:
            return None
        outcomes = self._place.attempt(evaluation.attempt).outcomes(suite_id)
        return evaluation if sizes.get(outcomes) == evaluation.bytes else None

    def _attempt_rows(self, number: int) -> list[EpochRow]:
        place = self._place.attempt(number)
        origin = Predecessor.read(self._files, place.origin)
        names = (f"{place.rows}/{name}" for name in self._files.names(place.rows))
        own = [Row.read(self._files, name) for name in names if FileKind.ROW.match(name)]
        rows = [*(origin.rows if origin else ()), *(row.facts() for row in own if row is not None)]
        return list({row["epoch"]: row for row in rows}.values())

    def _is_degraded(self, number: int) -> bool:
        """Whether any step of an attempt, or before it, was taken in micro-batches."""
        origin = Predecessor.read(self._files, self._place.attempt(number).origin)
        about = state(self._files, self._place.attempts, number).about
        return (origin is not None and origin.degraded) or about.micro_batches > 1

    def _farthest_good(self) -> tuple[Checkpoint, Predecessor] | None:
        for epochs_done, steps_done, number in sorted(
            _points(self._files.sizes(self._place.path)), reverse=True
        ):
            name = self._place.attempt(number).checkpoint(epochs_done, steps_done)
            data = read_blob(self._files, name)
            if data is None:
                continue
            try:
                checkpoint = Checkpoint.from_bytes(data)
            except DamagedError as error:
                set_aside(self._files, name, str(error))
                continue
            rows = [row for row in self._attempt_rows(number) if row["epoch"] <= epochs_done]
            if len(rows) < epochs_done:
                logger.warning(
                    "%s: %d of the rows of its %d epochs are damaged or gone; training goes on",
                    name,
                    epochs_done - len(rows),
                    epochs_done,
                )
            degraded = self._is_degraded(number)
            return checkpoint, Predecessor(
                trial=self.id, attempt=number, degraded=degraded, rows=tuple(rows)
            )
        return None


def _points(sizes: Mapping[str, int]) -> list[tuple[int, int, int]]:
    """Return (epochs done, steps done, attempt) of every checkpoint."""
    found = map(FileKind.CHECKPOINT.match, sizes)
    return [(int(it["epochs"]), int(it["steps"]), int(it["attempt"])) for it in found if it]


def _is_of(record: Mapping[str, Any], trial: Trial) -> bool:
    """Whether a record in a file of weights is of the trial; no code that it names is run for
    that. Settings that came after it was written had their defaults."""
    own = trial.record()
    theirs = dict(record)
    sections: dict[str, type[Settings]] = {
        "data": DataSettings,
        "training": TrainingSettings,
        "method": type(trial.method),
    }
    for section, settings in sections.items():
        for name, field in settings.model_fields.items():
            found = theirs.get(section, {})
            if any(isinstance(mark, Provenance) for mark in field.metadata):
                theirs[section] = {**found, name: own[section][name]}
            elif name not in found and not field.is_required():
                theirs[section] = {**found, name: plain(field.get_default())}
    return theirs == own


def _is_prolongable(trial: Trial) -> bool:
    return trial.training.optimiser.is_constant


def shorter_siblings(files: Files, trial: Trial) -> list[str]:
    """List the trials that differ from this one only in being shorter, the longest first."""
    folder = members_of(trial.family)
    found = map(FileKind.MEMBER.match, (f"{folder}/{name}" for name in files.names(folder)))
    lengths = sorted(((int(it["epochs"]), it["trial"]) for it in found if it), reverse=True)
    return [trial_id for epochs, trial_id in lengths if epochs < trial.training.epochs]
