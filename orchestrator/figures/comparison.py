"""Two sides on one picture: the fronts of both, strict and the paper's, in a panel each.

Each panel has what is gained over the sacrificed natural accuracy, in percentage points: trials
small and faint, means over seeds large, and the line that bounds what the means on each side's
front attain, up to the largest acceptable sacrifice, where the compared hypervolumes end.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from pathlib import Path
from textwrap import wrap
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from orchestrator.figures.labels import short
from orchestrator.figures.spread import staircase
from orchestrator.figures.style import DPI, GREY, RC, ROUND_STEPS, Array, MethodStyle, save
from orchestrator.pareto.eligibility import is_collapsed, is_under_attack
from orchestrator.pareto.front import Front
from orchestrator.table.columns import declared
from trainer.terminal.table import printable

STYLES = (MethodStyle("#D55E00", "o"), MethodStyle("#0072B2", "s"))
"""Looks of the two sides: vermilion and blue of Okabe and Ito's palette."""

PANEL_WIDTH, HEIGHT = 5.0, 5.0
"""Inches of a panel and of the picture."""

SHOWN = 2.0
"""Sacrifices are shown up to so many times the largest acceptable one; what lies beyond is
counted below."""

KINDS_IN_ROW = (2, 6)
"""Kinds of marks in a row of the legend, below one panel and below two."""

LEGEND_ROW, MARGIN = 0.24, 0.05
CHARACTERS_IN_ROW, CHARACTERS_IN_CAPTION = 78, 72
"""Characters of small print, and of a caption, in a panel's width."""

END_LINE: dict[str, Any] = {"color": GREY, "linewidth": 1.0, "linestyle": (0, (4, 3))}
FLOOR_LINE: dict[str, Any] = {"color": GREY, "linewidth": 1.0, "linestyle": (0, (1, 2))}


def draw_comparison(
    fronts: Mapping[str, tuple[Front, Front]],
    path_png: Path,
    path_svg: Path,
    *,
    names: tuple[str, str],
    captions: Mapping[str, str],
    note: str,
) -> None:
    """Draw the fronts of two sides, by the front's name, and save the picture.

    Args:
        names: those of the sides, for the legend.
        captions: what is said of each front above its panel, such as the difference.
        note: small print.
    """
    figure = compose(fronts, names=names, captions=captions, note=note)
    save(figure, path_png, path_svg)


def compose(
    fronts: Mapping[str, tuple[Front, Front]],
    *,
    names: tuple[str, str],
    captions: Mapping[str, str],
    note: str,
) -> Figure:
    """Compose the picture, which is not saved yet."""
    width = PANEL_WIDTH * len(fronts)
    has_floor = any(map(_floors, fronts.values()))
    kinds = _kinds(has_floor=has_floor)
    rows = ceil(len(kinds) / KINDS_IN_ROW[len(fronts) - 1])
    bottom = 1.1 + LEGEND_ROW * rows
    with rc_context(RC):
        figure = Figure(figsize=(width, HEIGHT), dpi=DPI)
        figure.subplots_adjust(
            left=0.66 / width, right=1 - 0.1 / width, bottom=bottom / HEIGHT, top=1 - 0.6 / HEIGHT
        )
        panels = np.atleast_1d(figure.subplots(1, len(fronts)))
        beyond = 0
        for axes, (name, both) in zip(panels, fronts.items(), strict=True):
            beyond = max(beyond, _draw_panel(axes, both))
            axes.set_title(f"{name} front, ↖ better\n\n", loc="left", size=8.0, color=GREY)
            caption = "\n".join(wrap(printable(captions.get(name, "")), CHARACTERS_IN_CAPTION))
            axes.text(0, 1.015, caption, transform=axes.transAxes, size=8.0, va="bottom")
        sides = dict(zip(map(short, names), map(_mark, STYLES), strict=True))
        for handles, columns, foot in (
            (sides, 2, 0.36 + LEGEND_ROW * rows),
            (kinds, ceil(len(kinds) / rows), 0.34),
        ):
            _draw_legend(figure, handles, columns, foot / HEIGHT)
        parts = [note]
        if beyond:
            parts.append(f"{beyond} trials that sacrifice more are not shown")
        lines = wrap(" · ".join(filter(None, parts)), CHARACTERS_IN_ROW * len(fronts))
        figure.text(
            1 - 0.1 / width, 0.06 / HEIGHT, "\n".join(lines), ha="right", size=7.5, color=GREY
        )
    return figure


