"""Which rows of a table may be on a front of single trials, and why the others may not.

A row is measured where its status is `done` (or the table has no status) and its objectives are
finite. Of the measured rows two kinds are kept off:

- a collapsed model (column `collapsed`), right on one class at most: it answers alike whatever it
  is shown, so that no attack moves it, and looks robust beside models that have learned;
- with `union_accuracy` among the objectives, a model whose union is no higher than that of the
  best constant classifier (column `constant_accuracy`): the share of the most frequent class
  among the images of the evaluation. A table that does not say it has no such floor.

Means over seeds keep both (see `orchestrator.pareto.front.cells`): a mean over the seeds that went
well rewards methods that seldom do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from orchestrator.table.columns import (
    COLLAPSED,
    CONSTANT,
    UNION,
    Direction,
    declared,
    of_weights,
)
from orchestrator.table.objectives import Objective, minimised, weights_of

AT_FLOOR = f"{UNION} no higher than a constant classifier's"
"""Reason for which a row is kept off the front for its union accuracy."""


def is_measured(table: pd.DataFrame, objectives: Sequence[Objective]) -> pd.Series[bool]:
    """Mark which rows are done and have finite objectives."""
    is_finite = np.all(np.isfinite(minimised(table, objectives)), axis=1)
    return _is_done(table) & pd.Series(is_finite, index=table.index)


def is_collapsed(table: pd.DataFrame, objectives: Sequence[Objective]) -> pd.Series[bool]:
    """Mark rows that say that the model has collapsed that the objectives are of; none if the table
    has no such column."""
    column = of_weights(COLLAPSED, weights_of(objectives))
    column = column if column in table else COLLAPSED
    if column not in table:
        return pd.Series(False, index=table.index)
    return table[column].eq(True).fillna(False).astype(bool)


def is_at_floor(table: pd.DataFrame, objectives: Sequence[Objective]) -> pd.Series[bool]:
    """Mark rows with a union no higher than a constant classifier's, if it is an objective."""
    union = of_weights(UNION, weights_of(objectives))
    if Objective(union, Direction.MAXIMISE) not in objectives or CONSTANT not in table:
        return pd.Series(False, index=table.index)
    return (table[union] <= table[CONSTANT]).fillna(False).astype(bool)


def takes_part(
    table: pd.DataFrame, objectives: Sequence[Objective], *, keep_collapsed: bool
) -> pd.Series[bool]:
    """Mark which rows may be on the front.

    Args:
        keep_collapsed: whether every measured row may, collapsed and at the floor as it is.
    """
    part = is_measured(table, objectives)
    if keep_collapsed:
        return part
    return part & ~is_collapsed(table, objectives) & ~is_at_floor(table, objectives)


def reasons(
    table: pd.DataFrame, objectives: Sequence[Objective], *, keep_collapsed: bool
) -> pd.Series[Any]:
    """Give for each row the first reason for which it does not take part; empty where it does."""
    found = pd.Series(pd.NA, index=table.index, dtype="object")
    if not keep_collapsed:
        found[is_at_floor(table, objectives)] = AT_FLOOR
        found[is_collapsed(table, objectives)] = COLLAPSED
    finite = np.isfinite(minimised(table, objectives))
    for column, objective in reversed(list(enumerate(objectives))):
        found[~finite[:, column]] = f"{objective.name} is empty or not finite"
    is_done = _is_done(table)
    if not is_done.all():
        status = table.loc[~is_done, "status"].astype("object").fillna("empty")
        found[~is_done] = "status " + status
    return found


def is_under_attack(objective: Objective) -> bool:
    """Whether a constant classifier's accuracy is a floor of the objective."""
    column = declared(objective.name)
    is_attacked = column is not None and column.is_under_attack
    return is_attacked and objective.direction is Direction.MAXIMISE


def constant_accuracy(table: pd.DataFrame) -> float | None:
    """Accuracy of the best constant classifier on the images that the rows are evaluated on, the
    highest where these differ; None where no row says it."""
    if CONSTANT not in table or table[CONSTANT].isna().all():
        return None
    return float(table[CONSTANT].max())


def _is_done(table: pd.DataFrame) -> pd.Series[bool]:
    if "status" in table:
        return (table["status"] == "done").fillna(False).astype(bool)
    return pd.Series(True, index=table.index)
