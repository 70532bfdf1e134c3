"""One trial's place in the store: what is known of it, whoever works on it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
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
from orchestrator.store.leases.records import NOTHING_SAID, About, Ended, FailureKind
from orchestrator.store.records.layout import (
    FileKind,
    LeaseFolder,
    TrialFolder,
    member,
    members_of,
)
from orchestrator.store.records.sealed import read_blob, set_aside
from orchestrator.store.trials.attempt import Attempt, cause
from orchestrator.store.trials.progress import BestProgress, Progress
from orchestrator.store.trials.records import Description, Evaluation, Predecessor, Row
from orchestrator.store.trials.result import published, retract, trained_facts
from trainer.config import TrainingSettings, Trial
from trainer.data import DataSettings
from trainer.evaluation.outcomes import Outcomes
from trainer.input.settings import Provenance, Settings, plain
from trainer.weights.checkpoint import Checkpoint, DamagedError, Weights

if TYPE_CHECKING:
    from trainer.training.loop import EpochRow
logger = logging.getLogger(__name__)


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

    def progress(
        self, suite_id: str, validation_id: str | None = None, *, best: str | None = None
    ) -> Progress:
        """Read what is done, from names, sizes and records alone.

        Args:
            suite_id: of the evaluation that is asked for.
            validation_id: of the one on validation images that choices are made by; None: none is
                wanted. It is not missed of a trial that was evaluated and whose weights were given
                up: nothing is trained for it.
            best: settings of validation, by name, whose best weights are asked for too; None: they
                are not. Epochs done are then those in which they were watched for.
        """
        sizes = self._files.sizes(self._place.path)
        points = sorted(_points(sizes, best))
        lease = newest(self._files, self._place.attempts) if sizes else None
        result = trained_facts(self._files, self._place, sizes)
        epochs_done, steps_done, *_ = points[-1] if points else (0, 0)
        evaluation = self._evaluation(suite_id, sizes) if result else None
        validation = self._evaluation(validation_id, sizes) if result and validation_id else None
        is_missing = validation_id is not None and validation is None
        if is_missing and evaluation is not None and self._place.result not in sizes:
            is_missing = False
        its = None if best is None else self._best_progress(best, suite_id, validation_id, sizes)
        if its is not None and its.evaluation is not None and its.validation is None:
            of_best = replace(self._place, best=best).result
            is_missing |= validation_id is not None and of_best in sizes
        return Progress(
            result=result,
            evaluation=evaluation,
            validation=validation,
            lacks_validation=is_missing,
            best=its,
            epochs_done=epochs_done,
            steps_done=steps_done,
            lease=lease,
            is_described=not sizes or self._place.description in sizes,
        )

    def _best_progress(
        self, best: str, suite_id: str, validation_id: str | None, sizes: Mapping[str, int]
    ) -> BestProgress:
        result = trained_facts(self._files, replace(self._place, best=best), sizes)

        def under(suite_id: str | None) -> Evaluation | None:
            is_known = result is not None and suite_id is not None
            return self._evaluation(suite_id, sizes, best) if is_known and suite_id else None

        return BestProgress(
            key=best, result=result, evaluation=under(suite_id), validation=under(validation_id)
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

    def resume_point(
        self, trial: Trial, *, best: str | None = None
    ) -> tuple[Checkpoint | None, Predecessor | None]:
        """Find the farthest good checkpoint: of the trial, or else of a shorter sibling whose steps
        so far were the same.

        Args:
            best: settings of validation, by name, under which the checkpoint must have the best
                state so far; None: it need have none.
        """
        if (found := self._farthest_good(best, every=1)) is not None:
            return found
        every = 1 if best is None else trial.validation.every
        for sibling in shorter_siblings(self._files, trial) if _is_prolongable(trial) else ():
            shorter = StoredTrial(self._files, sibling, self._direct)
            if (found := shorter._farthest_good(best, every=every)) is not None:
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

    def has_weights(self, *, best: str | None = None) -> bool:
        """Whether the trial is trained and its weights were not given up; they are not read.

        Args:
            best: as of `weights`.
        """
        return published(self._files, replace(self._place, best=best)) is not None

    def weights(self, *, best: str | None = None) -> Weights | None:
        """Read the trained model; None where there is none, it was given up, or it is damaged and
        its result now set aside.

        Args:
            best: settings of validation, by name, under which the weights did best; None: the last
                epoch's are wanted.
        """
        place = replace(self._place, best=best)
        result = published(self._files, place)
        if result is None:
            return None
        data = read_blob(self._files, place.attempt(result.attempt).weights)
        if data is not None:
            with suppress(DamagedError):
                return Weights.from_bytes(data)
        if published(self._files, place) == result:  # not given up meanwhile
            retract(self._files, place, "its weights are gone or damaged")
        return None

    def unpublished(
        self, trial: Trial, *, best: str | None = None
    ) -> tuple[Weights, Predecessor] | None:
        """Read the whole weights of an attempt that no result names, and its rows: its result was
        lost, or it was killed before writing one.

        Args:
            best: as of `weights`.
        """
        place = replace(self._place, best=best)
        found = map(FileKind.WEIGHTS.match, self._files.sizes(self._place.attempts))
        mine = (int(name["attempt"]) for name in found if name and name["best"] == best)
        for number in sorted(mine, reverse=True):
            data = read_blob(self._files, place.attempt(number).weights)
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

    def evaluation(self, suite_id: str, *, best: str | None = None) -> Evaluation | None:
        """Read the accuracies under a suite; None where there are none, or they or their outcomes
        are damaged.

        Args:
            best: as of `weights`.
        """
        return self._evaluation(suite_id, self._files.sizes(self._place.path), best)

    def evaluations(self) -> dict[str, Evaluation]:
        """Read all evaluations of the last epoch's weights, by suite id; without those that are
        damaged."""
        sizes = self._files.sizes(self._place.path)
        matches = map(FileKind.EVALUATION.match, sizes)
        suites = [it["suite"] for it in matches if it and it["best"] is None]
        found = {suite_id: self._evaluation(suite_id, sizes) for suite_id in suites}
        return {suite_id: record for suite_id, record in found.items() if record is not None}

    def outcomes(self, suite_id: str, *, best: str | None = None) -> Outcomes | None:
        """Read the outcomes under a suite; None where there are none, or they are damaged.

        Args:
            best: as of `weights`.
        """
        place = replace(self._place, best=best)
        evaluation = Evaluation.read(self._files, place.evaluation(suite_id))
        if evaluation is None:
            return None
        outcomes = place.attempt(evaluation.attempt).outcomes(suite_id)
        data = read_blob(self._files, outcomes)
        return None if data is None else Outcomes.from_bytes(data)

    def _evaluation(
        self, suite_id: str, sizes: Mapping[str, int], best: str | None = None
    ) -> Evaluation | None:
        place = replace(self._place, best=best)
        name = place.evaluation(suite_id)
        evaluation = Evaluation.read(self._files, name) if name in sizes else None
        if evaluation is None:
            return None
        outcomes = place.attempt(evaluation.attempt).outcomes(suite_id)
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

    def _farthest_good(
        self, best: str | None, *, every: int
    ) -> tuple[Checkpoint, Predecessor] | None:
        """Find the farthest good checkpoint.

        Args:
            best: as of `resume_point`.
            every: epochs between validations, where others count for the best state: the last one
                of a shorter sibling is none of those.
        """
        for epochs_done, steps_done, number, key in sorted(
            _points(self._files.sizes(self._place.path), best), reverse=True
        ):
            if steps_done == 0 and epochs_done % every:
                continue
            attempt = replace(self._place.attempt(number), best=key or None)
            name = attempt.checkpoint(epochs_done, steps_done)
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


def _points(sizes: Mapping[str, int], best: str | None = None) -> list[tuple[int, int, int, str]]:
    """Return (epochs done, steps done, attempt, settings of validation whose best state it has) of
    every checkpoint, or of those that have the best state under `best`; the last is empty for one
    that has none."""
    found = map(FileKind.CHECKPOINT.match, sizes)
    return [
        (int(it["epochs"]), int(it["steps"]), int(it["attempt"]), it["best"] or "")
        for it in found
        if it and best in {None, it["best"]}
    ]


def _is_of(record: Mapping[str, Any], trial: Trial) -> bool:
    """Whether a record in a file of weights is of the trial; no code that it names is run for
    that. Settings that came after it was written had their defaults, what validation looks at does
    not matter, and its parents may have had other ids."""
    apart = {"validation", "start", "replay"}
    own = {key: part for key, part in trial.record().items() if key not in apart}
    theirs = {key: part for key, part in record.items() if key not in apart}
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
