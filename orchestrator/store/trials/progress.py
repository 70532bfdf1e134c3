"""How far a trial has come, as the store has it."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.store.leases.lease import LeaseState
from orchestrator.store.leases.records import FailureKind, Pruned, Spent
from orchestrator.store.trials.records import Evaluation, Result


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
class BestProgress:
    """How far a trial has come with the weights that did best in validation."""

    key: str  # name of the settings of validation: see `Trial.validation_id`
    result: Result | None  # None: the weights are still to be found, by training
    evaluation: Evaluation | None  # under the suite that was asked for
    validation: Evaluation | None = None  # under the suite that was asked for to choose by

    @property
    def evaluations(self) -> tuple[Evaluation, ...]:
        """Records of the evaluations that there are."""
        return tuple(each for each in (self.validation, self.evaluation) if each is not None)


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
    best: BestProgress | None = None  # None: the best weights are not asked for
    rows_of: str | None = None  # what validation looked at in its epochs' rows; None: unknown
    is_described: bool = True  # False: files of it are there, and none that says what it is

    @property
    def trained(self) -> bool:
        """Whether the trial is trained, and its result is recorded."""
        return self.result is not None

    @property
    def is_evaluated(self) -> bool:
        """Whether every evaluation that was asked for is there, or can no longer be made."""
        is_best_evaluated = self.best is None or self.best.evaluation is not None
        return self.evaluation is not None and is_best_evaluated and not self.lacks_validation

    @property
    def lacks_best(self) -> bool:
        """Whether the best weights are asked for and not known, as none were watched for when the
        trial was trained: for these it is trained again."""
        return self.best is not None and self.best.result is None

    @property
    def has_begun(self) -> bool:
        """Whether any training of the trial is kept that counts, or can be gone on from."""
        is_over = self.trained and not self.lacks_best
        return is_over or self.epochs_done > 0 or self.steps_done > 0

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
