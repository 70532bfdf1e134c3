"""Attainment bands: of each method what half of the seeds attain, between what a quarter and three
quarters do; of too few seeds each one's own line, which is no band."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from orchestrator.figures.appearance import wrapped
from orchestrator.figures.curves import LINE_WIDTH
from orchestrator.figures.panel import number
from orchestrator.figures.sheet import EDGE, Margins, round_limits, sheet
from orchestrator.figures.spread import staircase
from orchestrator.figures.style import RC, ROUND_STEPS, Array, MethodStyle
from orchestrator.pareto.attainment import LEAST_SEEDS, PERCENTAGES, attainment, staircases

SHAPE, TALLEST = 0.8, 3.6
"""Height of the panel as a share of its width, and at most, in inches."""

MARKS_OF_A_LINE = 6

MOST_BANDS = 4
"""Most methods whose bands are drawn: of more, none could be told from another."""


def compose_attainment(
    points: pd.DataFrame,
    titles: tuple[str, str],
    signs: tuple[float, float],
    names: Mapping[str, str],
    styles: Mapping[str, MethodStyle],
    *,
    seeds: Mapping[str, int],
    width: float,
    notes: Iterable[str],
) -> Figure:
    """Compose the picture, which is not saved yet.

    Args:
        points: a row a trial that takes part: `method`, `seed`, `x`, `y`, in units of the axes.
        titles: of x and y.
        signs: of x and y: 1 where smaller is better, -1 where larger is.
        names: of the methods, in their order.
        styles: theirs.
        seeds: how many each has, with those of which no trial takes part: they attain nothing.
        width: inches.
        notes: sentences of small print.
    """
    margins = Margins(left=0.66, below=0.5, above=0.22)
    inches = width - 2 * EDGE - margins.left - margins.right
    height = min(TALLEST, SHAPE * inches)
    title, side = wrapped(titles[0], inches), wrapped(titles[1], height)
    margins = Margins(
        left=0.55 + 0.15 * side.count("\n"), below=0.5 + 0.15 * title.count("\n"), above=0.22
    )
    legend = {
        names[name]: Line2D([], [], **_line(styles[name]), marker=styles[name].marker, markersize=5)
        for name in names
    }
    few = [names[name] for name in names if seeds[name] < LEAST_SEEDS]
    bands = "bands: from a quarter to three quarters"
    if len(names) > MOST_BANDS:
        bands = f"no bands of more than {MOST_BANDS} methods, which --method chooses"
    said = [f"lines: what half of the seeds attain; {bands}"]
    if few:
        whose = "" if len(few) == len(names) else f" of {', '.join(few)}"
        said = ["" if len(few) == len(names) else said[0]]
        said += [f"fewer than {LEAST_SEEDS} seeds{whose}: the line of each, which is no band"]
    figure, (axes,) = sheet(
        [height], 1, width, margins=margins, legend=legend, notes=[*notes, *said]
    )
    turns = np.array(signs)
    ends = _ends(points, turns)
    with rc_context(RC):
        for name, style in ((name, styles[name]) for name in names):
            its = points[points["method"] == name]
            by_seed = [
                rows[["x", "y"]].to_numpy(np.float64) * turns for _, rows in its.groupby("seed")
            ]
            by_seed += [np.empty((0, 2))] * (seeds[name] - len(by_seed))
            lines, band = _surfaces(by_seed, ends)
            if band is not None and len(names) <= MOST_BANDS:
                axes.fill(
                    *(band * turns).T,
                    color=style.color,
                    alpha=0.18,
                    linewidth=0,
                    gid=f"band-{name}",
                )
            for line in lines:
                at = line * turns
                axes.plot(
                    *at.T,
                    gid=f"line-{name}",
                    marker=style.marker,
                    markersize=4.5,
                    markevery=slice(1, -1, max(2, 2 * (len(at) // (2 * MARKS_OF_A_LINE)))),
                    **_line(style),
                )
        low, high = points[["x", "y"]].min(), points[["x", "y"]].max()
        axes.set_xlim(*round_limits(float(low["x"]), float(high["x"])))
        axes.set_ylim(*round_limits(float(low["y"]), float(high["y"])))
        for axis, turn in ((axes.xaxis, signs[0]), (axes.yaxis, signs[1])):
            is_left = axis is axes.xaxis  # better is left and above
            if (turn < 0) == is_left:
                axis.set_inverted(inverted=True)
            axis.set_major_locator(MaxNLocator(5, steps=ROUND_STEPS))
            axis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
        axes.set_xlabel(title)
        axes.set_ylabel(side)
        axes.set_title("↖ better", loc="left", size=8.0)
    return figure


def _line(style: MethodStyle) -> dict[str, Any]:
    return {
        "color": style.color,
        "linewidth": LINE_WIDTH,
        "linestyle": (0, style.dashes) if style.dashes else "solid",
    }


def _ends(points: pd.DataFrame, turns: Array) -> Array:
    """Return where all lines end, minimised: well beyond the worst point."""
    at = points[["x", "y"]].to_numpy(np.float64) * turns
    extent = at.max(axis=0) - at.min(axis=0)
    ends: Array = at.max(axis=0) + np.where(extent > 0, extent, 1.0)
    return ends


def _surfaces(by_seed: Sequence[Array], ends: Array) -> tuple[list[Array], Array | None]:
    """Return the lines to draw, minimised, and the corners of the band; None: there is none."""
    if len(by_seed) < LEAST_SEEDS:
        return [staircase(front, ends) for front in staircases(by_seed)], None
    found = attainment(by_seed, PERCENTAGES)
    outer, half, inner = (staircase(found[it], ends) for it in PERCENTAGES)
    inner = inner if len(inner) else ends[None]  # what too few attain is nowhere
    return [half] if len(half) else [], np.vstack([outer, inner[::-1]]) if len(outer) else None
