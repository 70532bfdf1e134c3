"""From a table of trials to its fronts, of single trials and of cells: pure functions over the
documented columns.

A table has `trial_id` and the objectives' columns, and may have any other that
`orchestrator.table.columns` declares; the columns after `on_front` are the settings that vary.
Values are in user units (fractions; larger scores are better). Which trials take part, says
`orchestrator.pareto.eligibility`.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from orchestrator.pareto.certainty import Certainty
from orchestrator.pareto.dominance import hypervolume, knee, non_dominated
from orchestrator.pareto.eligibility import (
    constant_accuracy,
    is_collapsed,
    is_measured,
    reasons,
    takes_part,
)
from orchestrator.table.columns import (
    AT_KNEE,
    COLLAPSED,
    CONSTANT,
    SELECTED,
    WARNINGS,
    declared,
    direction_of,
)
from orchestrator.table.objectives import Objective, minimised

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Front:
    """The non-dominated trials of one table, and its non-dominated cells: means over seeds."""

    points: pd.DataFrame
    """Rows of the front with all columns of the table, best first objective first."""

    hypervolume: float
    """Volume dominated within the reference point, in the product of the objectives' units."""

    knee: str | None
    """`trial_id` of the knee (see `orchestrator.pareto.dominance.knee`); None: there is none. Where
    the table marks the cell of the knee of what was selected, the first of its trials."""

    is_selected_apart: bool
    """Whether the table says what was selected, and where its knee is; else the knee is chosen on
    the very numbers that are shown."""

    used: int
    """Number of trials that took part."""

    dropped: dict[str, int]
    """Number of trials that did not take part, by reason."""

    measured: pd.DataFrame
    """Rows that are done and have finite objectives, whether they take part or not."""

    cells: pd.DataFrame
    """Means over seeds, one row a cell: see `cells`."""

    hypervolume_of_cells: float
    """As `hypervolume`, of the means on the front of cells."""

    knee_of_cells: int | None
    """Row of `cells` that is the knee: the cell of `knee` where that is selected apart, else the
    knee of the front of cells; None: there is none."""

    constant_accuracy: float | None
    """Best constant classifier's accuracy (see `orchestrator.pareto.eligibility`), if known."""

    may_be_on_front: npt.NDArray[np.bool_]
    """Of each row of `cells` whether it takes part in the front of cells."""

    certainty: Certainty | None
    """How sure the front of cells is; None: nobody asked (`orchestrator.pareto.sure_front`)."""

    keep_collapsed: bool
    """Whether trials that are otherwise kept off the front took part."""

    objectives: tuple[Objective, ...]
    reference_point: tuple[float, ...]
    """Reference point of the hypervolume in user units, one number an objective."""

    def means(self) -> pd.DataFrame:
        """Return the objectives' means over seeds, by objective, one row a cell of `cells`."""
        return _means(self.cells, self.objectives)

    def has_cells(self) -> bool:
        """Whether there is a front of cells beside that of trials: cells are of several seeds, and
        some has all of them and takes part."""
        return bool(self.cells["on_front"].any() and (self.cells["planned"] > 1).any())


def by_contract(table: pd.DataFrame, objectives: Sequence[Objective]) -> pd.DataFrame:
    """Return `table` with its column `on_front` filled in and, if it had none, its settings last.

    Then every column that is neither declared nor an objective counts as a setting, so that trials
    that differ in anything are not taken for replicates of each other.
    """
    marked = table.assign(on_front=on_front(table, objectives, keep_collapsed=False))
    if "on_front" in table:
        return marked
    settings = _settings(table, objectives)
    return marked[[*(c for c in marked if c not in settings), *settings]]


def settings_columns(table: pd.DataFrame, objectives: Sequence[Objective]) -> list[str]:
    """Name the settings that vary: columns after `on_front`, none where the table has no marks."""
    if "on_front" not in table:
        return []
    return _settings(table.loc[:, "on_front":], objectives)


def warned(table: pd.DataFrame) -> pd.DataFrame:
    """Select the rows whose evaluation has warnings; none where the table has no such column."""
    if WARNINGS not in table:
        return table.head(0)
    return table[table[WARNINGS].astype("string").str.strip().fillna("").ne("").to_numpy(bool)]


def settings_of(trial: pd.Series[Any], columns: Sequence[str]) -> dict[str, Any]:
    """Return the settings among `columns` that apply to `trial`: those that are not empty."""
    return {name: trial[name] for name in columns if not pd.isna(trial[name])}


