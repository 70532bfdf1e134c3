"""From a table of trials to its front: pure functions over the documented columns.

A table has `trial_id` and the objectives' columns, and may have `status`, `method`, `seed`,
`split`, accuracies and `on_front`; the columns after `on_front` are the settings that vary.
Values are in user units (fractions; larger scores are better). A trial takes part where its
status is `done` (or the table has no status) and its objectives are finite.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from orchestrator.objectives import Objective, is_known, minimised
from orchestrator.pareto import hypervolume, knee, non_dominated

logger = logging.getLogger(__name__)

FACTS = ("trial_id", "method", "seed", "status", "split", "on_front")
"""Columns that are neither measured nor set."""


@dataclass(frozen=True, kw_only=True)
class Front:
    """The non-dominated trials of one table."""

    points: pd.DataFrame
    """Rows of the front with all columns of the table, best first objective first."""

    hypervolume: float
    """Volume dominated within the reference point, in the product of the objectives' units."""

    knee: str | None
    """`trial_id` of the knee (see `orchestrator.pareto.knee`), None where there is none."""

    used: int
    """Number of trials that took part."""

    dropped: dict[str, int]
    """Why trials did not take part, and how many."""

    objectives: tuple[Objective, ...]
    reference_point: tuple[float, ...]
    """In user units, one number an objective."""


def by_contract(table: pd.DataFrame, objectives: Sequence[Objective]) -> pd.DataFrame:
    """`table` with its column `on_front` filled in and, where it had none, its settings last.

    Then every column that is neither measured nor a fact counts as a setting, so that trials
    that differ in anything are not taken for replicates of each other.
    """
    marked = table.assign(on_front=on_front(table, objectives))
    if "on_front" in table:
        return marked
    settings = _settings(table, objectives)
    return marked[[*(c for c in marked if c not in settings), *settings]]


def settings_columns(table: pd.DataFrame, objectives: Sequence[Objective]) -> list[str]:
    """The settings that vary: columns after `on_front`, none where the table has no marks."""
    if "on_front" not in table:
        return []
    return _settings(table.loc[:, "on_front":], objectives)


def settings_of(trial: pd.Series[Any], columns: Sequence[str]) -> dict[str, Any]:
    """The settings among `columns` that apply to `trial`: those that are not empty."""
    return {name: trial[name] for name in columns if not pd.isna(trial[name])}


def takes_part(table: pd.DataFrame, objectives: Sequence[Objective]) -> pd.Series[bool]:
    """Which rows are done and have finite objectives."""
    is_finite = np.all(np.isfinite(minimised(table, objectives)), axis=1)
    return _is_done(table) & pd.Series(is_finite, index=table.index)


def on_front(table: pd.DataFrame, objectives: Sequence[Objective]) -> pd.Series[bool]:
    """Which rows are non-dominated among those that take part; ties are all kept."""
    marks = takes_part(table, objectives)
    marks[marks] = non_dominated(minimised(table[marks], objectives))
    return marks


def extract_front(
    table: pd.DataFrame,
    *,
    objectives: Sequence[Objective],
    reference_point: Sequence[float],
) -> Front:
    """The front of `table` under `objectives`, with `reference_point` in user units.

    Raises:
        ValueError: a reference point of another length than the objectives, or not finite.
    """
    part = takes_part(table, objectives)
    dropped = _dropped(table, objectives)
    if dropped:
        logger.info("trials left out: %s", dropped)
    points = table[on_front(table, objectives)].assign(on_front=True)
    signed = minimised(points, objectives)
    ids = points["trial_id"].to_numpy(dtype=str)
    best_first = np.lexsort((ids, *signed.T[::-1]))
    points, signed = points.iloc[best_first], signed[best_first]
    bend = knee(signed)
    return Front(
        points=points,
        hypervolume=hypervolume(signed, minimised(reference_point, objectives)),
        knee=None if bend is None else str(points["trial_id"].iloc[bend]),
        used=int(part.sum()),
        dropped=dropped,
        objectives=tuple(objectives),
        reference_point=tuple(map(float, reference_point)),
    )


def cells(table: pd.DataFrame, objectives: Sequence[Objective]) -> pd.DataFrame:
    """One row for each method and its settings: means over seeds, and the front over them.

    Columns: `method`, `split`, `seeds` (how many trials), for each objective and accuracy
    `NAME_mean` and `NAME_std` (divisor n - 1, empty for one trial), `on_front` (non-dominated
    among the means), the settings. Trials that do not take part are left out; without
    `method` and `seed` no trial is known to be another's replicate, and each is a cell.
    """
    trials = table[takes_part(table, objectives)]
    settings = settings_columns(table, objectives)
    facts = [name for name in ("method", "split") if name in table]
    if not {"method", "seed"} <= set(table):
        facts.append("trial_id")
    names = [objective.name for objective in objectives]
    names += [c for c in map(str, table.select_dtypes("number")) if is_known(c) and c not in names]

    groups = trials.groupby([*facts, *settings], dropna=False, sort=False)
    result = groups.size().rename("seeds").to_frame()
    for name in names:
        result[f"{name}_mean"] = groups[name].mean()
        result[f"{name}_std"] = groups[name].std(ddof=1)
    means = [replace(objective, name=f"{objective.name}_mean") for objective in objectives]
    result["on_front"] = on_front(result, means)
    return result.reset_index()[[*facts, *result.columns, *settings]]


def _settings(table: pd.DataFrame, objectives: Sequence[Objective]) -> list[str]:
    """The columns that are neither facts nor measured nor objectives."""
    names = {*FACTS, *(objective.name for objective in objectives)}
    return [name for name in map(str, table) if name not in names and not is_known(name)]


def _is_done(table: pd.DataFrame) -> pd.Series[bool]:
    if "status" in table:
        return (table["status"] == "done").fillna(False).astype(bool)
    return pd.Series(True, index=table.index)


def _dropped(table: pd.DataFrame, objectives: Sequence[Objective]) -> dict[str, int]:
    """Reasons for which rows do not take part, the first that applies to each, counted."""
    reasons = pd.Series(pd.NA, index=table.index, dtype="object")
    finite = np.isfinite(minimised(table, objectives))
    for column, objective in reversed(list(enumerate(objectives))):
        reasons[~finite[:, column]] = f"{objective.name} is empty or not finite"
    is_done = _is_done(table)
    if not is_done.all():
        status = table.loc[~is_done, "status"].astype("object").fillna("empty")
        reasons[~is_done] = "status " + status
    return {str(reason): int(count) for reason, count in reasons.value_counts().items()}
