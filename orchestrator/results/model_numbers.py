"""The numbers of one model and of its cell, with intervals, on the images that may be shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import pandas as pd

from orchestrator.pareto.answers import Answers
from orchestrator.pareto.crossed import crossed_means
from orchestrator.pareto.front import cells_and_part
from orchestrator.pareto.noise import ends_of, reaches_of
from orchestrator.pareto.scores import scores_of
from orchestrator.pareto.sure_front import ONE_SEED
from orchestrator.plan.plan import Plan
from orchestrator.plan.planned_trial import PlannedTrial
from orchestrator.results.answers import NoAnswersError, answers, outcomes_on
from orchestrator.results.images import Images, on_half
from orchestrator.results.trials_table import table_on
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store import Store
from orchestrator.table.best_weights import standing_on
from orchestrator.table.columns import direction_of, is_fraction, of_weights
from orchestrator.table.objectives import Objective
from trainer.evaluation.intervals import LEVEL, estimate
from trainer.evaluation.outcomes import Measure


@dataclass(frozen=True, kw_only=True)
class Spread:
    """A number, and the ends of its 95 % interval where these are known."""

    value: float
    low: float | None = None
    high: float | None = None

    def record(self) -> dict[str, float | None]:
        """The same as values of JSON."""
        return {"value": self.value, "low": self.low, "high": self.high}


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """What is known of a model and of its cell on some images, by column of the table."""

    split: str  # that the images are of
    images: int
    model: Mapping[str, Spread]  # of the one model; intervals are over images alone
    cell: Mapping[str, Spread]  # means over its seeds
    deviations: Mapping[str, float]  # over these, with divisor n - 1; empty for one seed
    seeds: tuple[int, ...]
    over: str  # what the cell's intervals are over, in words; empty: there are none
    why: str  # why there are none, or why they are not over images too; empty: nothing lacks

    def record(self) -> dict[str, Any]:
        """The same as values of JSON."""
        return {
            "split": self.split,
            "images": self.images,
            "level": LEVEL,
            "model": {name: it.record() for name, it in self.model.items()},
            "cell": {
                name: {**it.record(), "deviation": self.deviations.get(name)}
                for name, it in self.cell.items()
            },
            "seeds": list(self.seeds),
            "intervals_of_cell_over": self.over or None,
            "lacking": self.why or None,
        }


def numbers_of(
    spec: SweepSpec,
    plan: Plan,
    cells: Sequence[Sequence[PlannedTrial]],
    planned: PlannedTrial,
    *,
    store: Store,
    images: Images,
) -> Numbers:
    """Read the numbers of a model, and of the cell that it is a training of.

    Args:
        plan: that all these trials are of.
        cells: the trials of its cell that are done, then those of others, whose noise is pooled
            with its own.
        images: whose numbers are shown.
    """
    weights = spec.policy.weights
    table = table_on(spec, plan, images)
    standing = standing_on(table, weights).set_index("trial_id")
    rows = standing.loc[[it.id for it in cells[0]]]
    every = standing.loc[[it.id for its in cells for it in its]]
    names = [
        str(name)
        for name in rows
        if is_fraction(str(name))
        and direction_of(str(name)) is not None
        and bool(every[name].notna().all())
    ]
    means = {name: float(rows[name].astype(float).mean()) for name in names}
    columns = [of_weights(name, weights) for name in names]
    part = _part(plan, cells)
    known = answers(spec, part, store, images, columns)
    ids = [it.id for it in part.trials if it.status == "done"]
    done = table.set_index("trial_id").loc[ids].reset_index()[list(table)]
    reaches, over, why = _noise(done, columns, known)
    own = {name: float(cast(float, rows.loc[planned.id, name])) for name in names}
    suite = spec.suite if images == "suite" else spec.suite.on("validation")
    best = planned.best if weights == "best" else None
    try:
        measures = outcomes_on(images, planned, store, suite.id, best).measures()
    except NoAnswersError:
        measures = {}
    return Numbers(
        split=suite.split,
        images=_count(planned, images),
        model={name: _estimated(value, measures.get(name)) for name, value in own.items()},
        cell={
            name: _within(name, mean, reaches[at] if reaches else None)
            for at, (name, mean) in enumerate(means.items())
        },
        deviations={
            name: float(rows[name].astype(float).std(ddof=1)) for name in names if len(rows) > 1
        },
        seeds=tuple(it.trial.seed for it in cells[0]),
        over=over,
        why=why,
    )


def _part(plan: Plan, cells: Sequence[Sequence[PlannedTrial]]) -> Plan:
    """Return the plan without trials that are done of other cells, but for the reference's: their
    outcomes are not read. The picked cell's trials come first."""
    wanted = [planned for its in cells for planned in its]
    known = {planned.id for planned in wanted}
    rest = [it for it in plan.trials if it.is_reference or it.status != "done"]
    return replace(plan, trials=(*wanted, *(it for it in rest if it.id not in known)))


def _noise(
    table: pd.DataFrame, columns: Sequence[str], known: Answers | str
) -> tuple[list[float], str, str]:
    """Return by column how far the interval of the mean of a table's first cell reaches, what that
    is over, and what is not known of it."""
    asked = [Objective(it, direction) for it in columns if (direction := direction_of(it))]
    averages, _ = cells_and_part(table, asked, keep_collapsed=False)
    if isinstance(known, str) or not (averages["seeds"] >= 2).any():
        return [], "", known if isinstance(known, str) else ONE_SEED
    scores = scores_of(table, asked, known)
    crossed = crossed_means(scores.array)
    reach = reaches_of(crossed, scores, 1)[0] * scores.scale
    over = "seeds and images" if crossed.knows_images else "seeds alone"
    why = "; ".join(filter(None, (scores.why_no_images, scores.why_no_reference)))
    return reach.tolist(), over, why


def _estimated(value: float, measure: Measure | None) -> Spread:
    """Return a model's number with its interval over images; without, where it is no share of
    them."""
    found = None if measure is None else estimate(measure)
    if found is None:
        return Spread(value=value)
    return Spread(value=value, low=found.low, high=found.high)


def _within(name: str, mean: float, reach: float | None) -> Spread:
    if reach is None:
        return Spread(value=mean)
    low, high = ends_of(name, np.array(mean), np.array(reach))
    return Spread(value=mean, low=float(low), high=float(high))


def _count(planned: PlannedTrial, images: Images) -> int:
    evaluation = planned.evaluation if images == "suite" else planned.validation
    if evaluation is None:
        return 0
    is_suite = images == "suite"
    return (evaluation.on_all if is_suite else on_half(evaluation, "picking")).examples