def methods_in(front: Front) -> list[str]:
    """Return the labels of all methods of a front's table, in its order."""
    if "method" not in front.cells:
        return []
    return [str(name) for name in dict.fromkeys(front.cells["method"].dropna())]


def is_selected(table: pd.DataFrame) -> pd.Series[bool]:
    """Mark rows that say that their cell is selected; none if the table has no such column."""
    return _says_yes(table, SELECTED)


def _says_yes(table: pd.DataFrame, column: str) -> pd.Series[bool]:
    if column not in table:
        return pd.Series(False, index=table.index)
    return table[column].eq(True).fillna(False).astype(bool)


def on_front(
    table: pd.DataFrame, objectives: Sequence[Objective], *, keep_collapsed: bool
) -> pd.Series[bool]:
    """Mark which rows are non-dominated among those that take part; ties are all kept."""
    marks = takes_part(table, objectives, keep_collapsed=keep_collapsed)
    marks[marks] = non_dominated(minimised(table[marks], objectives))
    return marks


def extract_front(
    table: pd.DataFrame,
    *,
    objectives: Sequence[Objective],
    reference_point: Sequence[float],
    keep_collapsed: bool,
) -> Front:
    """Extract the front of `table` under `objectives`, with `reference_point` in user units.

    Args:
        keep_collapsed: whether collapsed trials and those at the constant classifier's floor take
            part (see `orchestrator.pareto.eligibility`).

    Raises:
        ValueError: a reference point of another length than the objectives, or not finite.
    """
    why = reasons(table, objectives, keep_collapsed=keep_collapsed)
    dropped = {str(reason): int(count) for reason, count in why.value_counts().items()}
    if dropped:
        logger.info("trials left out: %s", dropped)
    marks = on_front(table, objectives, keep_collapsed=keep_collapsed)
    points = table[marks].assign(on_front=True)
    signed = minimised(points, objectives)
    ids = points["trial_id"].to_numpy(dtype=str)
    best_first = np.lexsort((ids, *signed.T[::-1]))
    points, signed = points.iloc[best_first], signed[best_first]
    measured = table[is_measured(table, objectives)]
    end, chosen = minimised(reference_point, objectives), _knee(table, points, signed)
    by_cell, may_be = cells_and_part(table, objectives, keep_collapsed=keep_collapsed)
    best = by_cell["on_front"].to_numpy(np.bool_)
    signed_means = minimised(_means(by_cell[best], objectives), objectives)
    return Front(
        points=points,
        hypervolume=hypervolume(signed, end),
        hypervolume_of_cells=hypervolume(signed_means, end),
        knee=chosen,
        knee_of_cells=_knee_of_cells(table, objectives, best, signed_means, chosen),
        is_selected_apart=AT_KNEE in table,
        used=int(why.isna().sum()),
        dropped=dropped,
        measured=measured,
        cells=by_cell,
        constant_accuracy=constant_accuracy(measured),
        may_be_on_front=may_be,
        certainty=None,
        keep_collapsed=keep_collapsed,
        objectives=tuple(objectives),
        reference_point=tuple(map(float, reference_point)),
    )


def _knee(table: pd.DataFrame, points: pd.DataFrame, signed: npt.NDArray[np.float64]) -> str | None:
    if AT_KNEE in table:
        marked = table["trial_id"][_says_yes(table, AT_KNEE)]
        return None if marked.empty else str(marked.iloc[0])
    bend = knee(signed)
    return None if bend is None else str(points["trial_id"].iloc[bend])


def _knee_of_cells(
    table: pd.DataFrame,
    objectives: Sequence[Objective],
    best: npt.NDArray[np.bool_],
    signed: npt.NDArray[np.float64],
    chosen: str | None,
) -> int | None:
    """Return the row of the knee among the cells, of which those on the front are `best`, with the
    means `signed`; of the trial that is `chosen`, where the table says what is."""
    if AT_KNEE in table:
        numbers = cell_numbers(table, objectives)[table["trial_id"] == chosen]
        return None if numbers.empty else int(numbers.iloc[0])
    bend = knee(signed)
    return None if bend is None else int(best.nonzero()[0][bend])


def _means(by_cell: pd.DataFrame, objectives: Sequence[Objective]) -> pd.DataFrame:
    names = [objective.name for objective in objectives]
    return by_cell[[f"{name}_mean" for name in names]].set_axis(names, axis="columns")


