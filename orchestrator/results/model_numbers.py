"""The numbers of one model and of its cell, with intervals, on the images that may be shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import pandas as pd

from orchestrator.plan.planned_trial import PlannedTrial
from orchestrator.results.image_scores import Crossed, OutcomeReader, crossed
from orchestrator.results.images import on_half
from orchestrator.table.best_weights import standing_on
from orchestrator.table.columns import direction_of, is_fraction, of_weights
from trainer.evaluation.intervals import LEVEL, estimate

ONE_SEED = "of one seed how another training would differ is not known"


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
    planned: PlannedTrial,
    cells: Sequence[Sequence[PlannedTrial]],
    references: Sequence[PlannedTrial],
    table: pd.DataFrame,
    reader: OutcomeReader,
) -> Numbers:
    """Read the numbers of a model, and of the cell that it is a training of.

    Args:
        cells: the trials of its cell that are done, then those of others, whose noise is pooled
            with its own.
        references: the standard trials that are done.
        table: of all these trials, on the reader's images.
    """
    weights = reader.weights
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
    found, why = _crossed(cells, references, names, table, reader)
    means = {name: float(rows[name].astype(float).mean()) for name in names}
    ends = {} if found is None else {it: found.interval(0, it, level=LEVEL) for it in names}
    several = len(rows) > 1
    values = {name: float(cast(float, rows.loc[planned.id, name])) for name in names}
    return Numbers(
        split=reader.suite.split,
        images=_count(planned, reader),
        model=_of_model(planned, values, reader),
        cell={
            name: Spread(value=mean, low=ends[name][0], high=ends[name][1])
            if name in ends
            else Spread(value=mean)
            for name, mean in means.items()
        },
        deviations={it: float(rows[it].astype(float).std(ddof=1)) for it in names if several},
        seeds=tuple(it.trial.seed for it in cells[0]),
        over="" if found is None else found.noise,
        why=why,
    )


def _crossed(
    cells: Sequence[Sequence[PlannedTrial]],
    references: Sequence[PlannedTrial],
    names: Sequence[str],
    table: pd.DataFrame,
    reader: OutcomeReader,
) -> tuple[Crossed | None, str]:
    """Return the cells' means with their noise, and what is not known of that."""
    if len(cells[0]) < 2:
        return None, ONE_SEED
    columns = [of_weights(name, reader.weights) for name in names]
    found = crossed(cells, references, columns, table, reader)
    return found, found.without_images


def _of_model(
    planned: PlannedTrial, values: Mapping[str, float], reader: OutcomeReader
) -> dict[str, Spread]:
    """Return a model's own numbers; those that are no share of images are without intervals."""
    outcomes = reader.read(planned, reader.weights)
    measures = {} if isinstance(outcomes, str) else outcomes.measures()
    found = {}
    for name, value in values.items():
        its = estimate(measures[name]) if name in measures else None
        found[name] = (
            Spread(value=value) if its is None else Spread(value=value, low=its.low, high=its.high)
        )
    return found


def _count(planned: PlannedTrial, reader: OutcomeReader) -> int:
    evaluation = planned.evaluation if reader.images == "suite" else planned.validation
    if evaluation is None:
        return 0
    is_suite = reader.images == "suite"
    return (evaluation.on_all if is_suite else on_half(evaluation, "picking")).examples