def _draw_panel(axes: Axes, fronts: tuple[Front, Front]) -> int:
    """Draw one front of both sides; return how many trials lie beyond the panel."""
    gain, cost = fronts[0].objectives
    largest = 100 * fronts[0].reference_point[1]
    for front, style in zip(fronts, STYLES, strict=True):
        _draw_side(axes, front, style)
    axes.axvline(largest, **END_LINE, gid="largest")
    floors = _floors(fronts)
    for floor in floors:
        axes.axhline(floor, **FLOOR_LINE, zorder=1.5, gid="floor")
    trials = [
        100 * front.measured[[cost.name, gain.name]].to_numpy(dtype=np.float64) for front in fronts
    ]
    points: Array = np.vstack([*trials, [[0.0, 0.0]]])
    most = SHOWN * largest
    is_shown = points[:, 0] <= most
    x, y = points[is_shown].T
    left, right = min(0.0, x.min()), max(x.max(), 1.1 * largest)
    low, high = min(0.0, y.min()), max([*y, *floors]) or 1.0
    axes.set_xlim(left - MARGIN * (right - left), right + MARGIN * (right - left))
    axes.set_ylim(low - MARGIN * (high - low), high + 2 * MARGIN * (high - low))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(7, steps=ROUND_STEPS))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}".replace("-", "−")))
    axes.set_xlabel(_title(cost.name))
    axes.set_ylabel(_title(gain.name))
    return int((~is_shown).sum())


def _draw_side(axes: Axes, front: Front, style: MethodStyle) -> None:
    gain, cost = front.objectives
    trials = front.measured
    for is_hollow in (False, True):
        chosen = trials[is_collapsed(trials, front.objectives) == is_hollow]
        axes.scatter(
            100 * chosen[cost.name],
            100 * chosen[gain.name],
            s=14,
            marker=style.marker,
            facecolors="none" if is_hollow else style.color,
            edgecolors=style.color if is_hollow else "none",
            linewidths=0.8 if is_hollow else 0,
            alpha=0.8 if is_hollow else 0.35,
            zorder=3,
        )
    means = front.cells[front.cells["seeds"] > 0]
    at = 100 * means[[f"{cost.name}_mean", f"{gain.name}_mean"]].to_numpy(dtype=np.float64)
    collapsed = (means["collapsed"] == means["seeds"]).to_numpy(dtype=np.bool_)
    for points, face in ((at[~collapsed], style.color), (at[collapsed], "white")):
        axes.plot(
            *points.T,
            marker=style.marker,
            linestyle="none",
            markersize=7.5,
            markerfacecolor=face,
            markeredgecolor="white" if face == style.color else style.color,
            markeredgewidth=0.7,
            zorder=5,
            gid="means",
        )
    attained = at[means["on_front"].to_numpy(dtype=np.bool_)] * (1, -1)  # all minimised
    ends = 100 * np.array([front.reference_point[1], -front.reference_point[0]])
    inside = attained[(attained < ends).all(axis=1)]
    line = staircase(inside, ends) * (1, -1)
    axes.plot(*line.T, color=style.color, linewidth=1.4, zorder=4, gid="staircase")
    axes.fill_between(*line.T, color=style.color, alpha=0.06, linewidth=0, zorder=1, gid="attained")


def _floors(fronts: tuple[Front, Front]) -> list[float]:
    """Union accuracies, in per cent, of the best constant classifiers, where that is the gain."""
    known = [front.constant_accuracy for front in fronts if is_under_attack(front.objectives[0])]
    return sorted({100 * each for each in known if each is not None})


def _kinds(*, has_floor: bool) -> dict[str, Line2D]:
    """Return the kinds of marks in the picture, by name."""
    kinds = {
        "one trial": _round(4.0, alpha=0.5),
        "mean over seeds": _round(7.0),
        "collapsed": _round(5.0, fillstyle="none"),
        "front of means": Line2D([], [], color=GREY, linewidth=1.4),
        "largest acceptable sacrifice": Line2D([], [], **END_LINE),
    }
    floor = {"best constant classifier": Line2D([], [], **FLOOR_LINE)}
    return kinds | floor if has_floor else kinds


def _mark(style: MethodStyle) -> Line2D:
    return Line2D([], [], marker=style.marker, color=style.color, markersize=7.0, linewidth=1.4)


def _round(size: float, **more: Any) -> Line2D:
    return Line2D([], [], marker="o", color=GREY, markersize=size, linestyle="none", **more)


def _draw_legend(figure: Figure, handles: Mapping[str, Line2D], columns: int, foot: float) -> None:
    figure.legend(
        list(handles.values()),
        list(handles),
        loc="lower center",
        bbox_to_anchor=(0.5, foot),
        ncols=columns,
        borderaxespad=0.0,
        handletextpad=0.4,
        columnspacing=1.6,
    )


def _title(name: str) -> str:
    column = declared(name)
    words = (column.words if column is not None else "") or name.replace("_", " ")
    unit = "percentage points" if column is None or not column.unit else column.unit
    return f"{words} ({unit})"
