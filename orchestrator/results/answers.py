"""What the models of a sweep answered to each image, by the bits that their evaluations left.

They are of the very images that the table of its trials is of; of validation images, of those that
pick (`orchestrator.results.trials_table`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from orchestrator.pareto.answers import Answers, Marks
from orchestrator.pareto.sure_front import ONE_SEED
from orchestrator.plan.plan import Plan
from orchestrator.plan.planned_trial import PlannedTrial
from orchestrator.results.images import Images
from orchestrator.results.reevaluation import OFF_FRONT
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store import Store
from orchestrator.store.files.looks import mapped
from orchestrator.table.columns import is_of_best, is_relative, of_weights
from trainer.evaluation.outcomes import Measure, Outcomes

MEASURES = {
    "robustness_score": ("mean_robust_accuracy", 1),
    "sacrificed_accuracy": ("natural_accuracy", -1),
}
"""Measures of outcomes by which columns rise (1) or fall (-1), where they are not the column's."""


class NoAnswersError(Exception):
    """Answers to single images are not known; the text says why."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Read:
    """What is kept of a trial's outcomes, of K columns on I images."""

    trial_id: str
    images: frozenset[str]  # ids of what images these are
    columns: tuple[str, ...]
    full: tuple[int, ...]
    marks: Marks  # K I
    of_reference: Marks | None  # K I: see `Answers`


def answers(
    spec: SweepSpec, plan: Plan, store: Store, images: Images, names: Sequence[str]
) -> Answers | str:
    """Read the answers of a plan's trials that are done, or say why they are no ground for saying
    how sure a front is: their own results chose which cells, or which seeds of them, there are.

    Noise of images cannot be told (`Answers.why_not`) where the bits of any model are missing or
    damaged, or are of other images.

    Args:
        images: that the table is of.
        names: columns of the table, objectives of all fronts that are drawn of it.
    """
    if why := _why_chosen(spec, plan):
        return why
    references = frozenset(planned.id for planned in plan.trials if planned.is_reference)
    suite = spec.suite if images == "suite" else spec.choice_suite
    done = [planned for planned in plan.trials if planned.status == "done"]
    if len({planned.trial.seed for planned in done}) < 2:
        return ONE_SEED  # and the bits stay unread
    if suite is None:
        return Answers(references=references, why_not="no model is evaluated on images that pick")
    columns = tuple(dict.fromkeys(names))
    try:
        reader = _Reader(store=store, suite_id=suite.id, images=images, columns=columns)
        found = _together(mapped(reader.read, done, store.files))
    except NoAnswersError as error:
        found = Answers(why_not=str(error))
    return replace(found, references=references)


def _why_chosen(spec: SweepSpec, plan: Plan) -> str:
    """Say how results of a plan's trials chose among its cells or seeds; empty where none did.

    Neither strategy of search does: what random draws propose depends on no result.
    """
    pruned = sum(planned.status == "pruned" for planned in plan.trials)
    if pruned:
        whose = "1 trial by its" if pruned == 1 else f"{pruned} trials by their"
        return (
            f"stopping rules ended {whose} results, so that those that are left look better than "
            f"they are; fresh seeds do not (section `confirm`)"
        )
    if any(planned.left_out == OFF_FRONT and planned.status != "done" for planned in plan.trials):
        return "only trials of an earlier front were evaluated, chosen by their results"
    return ""


@dataclass(frozen=True, kw_only=True)
class _Reader:
    """Reads trials of one sweep."""

    store: Store
    suite_id: str
    images: Images
    columns: tuple[str, ...]

    def read(self, planned: PlannedTrial) -> _Read:
        """Read a trial's answers under the columns that are means over images.

        Raises:
            NoAnswersError: its bits are missing or damaged, or it is not known which of them pick.
        """
        of_best = {name for name in self.columns if is_of_best(name)}
        counts_from = {name for name in of_best if planned.is_reference and is_relative(name)}
        last = best = None
        if of_best:
            best = outcomes_on(self.images, planned, self.store, self.suite_id, planned.best)
        if counts_from or len(of_best) < len(self.columns):
            last = outcomes_on(self.images, planned, self.store, self.suite_id, None)
        of_last, of_its_best = ({} if it is None else it.measures() for it in (last, best))
        found, again = (
            {
                name: measures[measure]
                for name in self.columns
                for measures in [of_its_best if name in from_best else of_last]
                if (measure := _measure_of(name)[0]) in measures
            }
            for from_best in (of_best, of_best - counts_from)
        )
        return _Read(
            trial_id=planned.id,
            images=frozenset(it.origin.examples for it in (last, best) if it and it.origin),
            columns=tuple(found),
            full=tuple(measure.full for measure in found.values()),
            marks=_stacked(found),
            of_reference=_stacked(again) if counts_from else None,
        )


def outcomes_on(
    images: Images, planned: PlannedTrial, store: Store, suite_id: str, best: str | None
) -> Outcomes:
    """Return a trial's outcomes on the images that a table is of.

    Args:
        suite_id: of the suite under which it is evaluated on these images.
        best: settings of validation under which the weights did best; None: of the last epoch's.

    Raises:
        NoAnswersError: its bits are missing or damaged, or it is not known which of them pick.
    """
    its = None if best is None else planned.progress.best
    validation = planned.validation if its is None else its.validation
    try:
        found = store.trial(planned.id).outcomes(suite_id, best=best)
    except ValueError:  # they are of the right size and checksum, and no outcomes
        found = None
    if found is None:
        raise NoAnswersError(f"the bits of {planned.id} are missing or damaged")
    if images == "suite" or validation is None or validation.halves is None:
        return found
    if found.steers is None:
        raise NoAnswersError(f"the bits of {planned.id} do not say which images pick")
    return found.among(~found.steers)


def _measure_of(column: str) -> tuple[str, int]:
    own = of_weights(column, "last")
    return MEASURES.get(own, (own, 1))


def _stacked(measures: Mapping[str, Measure]) -> Marks:
    """Return marks (K, I) in as few bytes as they fit in."""
    most = max((measure.full for measure in measures.values()), default=1)
    marks = [measure.marks for measure in measures.values()]
    return np.array(marks, dtype=np.min_scalar_type(most))


def _together(read: Sequence[_Read]) -> Answers:
    """Join what was read of trials, all of which must be of the same images.

    Raises:
        NoAnswersError: they are not.
    """
    if not read:
        raise NoAnswersError("no trial is done")
    if len(frozenset().union(*(it.images for it in read))) > 1:
        raise NoAnswersError("the models answered different images")
    first = read[0]
    return Answers(
        columns=first.columns,
        full=first.full,
        signs=tuple(_measure_of(name)[1] for name in first.columns),
        marks={it.trial_id: it.marks for it in read},
        of_reference={it.trial_id: it.of_reference for it in read if it.of_reference is not None},
    )
