"""A trial of a sweep, how far it has come, and what is left to do of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from orchestrator.search.stopping import Pruning
from orchestrator.store import Progress
from orchestrator.store.trials.records import Evaluation
from orchestrator.table.setting_values import named_value
from orchestrator.table.status import Status
from trainer.config import Trial

Stage = Literal["sweep", "confirm", "parent"]
"""What a trial is there for: the sweep itself; to confirm a cell that was kept; or because a trial
that confirms stands on it, whose cell was not."""

NOTHING = Progress(result=None, evaluation=None, epochs_done=0, steps_done=0, lease=None)
"""Progress of a trial that nobody has begun."""


@dataclass(frozen=True, kw_only=True)
class PlannedTrial:
    """A trial of the sweep and how far it has come."""

    id: str
    trial: Trial
    method: str  # label in the sweep file
    settings: Mapping[str, Any]  # by setting that varies in the sweep; None: plays no part
    is_reference: bool  # a standard trial that scores are taken against
    progress: Progress
    sibling: Sibling | None  # a shorter one, where this one has not begun
    trains: bool  # False: if it has weights they are evaluated, and else it is left alone
    left_out: str | None  # why it is left alone, in a word or two
    is_republished: bool = False  # its result is lost, and its weights are whole
    parents: tuple[str, ...] = ()  # ids of trials that its training stands on: see `Trial.parents`
    waits_for: tuple[str, ...] = ()  # those of the parents that are still to be trained
    validation_id: str | None = None  # of what validation looks at here; None: nobody asks
    earlier_id: str = ""  # the trial and what validation looks at here: see `Trial.earlier_id`
    own_pruning: Pruning | None = None  # by which it is ended itself under the sweep's rules
    pruning: Pruning | None = None  # likewise, or by which a parent is
    again: str | None = None  # why it is trained once more, though it has been
    max_passes: int | None = None  # cap by which its epochs were counted, as the file says
    stage: Stage = "sweep"
    best: str | None = None  # settings of validation whose best weights are wanted; None: none are

    @property
    def evaluation(self) -> Evaluation | None:
        """Record of the trial's evaluation under the sweep's suite; None where there is none."""
        return self.progress.evaluation

    @property
    def validation(self) -> Evaluation | None:
        """Record of its evaluation under the same suite on validation images, by which choices are
        made; None where there is none."""
        return self.progress.validation

    @property
    def evaluations(self) -> tuple[Evaluation, ...]:
        """Records of the evaluations that there are for the sweep, each once."""
        best = () if self.progress.best is None else self.progress.best.evaluations
        found: list[Evaluation] = []
        for each in (self.validation, self.evaluation, *best):
            if each is not None and each not in found:
                found.append(each)
        return tuple(found)

    @property
    def status(self) -> Status:
        """Status of the trial, as the store has it."""
        if self.progress.is_evaluated:
            return "done"
        if self.progress.failure is not None:
            return "failed"
        if self.progress.is_held:
            return "running"
        best = self.progress.best
        is_known = best is None or best.evaluation is not None
        if self.progress.evaluation is not None and is_known:  # of before validation was, too
            return "done"
        if self.pruning is not None:
            return "pruned"
        was_begun = self.progress.has_begun and self.progress.lease is not None
        return "stopped" if was_begun else "pending"

    @property
    def is_taken_up(self) -> bool:
        """Whether a start takes the trial up unasked: one that failed only if that was by no fault
        of its own (a worker lost, data not there)."""
        if self.status == "failed":
            failure = self.progress.failure
            return failure is not None and not failure.is_deterministic
        return self.status in {"pending", "running", "stopped"} or self.is_to_be_validated

    @property
    def is_to_be_validated(self) -> bool:
        """Whether the trial is done but for its evaluation on validation images, which results of
        before do not have."""
        return self.status == "done" and self.progress.lacks_validation

    @property
    def needs_best(self) -> bool:
        """Whether its best weights are wanted, and are still to be found by training."""
        is_known = self.progress.best is not None and self.progress.best.result is not None
        return self.best is not None and self.trains and not is_known

    @property
    def rows_of(self) -> str | None:
        """Id of what validation looked at in the rows of its epochs, of those under the sweep's own
        settings where there are such; None where that is unknown."""
        best = self.progress.best
        return self.progress.rows_of if best is None or best.result is None else best.key

    @property
    def has_other_rows(self) -> bool:
        """Whether the trial is trained, and what was measured after its epochs is what other
        settings of validation look at. Rows of the sweep's own would mean training it again."""
        is_over = self.progress.trained and not self.progress.lacks_best
        is_known = None not in {self.rows_of, self.validation_id}
        return is_over and is_known and self.rows_of != self.validation_id

    @property
    def title(self) -> str:
        """Name of the trial for people, such as `pareto rho=0.4 seed=1`."""
        settings = [named_value(k, v) for k, v in self.settings.items() if v is not None]
        return " ".join([self.method, *settings, f"seed={self.trial.seed}"])

    @property
    def epochs_left(self) -> int:
        """Epochs of training that are left."""
        epochs = self.trial.training.epochs
        done = self.progress.epochs_done
        if self.sibling is not None and self.sibling.is_usable:
            done = self.sibling.epochs
        is_trained = self.progress.trained and not self.progress.lacks_best
        is_over = is_trained or self.is_republished or self.pruning is not None
        return 0 if is_over else epochs - done

    @property
    def needs_parents(self) -> bool:
        """Whether the trial is still to start from its parents' weights or schedule."""
        goes_on = self.progress.has_begun or self.is_republished
        is_saved = self.sibling is not None and self.sibling.is_usable
        return bool(self.parents) and self.trains and not goes_on and not is_saved

    @property
    def todo(self) -> str:
        """What is left to do, in words."""
        is_over = self.status in {"done", "failed", "pruned"} and not self.is_to_be_validated
        if is_over or self.left_out is not None:
            return ""
        if self.is_republished:
            return "its whole weights are published again; evaluation if that is gone too"
        if not self.epochs_left:
            return "evaluation on validation images" if self.is_to_be_validated else "evaluation"
        if self.needs_parents or self.why_again is not None:
            return self._todo_with_others()
        epochs = self.trial.training.epochs
        of_all = "" if self.epochs_left == epochs else f" of {epochs}"
        todo = f"{self.epochs_left}{of_all} epochs, evaluation"
        if self.sibling is None:
            return todo
        goes_on = f"goes on from {self.sibling.id}"
        return f"{todo}; {goes_on if self.sibling.is_usable else f'anew: {self.sibling.reason}'}"

    @property
    def why_again(self) -> str | None:
        """Why the trial is trained once more, though it has been; None where it is not."""
        if self.again is None and self.progress.trained and self.progress.lacks_best:
            return "its best weights under these settings of validation were not kept"
        return self.again

    def _todo_with_others(self) -> str:
        """What is left to do of a trial that stands on others, or is trained again."""
        epochs, derivation = self.epochs_left, self.trial.derivation
        awaited = ", ".join(self.waits_for)
        if self.why_again is not None:
            waits = f"waits for {awaited}, then " if awaited else ""
            return f"{waits}{epochs} epochs once more: {self.why_again}"
        if not awaited:
            return f"{epochs} epochs {derivation}, evaluation"
        if self.trial.replay is None:
            return f"waits for {awaited}, then {epochs} epochs from its weights, evaluation"
        return f"waits for {awaited}, then {epochs} epochs {derivation}, evaluation"


@dataclass(frozen=True, kw_only=True)
class Sibling:
    """A shorter trial, otherwise equal, from which a longer one might go on."""

    id: str
    epochs: int  # that are saved where it is used
    reason: str | None  # why it cannot be

    @property
    def is_usable(self) -> bool:
        """Whether going on from this sibling saves any epochs."""
        return self.reason is None
