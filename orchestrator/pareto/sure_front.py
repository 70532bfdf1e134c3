"""A front of cells with all that is known of how sure it is: intervals, recurrence, membership.

What is estimated how, say `orchestrator.pareto.crossed`, `membership` and `held`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from orchestrator.pareto.answers import Answers
from orchestrator.pareto.certainty import Certainty, Spacing, counted
from orchestrator.pareto.components import Floats
from orchestrator.pareto.crossed import CrossedMeans, crossed_means
from orchestrator.pareto.evenness import evenness
from orchestrator.pareto.front import Front, settings_columns
from orchestrator.pareto.held import held
from orchestrator.pareto.membership import LEVEL, MOST_RESAMPLES, membership, recurrence
from orchestrator.pareto.noise import ends_of, noise_of, reaches_of
from orchestrator.pareto.scores import Scores, scores_of
from orchestrator.table.cell_columns import DEVIATION, HIGH, LOW, MEAN, MEMBERSHIP, RECURRENCE
from orchestrator.table.objectives import minimised

FEWEST_RESAMPLES = 400
"""Fewest resamples, where cells are many."""

PAIRS_DRAWN = 2**34
"""Differences of two cells, over resamples and objectives, that take half a minute."""

MOST_CELLS = 2_500
"""Most cells of which all pairs are compared, whose intervals take 2 GB."""

MOST_POINTS, FEWEST_FRONTS = 2**20, 100
"""Points of fronts of more than two objectives, whose volumes are computed one after the other."""

MOST_MODELS = 2**26
"""Most places for models, cells by seeds by objectives: 2 GB."""

LEAST_DF = 2.0
"""Least degrees of freedom of seed variances at which means over resamples are finite."""

ONE_SEED = (
    "no cell has two seeds that are done, and by one it cannot be told how far another training "
    "would be from it"
)
FEW_SEEDS = "two seeds say too little of how much others would differ"
SCATTERED = "cells have too many different seeds for so many cells"
CROWD = f"of more than {MOST_CELLS:,} cells no pairs are compared"
NO_CELL = "no cell may be on the front yet"


def with_certainty(front: Front, table: pd.DataFrame, answers: Answers | str) -> Front:
    """Return the front of a table with how sure it is, and with that of each cell in its `cells`.

    New columns of `cells`: after each objective's mean and deviation the ends of its interval at
    `LEVEL`, `NAME_low` and `NAME_high`; before `on_front` the `recurrence` and the `membership` of
    cells that may be on the front. They are empty where what they say is not known.

    Args:
        answers: of the table's models to single images, as far as they are known; or why nothing
            can be said by these models, such as that their own results chose among them.
    """
    if isinstance(answers, str) or not (front.cells["seeds"] >= 2).any():
        why = answers if isinstance(answers, str) else ONE_SEED
        return _joined(front, _facts(front, left_out=why), _nothing(front))
    seeds = table["seed"].nunique() if "seed" in table else 1
    if len(front.cells) * seeds * len(front.objectives) > MOST_MODELS:
        return _joined(front, _facts(front, left_out=SCATTERED), _nothing(front))
    scores = scores_of(table, front.objectives, answers)
    crossed = crossed_means(scores.array)
    facts = replace(
        _facts(front, left_out=""),
        images=crossed.images if crossed.knows_images else 0,
        why_no_images=scores.why_no_images,
        why_no_reference=scores.why_no_reference,
    )
    columns = _nothing(front).assign(**_intervals(front, crossed, scores))
    chosen = np.flatnonzero(front.may_be_on_front)
    if not len(chosen) or len(chosen) > MOST_CELLS:
        why = (
            f"of more than {MOST_CELLS:,} cells pairs are not compared" if len(chosen) else NO_CELL
        )
        return _joined(front, replace(facts, why_no_resamples=why), columns)
    measures = len(scores.reference)
    count = PAIRS_DRAWN // (len(chosen) ** 2 * measures)
    count = min(MOST_RESAMPLES, max(FEWEST_RESAMPLES, count))
    noise = noise_of(crossed, scores, chosen, count=count)
    signs = np.array([objective.sign for objective in front.objectives])
    means = minimised(front.means().iloc[chosen], front.objectives)
    # Only distances count here, and those in the scores' units are neither too large nor too small.
    near = (means - means.mean(axis=0)) / scores.scale
    drawn = near + signs * noise
    members = membership(near, drawn, level=LEVEL)
    rows = columns.index[chosen]
    columns.loc[rows, RECURRENCE] = recurrence(drawn)
    columns.loc[rows, MEMBERSHIP] = list(map(str, members))
    facts = replace(facts, resamples=len(noise), members=counted(members))
    if crossed.df.min() < LEAST_DF:
        return _joined(front, replace(facts, why_no_hypervolume=FEW_SEEDS), columns)
    some = noise if len(signs) == 2 else noise[: max(FEWEST_FRONTS, MOST_POINTS // len(chosen))]
    volume = held(
        means,
        means + signs * scores.scale * some,
        minimised(front.reference_point, front.objectives),
        level=LEVEL,
    )
    return _joined(front, replace(facts, hypervolume=volume), columns)


def _facts(front: Front, *, left_out: str) -> Certainty:
    """What is known without any noise."""
    seeds = front.cells.loc[front.may_be_on_front, "seeds"]
    span = (int(seeds.min()), int(seeds.max())) if len(seeds) else (0, 0)
    return Certainty(level=LEVEL, seeds=span, spacing=_spacing(front), left_out=left_out)


def _nothing(front: Front) -> pd.DataFrame:
    """Columns for the cells that say nothing."""
    names = [f"{objective.name}{end}" for objective in front.objectives for end in (LOW, HIGH)]
    columns = pd.DataFrame(np.nan, index=front.cells.index, columns=[*names, RECURRENCE])
    return columns.assign(**{MEMBERSHIP: pd.Series(None, index=front.cells.index, dtype="object")})


def _joined(front: Front, facts: Certainty, columns: pd.DataFrame) -> Front:
    """Put the columns of cells in their places."""
    cells = front.cells.copy()
    for objective in front.objectives:
        at = list(cells).index(f"{objective.name}{DEVIATION}") + 1
        for step, end in enumerate((LOW, HIGH)):
            name = f"{objective.name}{end}"
            cells.insert(at + step, name, columns[name], allow_duplicates=True)
    at = list(cells).index("on_front")
    for step, name in enumerate((RECURRENCE, MEMBERSHIP)):
        cells.insert(at + step, name, columns[name], allow_duplicates=True)
    return replace(front, cells=cells, certainty=facts)


def _intervals(front: Front, crossed: CrossedMeans, scores: Scores) -> dict[str, Floats]:
    """Ends of intervals around the means of the table, by column; shares stay within 0 and 1."""
    reaches = reaches_of(crossed, scores, len(front.cells)) * scores.scale
    found: dict[str, Floats] = {}
    for m, objective in enumerate(front.objectives):
        name = objective.name
        mean = front.cells[f"{name}{MEAN}"].to_numpy(np.float64)
        low, high = ends_of(name, mean, reaches[:, m])
        found |= {f"{name}{LOW}": low, f"{name}{HIGH}": high}
    return found


def _spacing(front: Front) -> Mapping[str, Spacing]:
    """Measure by method how evenly its one setting that varies spaces its cells."""
    if "method" not in front.cells:
        return {}
    found: dict[str, Spacing] = {}
    names = settings_columns(front.cells, front.objectives)
    means = front.means()
    for method, cells in front.cells[front.may_be_on_front].groupby("method", sort=False):
        varying = [name for name in names if cells[name].nunique(dropna=False) > 1]
        if len(varying) != 1 or not is_numeric_dtype(cells[varying[0]]):
            continue
        values = cells[varying[0]].to_numpy(np.float64, na_value=np.nan)
        if not np.isfinite(values).all() or len(np.unique(values)) < len(values):
            continue
        steps = evenness(values, minimised(means.loc[cells.index], front.objectives))
        if steps is not None:
            found[str(method)] = Spacing(setting=varying[0], steps=steps)
    return found
