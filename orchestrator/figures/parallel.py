"""Parallel coordinates: each objective an axis, better above, each cell a line from one to the
next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from orchestrator.figures.appearance import wrapped
from orchestrator.figures.curves import LINE_WIDTH, looks
from orchestrator.figures.panel import number
from orchestrator.figures.sheet import EDGE, Margins, sheet
from orchestrator.figures.style import GREY, RC, Array, MethodStyle

HEIGHT_OF_WIDTH, TALLEST, SHORTEST = 0.5, 3.0, 1.7
"""Height of the axes as a share of the picture's width, and in inches."""

FAINT: dict[str, Any] = {"color": GREY, "linewidth": 0.6, "alpha": 0.35}
"""Looks of cells that are not on the front."""


@dataclass(frozen=True, kw_only=True)
class Coordinate:
    """One of the parallel axes."""

    title: str
    sign: float  # 1 where smaller is better, -1 where larger is


@dataclass(frozen=True, kw_only=True, eq=False)
class CellLine:
    """A cell that has a name in the picture."""

    name: str
    style: MethodStyle
    values: Array  # M, in the units of the axes


def compose_parallel(
    coordinates: Sequence[Coordinate],
    cells: Sequence[CellLine],
    behind: Array,
    *,
    width: float,
    notes: Iterable[str],
) -> Figure:
    """Compose the picture, which is not saved yet.

    Each axis runs from the worst to the best value shown, which are written at its ends.

    Args:
        coordinates: the M axes.
        cells: at least one.
        behind: (B, M), of other cells, drawn faintly.
        width: inches.
        notes: sentences of small print.
    """
    titles = [it.title for it in coordinates]
    signs = [it.sign for it in coordinates]
    values = np.array([it.values for it in cells])
    several = len(titles)
    side = min(0.5, 0.09 * width)
    inches = (width - 2 * EDGE - 2 * side) / max(1, several - 1)
    heads = [wrapped(title, min(inches, 1.4) - 0.08) for title in titles]
    lines = max(head.count("\n") for head in heads) + 1
    legend = {it.name: Line2D([], [], **looks(it.style)) for it in cells}
    if len(behind):
        legend["not on the front"] = Line2D([], [], **FAINT)
    figure, (axes,) = sheet(
        [min(TALLEST, max(SHORTEST, HEIGHT_OF_WIDTH * width))],
        1,
        width,
        margins=Margins(left=side, right=side, above=0.22 + 0.15 * lines, below=0.24),
        legend=legend,
        notes=[*notes, "above is better on every axis"],
    )
    every = np.vstack([values, behind])
    low, high = every.min(axis=0), every.max(axis=0)
    places = np.arange(several)
    with rc_context(RC):
        for row in scaled(behind, low, high, signs):
            axes.plot(places, row, gid="behind", zorder=1, **FAINT)
        for cell, row in zip(cells, scaled(values, low, high, signs), strict=True):
            axes.plot(
                places, row, gid=f"cell-{cell.name}", zorder=2, clip_on=False, **looks(cell.style)
            )
        for place, head, sign in zip(places, heads, signs, strict=True):
            ends = (low[place], high[place])
            worst, best = ends if sign < 0 else ends[::-1]
            axes.axvline(float(place), color=GREY, linewidth=LINE_WIDTH / 2, zorder=0)
            axes.annotate(
                f"{head}\n{number(float(f'{best:.3g}'))}",
                (place, 1.0),
                xytext=(0, 5),
                textcoords="offset points",
                ha="center",
                va="bottom",
                size=8.0,
            )
            if worst != best:
                axes.annotate(
                    number(float(f"{worst:.3g}")),
                    (place, 0.0),
                    xytext=(0, -5),
                    textcoords="offset points",
                    ha="center",
                    va="top",
                    size=8.0,
                )
    axes.set(xlim=(0, max(1, several - 1)), ylim=(0, 1), xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.grid(visible=False)
    return figure


def scaled(values: Array, low: Array, high: Array, signs: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return where values (N, M) stand on their axes: 0 the worst, 1 the best, and in the middle
    where all are equal."""
    extent = np.where(high > low, high - low, 1.0)
    rising = np.where(high > low, (values - low) / extent, 0.5)
    turned: npt.NDArray[np.float64] = np.where(np.asarray(signs) > 0, 1 - rising, rising)
    return turned
