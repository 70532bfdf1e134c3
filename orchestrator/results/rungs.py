"""What models withstand at each strength of a suite's attacks, by the bits of evaluations."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import pandas as pd

from orchestrator.plan.planned_trial import PlannedTrial
from orchestrator.results.answers import NoAnswersError, outcomes_on
from orchestrator.results.as_stored import StoredResults
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store import Store
from orchestrator.store.files.by_url import open_files
from orchestrator.store.files.looks import mapped
from orchestrator.store.records.read_only import only_read
from orchestrator.table.columns import WeightsName
from trainer.evaluation.outcomes import Outcomes
from trainer.evaluation.suite import Suite


@dataclass(frozen=True, kw_only=True, eq=False)
class Rungs:
    """Accuracies of models at every rung of every ladder."""

    table: pd.DataFrame
    """A row a trial and rung: `trial_id`, `category`, `steps` (0: clean images), `accuracy` (a
    share of the images)."""

    suite: Suite  # by which they were measured
    images: int
    lacking: int  # trials whose bits are missing or damaged
    without_ladder: tuple[str, ...]  # categories of one strength, of which there are no rows


def rungs_of(
    spec: SweepSpec, found: StoredResults, ids: Collection[str], weights: WeightsName
) -> Rungs:
    """Read the accuracies of trials that are done, on the very images that their table is of.

    Args:
        ids: of the trials.
        weights: of which weights.
    """
    suite = spec.suite if found.images == "suite" else spec.suite.on("validation")
    wanted = [it for it in found.plan.trials if it.id in ids and it.status == "done"]
    with only_read(open_files(spec.storage)) as looked:
        store = Store(looked)

        def read(planned: PlannedTrial) -> Outcomes | None:
            best = planned.best if weights == "best" else None
            try:
                return outcomes_on(found.images, planned, store, suite.id, best)
            except NoAnswersError:
                return None

        outcomes = mapped(read, wanted, store.files)
    known = [(it.id, its) for it, its in zip(wanted, outcomes, strict=True) if its is not None]
    rows = [row for trial_id, its in known for row in _rows(trial_id, its)]
    return Rungs(
        table=pd.DataFrame(rows, columns=["trial_id", "category", "steps", "accuracy"]),
        suite=suite,
        images=len(known[0][1].natural) if known else 0,
        lacking=len(wanted) - len(known),
        without_ladder=tuple(name for name, it in suite.categories.items() if not it.ladder),
    )


def _rows(trial_id: str, outcomes: Outcomes) -> Iterator[tuple[str, str, int, float]]:
    for category, ladder in outcomes.ladders.items():
        if ladder:
            yield (trial_id, category, 0, outcomes.natural_accuracy())
        for steps, measure in zip(ladder, outcomes.rungs(category), strict=False):
            yield (trial_id, category, steps, measure.value)
