"""Which cells of each method are trained anew: those that do best together on the images that pick.

Of a method's cells that subset of a given size is kept whose means over seeds have the largest
hypervolume on the strict front, with the bounds by which methods are compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from orchestrator.pareto.contrasts import FRONTS, STRICT
from orchestrator.pareto.dominance import hypervolume
from orchestrator.pareto.front import cells, settings_columns, settings_of
from orchestrator.table.objectives import minimised


@dataclass(frozen=True, kw_only=True)
class Pick:
    """The cells of a method that are kept."""

    method: str
    settings: tuple[dict[str, Any], ...]
    height: float  # of them: hypervolume over the largest acceptable sacrifice
    of_all: float  # likewise of all cells of the method


def picks(table: pd.DataFrame, *, keep: int, largest_sacrifice: float) -> Iterator[Pick]:
    """Yield what is kept of each method, in the order of the table.

    Args:
        table: of trials on the images that pick, as a sweep's `validation.csv` is.
        keep: cells of a method at most.
    """
    objectives = FRONTS[STRICT]
    found = cells(table, objectives, keep_collapsed=False)
    names = settings_columns(table, objectives)
    reference = minimised([0.0, largest_sacrifice], objectives)
    means = found[[f"{it.name}_mean" for it in objectives]]
    points = minimised(means.set_axis([it.name for it in objectives], axis="columns"), objectives)
    sacrifice = [it.name for it in objectives].index("sacrificed_accuracy")
    points[:, sacrifice] = np.maximum(points[:, sacrifice], 0.0)  # as heights take it

    def height(rows: tuple[int, ...]) -> float:
        return hypervolume(points[list(rows)], reference) / largest_sacrifice

    for method in found["method"].unique():
        rows = np.flatnonzero(found["method"] == method).tolist()
        best = max(combinations(rows, min(keep, len(rows))), key=height)
        yield Pick(
            method=str(method),
            settings=tuple(settings_of(found.iloc[row], names) for row in best),
            height=height(best),
            of_all=height(tuple(rows)),
        )
