"""Which cells of a table a picture shows: one of each method, those on the front, or all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from orchestrator.pareto.front import Front, cell_numbers
from orchestrator.table.objectives import minimised

CellsShown = Literal["one", "front", "all"]
CELLS_SHOWN: tuple[CellsShown, ...] = get_args(CellsShown)


def chosen_cells(
    front: Front, which: CellsShown, methods: Sequence[str], by: pd.DataFrame | None
) -> list[int]:
    """Return rows of `front.cells`, method by method in the table's order.

    Of each method `one` is the cell that is best in the first objective on the images that choose:
    one rule for all. The sweep's knee and selected cells lie anywhere on its front, and methods
    would stand beside each other at sacrifices that have nothing in common. A cell no trial of
    which is measured is never shown; one that lacks a seed or has collapsed stands behind all
    others.

    Args:
        methods: labels of those that are shown; none: all.
        by: the table by which the sweep chooses, of the same trials in the same order, and of the
            same cells; None: the front's own numbers choose.
    """
    cells = front.cells.reset_index(drop=True)
    method = cells["method"] if "method" in cells else pd.Series("", index=cells.index)
    method = method.astype(object).where(method.notna(), "")
    is_shown = (cells["seeds"] > 0) & (method.isin(list(methods)) if methods else True)
    if which == "front":
        is_shown &= cells["on_front"]
    rows = [int(row) for row in cells.index[is_shown.to_numpy(np.bool_)]]
    order = {name: place for place, name in enumerate(dict.fromkeys(method))}
    if which != "one":
        return sorted(rows, key=lambda row: (order[method[row]], row))
    values = _on_choosing_images(front, by)

    def rank(row: int) -> tuple[bool, float, int]:
        return (not front.may_be_on_front[row], values[row], row)

    best = {name: [row for row in rows if method[row] == name] for name in order}
    return [min(its, key=rank) for its in best.values() if its]


def _on_choosing_images(front: Front, by: pd.DataFrame | None) -> npt.NDArray[np.float64]:
    """Return each cell's mean of the first objective, minimised; infinity where there is none."""
    first = front.objectives[:1]
    if by is None:
        means = minimised(front.means(), first)[:, 0]
    else:
        numbers = cell_numbers(by, front.objectives)
        its = pd.Series(minimised(by, first)[:, 0], index=by.index).groupby(numbers).mean()
        means = np.array(its.reindex(range(len(front.cells))), dtype=np.float64)
    return np.nan_to_num(means, nan=np.inf, posinf=np.inf)
