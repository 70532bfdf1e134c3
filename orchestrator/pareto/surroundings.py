"""Where the other methods' cells lie beside one method's front of cells.

The paper says of its method that all others lie above its front. A mean over seeds that one of the
method's cells dominates does; one that dominates a cell of that front lies below it; one that does
neither lies beside it, and would be on a front of both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from orchestrator.pareto.dominance import non_dominated
from orchestrator.pareto.eligibility import is_measured, takes_part
from orchestrator.pareto.front import cells
from orchestrator.table.columns import COLLAPSED, CONSTANT
from orchestrator.table.objectives import Objective, minimised


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """How many cells of other methods lie where."""

    method: str
    dominated: int  # by a cell of the method
    dominating: int  # a cell of its front, of which then none dominates them
    beside: int  # neither
    left_out: int  # in none of these: a seed is missing, or there is nothing to hold
    own: int  # cells on the method's front; 0: it has none, and all others lie beside nothing

    @property
    def all_dominated(self) -> bool:
        """Whether every one that is not left out is dominated."""
        return self.dominating == self.beside == 0 and self.dominated > 0


def surroundings(
    table: pd.DataFrame, method: str, objectives: Sequence[Objective], *, reference: str
) -> Surroundings:
    """Count where the cells of other methods, but the reference's, lie beside a method's front.

    Cells are means over seeds, of a table with `method` and `seed`. One that lacks a seed, has
    collapsed under all of them, or is no better than a constant classifier is left out.
    """
    rows = _means(table, objectives)
    has_part = takes_part(rows, objectives, keep_collapsed=False)
    is_other = (rows["method"] != method) & (rows["method"] != reference)
    means = rows[has_part]
    points = minimised(means, objectives)
    is_own = (means["method"] == method).to_numpy()
    others = points[is_other[has_part].to_numpy()]
    own = points[is_own]
    front = own[non_dominated(own)]
    pairs = front[None] - others[:, None]  # others x front x objectives
    no_worse, no_better = np.all(pairs <= 0, axis=2), np.all(pairs >= 0, axis=2)
    is_dominated = np.any(no_worse & ~no_better, axis=1)
    is_dominating = np.any(no_better & ~no_worse, axis=1)
    return Surroundings(
        method=method,
        dominated=int(is_dominated.sum()),
        dominating=int(is_dominating.sum()),
        beside=int((~is_dominated & ~is_dominating).sum()),
        left_out=int((is_other & ~has_part).sum()),
        own=len(front),
    )


def _means(table: pd.DataFrame, objectives: Sequence[Objective]) -> pd.DataFrame:
    """Return the cells as rows with the objectives' columns, as those of trials are."""
    found = cells(table, objectives, keep_collapsed=False)
    rows = pd.DataFrame({o.name: found[f"{o.name}_mean"] for o in objectives})
    rows["method"] = found["method"]
    rows["status"] = np.where(found["seeds"] == found["planned"], "done", "incomplete")
    rows[COLLAPSED] = found[COLLAPSED] == found["seeds"]
    if CONSTANT in table:
        rows[CONSTANT] = table.loc[is_measured(table, objectives), CONSTANT].max()
    return rows
