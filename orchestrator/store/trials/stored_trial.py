"""One trial's place in the store: what is known of it, whoever works on it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

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
)
from orchestrator.store.records.sealed import read_blob, set_aside
from orchestrator.store.trials.attempt import Attempt, cause
from orchestrator.store.trials.likeness import is_of, is_prolongable, shorter_siblings
from orchestrator.store.trials.points import points
from orchestrator.store.trials.present_files import present
from orchestrator.store.trials.progress import BestProgress, Progress
from orchestrator.store.trials.records import Description, Evaluation, Predecessor
from orchestrator.store.trials.result import published, retract, trained_facts
from orchestrator.store.trials.rows import rows_of, without_measurements
from trainer.config import Trial
from trainer.evaluation.outcomes import Outcomes
from trainer.weights.checkpoint import Checkpoint, DamagedError, Weights

if TYPE_CHECKING:
    from trainer.training.loop import EpochRow
logger = logging.getLogger(__name__)


class StoredTrial:
    """What the store holds of one trial."""

    def __init__(
        self, files: Files, trial_id: str, direct: Files, validation_before: str | None = None
    ) -> None:
        """Stand for the trial of that id: see `Store`.

        Args:
            validation_before: id of what validation looked at in attempts that do not say; None:
                unknown.
        """
        self._files = files
        self._direct = direct
        self._place = TrialFolder.of(trial_id)
        self._validation_before = validation_before
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
        lease = newest(self._files, self._place.attempts) if sizes else None
        result = trained_facts(self._files, self._place, sizes)
        epochs_done, steps_done, *_ = next(iter(points(sizes, best)), (0, 0))
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
            rows_of=self.looked_at(lease)
            if result is None
            else result.validation or self._validation_before,
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

    def looked_at(self, attempt: LeaseState | None) -> str | None:
        """Return the id of what validation looked at in an attempt; None where that is unknown."""
        said = None if attempt is None else attempt.about.validation
        return said or self._validation_before

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
        so far were the same. Rows that are of other settings of validation than the trial's come
        without what was measured by these.

        Args:
            best: settings of validation, by name, under which the checkpoint must have the best
                state so far; None: it need have none.
        """
        if (found := self._farthest_good(best, trial.validation_id, every=1)) is not None:
            return found
        every = 1 if best is None else trial.validation.every
        for sibling in shorter_siblings(self._files, trial) if is_prolongable(trial) else ():
            before = present(self._files).ids.validation_before(sibling)
            shorter = StoredTrial(self._files, sibling, self._direct, before)
            found = shorter._farthest_good(best, trial.validation_id, every=every)
            if found is not None:
                return found
        return None, None

    def rows(self, validation: str | None = None) -> list[EpochRow]:
        """Read one row an epoch, of the published attempts or else of the farthest ones: of the
        first of them that has rows under these settings of validation. Where none has, they come
        without what was measured.

        Args:
            validation: id of the settings; None: whatever the first was measured under.
        """
        sizes = self._files.sizes(self._place.path)
        states = {None: self._place, validation: replace(self._place, best=validation)}
        results = [trained_facts(self._files, place, sizes) for place in states.values()]
        numbers = [result.attempt for result in results if result is not None]
        numbers = numbers or [point.attempt for point in points(sizes)]
        if not numbers:
            return []
        if validation is None:
            return self._attempt_rows(numbers[0])
        for number in dict.fromkeys(numbers):
            if self._looked_at(number) in {None, validation}:
                return self._attempt_rows(number)
        return without_measurements(self._attempt_rows(numbers[0]))

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
                if is_of(weights.trial, trial):
                    return weights, Predecessor(
                        trial=self.id,
                        attempt=number,
                        degraded=self._is_degraded(number),
                        validation=self._looked_at(number),
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
        return rows_of(self._files, self._place.attempt(number))

    def _looked_at(self, number: int) -> str | None:
        """Return the id of what validation looked at in the rows of an attempt; None: unknown."""
        origin = Predecessor.read(self._files, self._place.attempt(number).origin)
        if origin is not None and origin.validation is not None:
            return origin.validation  # another than its own where it published weights again
        return self.looked_at(state(self._files, self._place.attempts, number))

    def _is_degraded(self, number: int) -> bool:
        """Whether any step of an attempt, or before it, was taken in micro-batches."""
        origin = Predecessor.read(self._files, self._place.attempt(number).origin)
        about = state(self._files, self._place.attempts, number).about
        return (origin is not None and origin.degraded) or about.micro_batches > 1

    def _farthest_good(
        self, best: str | None, validation: str, *, every: int
    ) -> tuple[Checkpoint, Predecessor] | None:
        """Find the farthest good checkpoint, with rows as of `resume_point`.

        Args:
            best: as of `resume_point`.
            validation: name of the settings of validation whose measurements are wanted.
            every: epochs between validations, where others count for the best state: the last one
                of a shorter sibling is none of those.
        """
        sizes = self._files.sizes(self._place.path)
        for epochs_done, steps_done, number, key in points(sizes, best):
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
            if self._looked_at(number) not in {None, validation}:
                rows = without_measurements(rows)
            return checkpoint, Predecessor(
                trial=self.id,
                attempt=number,
                degraded=self._is_degraded(number),
                validation=validation,
                rows=tuple(rows),
            )
        return None
