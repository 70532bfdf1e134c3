"""The work on one trial, wherever it runs: train what is not trained, evaluate what is not.

No word of Ray: a cluster only decides where this is called.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

import torch

from orchestrator.search.stopping import Rules, decide, restored
from orchestrator.spec.policy import Policy
from orchestrator.store import Attempt, Store, StoredTrial
from orchestrator.store.files.contract import FullError, UnreachableError
from orchestrator.store.leases.lease import LeaseState, LostError
from orchestrator.store.leases.records import About, Pruned, Spent
from orchestrator.store.sweeps.orders import Orders
from orchestrator.store.trials.purpose import came_for
from orchestrator.store.trials.records import Trained, steering
from orchestrator.worker.data import loaded
from orchestrator.worker.evaluation import evaluated_under, evaluation_of
from orchestrator.worker.failures import failure_kind
from orchestrator.worker.parents import schedule_of, start_of
from orchestrator.worker.provenance import provenance
from orchestrator.worker.supervision import (
    PrunedError,
    StoppedError,
    Supervision,
)
from trainer.config import Trial
from trainer.data import Dataset
from trainer.evaluation.suite import Suite, examples_of
from trainer.input.redaction import redacted
from trainer.passes import PARTS, Passes
from trainer.training.best import BestState
from trainer.training.loop import (
    DivergedError,
    EpochRow,
    train,
)
from trainer.training.step_weights import StepWeights
from trainer.weights.checkpoint import Weights

logger = logging.getLogger(__name__)


class Ending(StrEnum):
    """How an attempt at a trial ended."""

    DONE = "done"
    FAILED = "failed"  # the store says why
    STOPPED = "stopped"  # on request
    PRUNED = "pruned"  # by a stopping rule
    LOST = "lost"  # its lease, or the store
    BUSY = "busy"  # never began: another was first
    LEFT = "left"  # there are no weights to evaluate, and none are to be trained


@dataclass(frozen=True, kw_only=True)
class Mission:
    """What a worker must know beside the trial."""

    policy: Policy
    trains: bool  # False: nothing but the evaluation of weights that are there
    sweep: str
    start: str  # folder of the start that it works for
    node: str  # address of the machine within the cluster
    read_orders: Callable[[], Orders]
    end_process: Callable[[], None]  # ends the process


def carry_out(
    trial: Trial,
    suite: Suite,
    store: Store,
    mission: Mission,
    *,
    number: int,
    device: torch.device,
    report: Callable[[EpochRow], None],
) -> Ending:
    """Train a trial where that is left to do and evaluate it, as attempt `number`.

    What goes wrong within the trial (NaN, an exception, no memory, code of a user's own that calls
    `sys.exit`) is recorded in the store and ends this trial alone. `report` gets each epoch's
    row, and raises nothing: Tune ends whoever reports to it by `sys.exit`, which is a thread apart.
    """
    task = None
    try:
        task = _begun(trial, suite, store, mission, number=number, device=device, report=report)
        if task is None:
            return Ending.BUSY
        ending = task.carry_out()
        task.attempt.end(ending)
        return ending
    except (LostError, UnreachableError, FullError) as error:
        logger.warning("trial %s is let go: %s", trial.id, redacted(str(error)))
        if task is not None:
            with suppress(OSError):
                task.attempt.end(Ending.LOST)
        return Ending.LOST
    except (Exception, SystemExit) as error:
        if task is None:
            raise
        kind, message = failure_kind(error), f"{type(error).__name__}: {error}"
        if isinstance(error, SystemExit):
            message += "; the trial's own code called sys.exit: let it raise an error that says why"
        logger.warning("trial %s failed (%s): %s", trial.id, kind, redacted(message))
        task.attempt.fail(kind, message, traceback.format_exc())
        return Ending.FAILED


def _begun(
    trial: Trial,
    suite: Suite,
    store: Store,
    mission: Mission,
    *,
    number: int,
    device: torch.device,
    report: Callable[[EpochRow], None],
) -> _Task | None:
    """Begin an attempt at the trial; None where another worker was first to begin it."""
    stored = store.trial(trial.id)
    stored.describe(trial)
    purpose = None if mission.trains else suite.id
    past = list(came_for(stored.past_attempts(), purpose))
    micro_batches = 1
    if mission.policy.halve_batch:
        causes = [state.ended.failure for state in past if state.ended is not None]
        kinds = [cause.kind for cause in causes if cause is not None]
        micro_batches = 2 ** kinds.count("out_of_memory")
    about = About(
        sweep=mission.sweep,
        start=mission.start,
        node=mission.node,
        evaluates=purpose,
        micro_batches=micro_batches,
        validation=trial.validation_id,
        provenance=provenance(device),
    )
    attempt = stored.begin(trial, number, lasts=mission.policy.lease, about=about)
    if attempt is None:
        return None
    rules: Rules = restored(mission.policy.stopping)
    if rules and stored.progress(suite.id).trained:
        rules = {}  # once trained it is not pruned any more, also where its weights were given up
    evaluations = steering(stored.evaluations()) if rules else {}
    supervision = Supervision(
        attempt,
        mission.policy,
        epochs=trial.training.epochs,
        read_orders=mission.read_orders,
        spent=sum(_worked(state) for state in past),
        decide=lambda rows: decide(rules, rows, evaluations),
        report=report,
        end_process=mission.end_process,
    )
    return _Task(
        trial=trial,
        suite=suite,
        store=store,
        stored=stored,
        attempt=attempt,
        supervision=supervision,
        device=device,
        micro_batches=micro_batches,
        trains=mission.trains,
        best=trial.validation_id if mission.policy.weights == "best" else None,
    )


def passes_of_training(rows: Sequence[EpochRow], epochs: int) -> dict[str, Passes | None]:
    """Return the passes of a trial's whole training, a shorter sibling's included: each step once.
    Work that was lost with a machine and done again does not count.

    Validation stands apart: it measures, and no model is another for it.

    Args:
        rows: facts of the epochs; where damage has taken the last one's, passes are None.
    """
    last = rows[-1] if rows and rows[-1]["epoch"] == epochs else {}
    found = {part: Passes.of_row(last, prefix) for part, prefix in PARTS.items()}
    return {"passes": found["training"], "validation_passes": found["validation"]}


class _NoWeightsError(Exception):
    """The trial has no weights to evaluate, and is not to be trained."""


@dataclass(frozen=True, kw_only=True)
class _Task:
    """A trial under an attempt that has begun."""

    trial: Trial
    suite: Suite
    store: Store
    stored: StoredTrial
    attempt: Attempt
    supervision: Supervision
    device: torch.device
    micro_batches: int
    trains: bool
    best: str | None  # settings of validation whose best weights are wanted beside the last ones

    def carry_out(self) -> Ending:
        """Train and evaluate the trial as far as is left, and return how that ended."""
        try:
            with self.attempt.kept(self.supervision.tick):
                self.supervision.check_in(None)
                self._complete()
        except _NoWeightsError:
            logger.warning(
                "trial %s is left: it has no weights to evaluate any more", self.trial.id
            )
            return Ending.LEFT
        except StoppedError:
            return Ending.STOPPED
        except PrunedError as end:
            logger.warning("trial %s is pruned by the rule %s", self.trial.id, end.pruning)
            pruned = Pruned(**end.pruning.record())
            self.attempt.note(pruned=pruned, spent=_spent(self.attempt.rows))
            return Ending.PRUNED
        return Ending.DONE

    def _complete(self) -> None:
        dataset = loaded(self.trial.data, self.trial.fingerprint, self.device)
        suites = evaluated_under(self.suite, trains=self.trains)
        weights = self._weights()
        lacking = [best for best, each in weights.items() if each is None and self._needs(best)]
        if None in lacking and not self.trains:
            raise _NoWeightsError
        if lacking and self.trains:
            if not self._publish_again(lacking):
                self._train(dataset, best=self.best if self.best in lacking else None)
            weights = self._weights()  # ours, or those of whoever was first
            if any(weights[best] is None for best in lacking):
                raise LostError(f"the weights of {self.trial.id} were damaged at once")
        todo = [
            (suite, best, its)
            for best, its in weights.items()
            for suite in suites
            if its is not None and self.stored.evaluation(suite.id, best=best) is None
        ]
        counts = [len(examples_of(suite, getattr(dataset, suite.split))) for suite, *_ in todo]
        for at, (suite, best, its) in enumerate(todo):
            progress = partial(self._note_evaluated, before=sum(counts[:at]), count=sum(counts))
            self._evaluate(suite, its, dataset, progress, best=best)

    def _weights(self) -> dict[str | None, Weights | None]:
        """Read the weights that are wanted: the last epoch's under None, the best ones under the
        name of the settings of validation that they were chosen by."""
        wanted = (None,) if self.best is None else (None, self.best)
        return {best: self.stored.weights(best=best) for best in wanted}

    def _needs(self, best: str | None) -> bool:
        """Whether weights that are not there are to be made: the best ones not where they were
        evaluated and then given up."""
        if best is None or not self.trains:
            return best is None
        its = self.stored.progress(self.suite.id, self.suite.on("validation").id, best=best).best
        return its is None or its.result is None or not (its.evaluation and its.validation)

    def _note_evaluated(self, done: int, _: int, *, before: int, count: int) -> None:
        self.supervision.evaluated(before + done, count)

    def _train(self, dataset: Dataset, *, best: str | None) -> None:
        checkpoint, origin = self.stored.resume_point(self.trial, best=best)
        if origin is not None:
            self.attempt.go_on_from(origin)
            self.supervision.goes_on_from(origin.rows)
        step_weights = StepWeights()
        state = None if best is None else BestState(self.trial)
        try:
            model = train(
                self.trial,
                dataset,
                device=self.device,
                reporter=self.supervision,
                resume=checkpoint,
                start=start_of(self.trial, self.store) if checkpoint is None else None,
                schedule=schedule_of(self.trial, self.store) if checkpoint is None else None,
                step_weights=step_weights,
                best=state,
                micro_batches=self.micro_batches,
            )
        except DivergedError as error:
            self.attempt.keep_last_steps(error.last_steps)
            raise
        weights = Weights(
            trial=self.trial.record(),
            model=model.state_dict(),
            image_shape=dataset.image_shape,
            num_classes=dataset.num_classes,
            step_weights=step_weights.schedule(),
        )
        was_degraded = origin is not None and origin.degraded
        self._publish(
            *(() if state is None else (state.weights(weights),)),
            weights,
            degraded=self.micro_batches > 1 or was_degraded,
            rows_of=self.trial.validation_id,
        )

    def _publish_again(self, lacking: Sequence[str | None]) -> bool:
        """Publish again weights that are whole but that no result names any more; whether all that
        are lacking are."""
        every = [self.stored.unpublished(self.trial, best=best) for best in lacking]
        found = [each for each in every if each is not None]
        if len(found) < len(lacking):
            return False
        for _, origin in found:
            logger.warning(
                "trial %s: the weights of attempt %d are whole, and no result names them; they are "
                "published again",
                self.trial.id,
                origin.attempt,
            )
        origin = found[0][1]
        self.attempt.go_on_from(origin)
        self._publish(
            *(weights for weights, _ in reversed(found)),
            degraded=origin.degraded,
            rows_of=origin.validation,
        )
        return True

    def _publish(self, *weights: Weights, degraded: bool, rows_of: str | None) -> None:
        rows, epochs = self.attempt.rows, self.trial.training.epochs
        last = rows[-1] if rows and rows[-1]["epoch"] == epochs else {}
        collapsed = last.get("validation/collapsed")  # None: that epoch's row was lost
        trained = Trained(
            epochs=epochs,
            seconds=sum(row["seconds"] for row in rows),
            **passes_of_training(rows, epochs),
            collapsed=None if collapsed is None else bool(collapsed),
            degraded=degraded,
            validation=rows_of,
            parents=self.trial.parents or None,
            provenance=provenance(self.device),
        )
        keeps_last = self.supervision.keeps_last_checkpoint
        for each in weights:
            if each.best is None:
                self.attempt.publish(each, trained, keeps_last=keeps_last)
            else:
                self.attempt.publish_best(each, trained)

    def _evaluate(
        self,
        suite: Suite,
        weights: Weights,
        dataset: Dataset,
        progress: Callable[[int, int], None],
        *,
        best: str | None,
    ) -> None:
        outcomes, evaluated = evaluation_of(
            self.trial,
            weights,
            suite,
            dataset,
            device=self.device,
            micro_batches=self.micro_batches,
            progress=progress,
        )
        self.attempt.keep_outcomes(suite.id, outcomes, evaluated, best=best)


def _spent(rows: Sequence[EpochRow]) -> Spent:
    """Sum up what a training that ends early has taken, from the rows of its epochs."""
    passes = passes_of_training(rows, int(rows[-1]["epoch"]))["passes"]
    return Spent(
        seconds=sum(row["seconds"] for row in rows),
        passes=None if passes is None else passes.record(),
    )


def _worked(attempt: LeaseState) -> float:
    """Seconds of an attempt without those in which it was paused."""
    return attempt.seconds - attempt.last_said.rested