def cells(
    table: pd.DataFrame, objectives: Sequence[Objective], *, keep_collapsed: bool
) -> pd.DataFrame:
    """Average over seeds: one row for each method and its settings, and the front over these means.

    Columns: `method`, `split`; `seeds`, how many trials the means are of; `planned`, how many the
    table has of the cell, whatever became of them; `collapsed`, how many of `seeds` are; for each
    objective and accuracy `NAME_mean` and `NAME_std` (divisor n - 1, empty for one trial);
    `selected`, where the table says so of the cell's trials; `on_front`; the settings.

    Means are of all measured trials, collapsed ones too. `on_front`: non-dominated among the cells
    whose planned trials are all measured (what failed might have been worse), not all collapsed,
    and above the constant classifier's floor. A table is taken at its word: a trial of which it
    has no row was not planned. Without `method` and `seed` no trial is known to be another's
    replicate, and each is a cell.
    """
    return cells_and_part(table, objectives, keep_collapsed=keep_collapsed)[0]


def cells_and_part(
    table: pd.DataFrame, objectives: Sequence[Objective], *, keep_collapsed: bool
) -> tuple[pd.DataFrame, npt.NDArray[np.bool_]]:
    """Average as `cells` does, and mark which of the cells take part in their front."""
    settings = settings_columns(table, objectives)
    facts = _facts(table)
    names = [objective.name for objective in objectives]
    numbers = map(str, table.select_dtypes("number"))
    names += [name for name in numbers if direction_of(name) is not None and name not in names]
    rows = _with_split(table, [*(name for name in facts if name != "split"), *settings])
    cell = cell_numbers(table, objectives)
    counted = is_measured(rows, objectives)
    counts = pd.DataFrame(
        {"seeds": counted, "planned": True, COLLAPSED: is_collapsed(rows, objectives) & counted},
        index=rows.index,
    )
    constants = [CONSTANT] if CONSTANT in rows else []
    values = rows.loc[:, [*names, *constants]].astype(float).groupby(cell.where(counted))
    result = counts.groupby(cell).sum()
    means, deviations = (it.reindex(result.index) for it in (values.mean(), values.std(ddof=1)))
    for name in names:
        result[f"{name}_mean"] = means[name]
        result[f"{name}_std"] = deviations[name]
    if SELECTED in rows:
        result[SELECTED] = is_selected(rows).groupby(cell).any()
    as_trials = means.assign(
        status=np.where(result["seeds"] == result["planned"], "done", "incomplete"),
        collapsed=result[COLLAPSED] == result["seeds"],
    )
    result["on_front"] = on_front(as_trials, objectives, keep_collapsed=keep_collapsed)
    may_be = takes_part(as_trials, objectives, keep_collapsed=keep_collapsed)
    firsts = rows[~cell.duplicated()].reset_index(drop=True)
    joined = pd.concat([firsts[facts], result, firsts[settings]], axis="columns")
    return joined, may_be.to_numpy(np.bool_)


def cell_numbers(table: pd.DataFrame, objectives: Sequence[Objective]) -> pd.Series[int]:
    """Number the cell of each row, from 0 in the order in which `cells` has them."""
    settings, facts = settings_columns(table, objectives), _facts(table)
    rows = _with_split(table, [*(name for name in facts if name != "split"), *settings])
    return rows.groupby([*facts, *settings], dropna=False, sort=False).ngroup()


def _facts(table: pd.DataFrame) -> list[str]:
    """Name the columns, beside the settings, in which a cell's trials agree."""
    facts = [name for name in ("method", "split") if name in table]
    return facts if {"method", "seed"} <= set(table) else [*facts, "trial_id"]


def _with_split(table: pd.DataFrame, key: Sequence[str]) -> pd.DataFrame:
    """Fill in the split of a row that has none, as where its trial is not done, from its cell."""
    if "split" not in table or not table["split"].isna().any():
        return table
    known = table.groupby(list(key), dropna=False, sort=False)["split"].transform("first")
    return table.assign(split=table["split"].fillna(known))


def _settings(table: pd.DataFrame, objectives: Sequence[Objective]) -> list[str]:
    """Name the columns that are neither declared nor objectives."""
    names = {objective.name for objective in objectives}
    return [name for name in map(str, table) if name not in names and declared(name) is None]
