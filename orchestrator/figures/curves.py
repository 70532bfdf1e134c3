"""Curves over something that rises, such as steps or epochs: a line's mean over seeds, and around
it how far the seeds lie apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.scale import FuncScale
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

from orchestrator.figures.appearance import wrapped
from orchestrator.figures.panel import number, ticks_apart
from orchestrator.figures.sheet import EDGE, Margins, across, round_limits, sheet
from orchestrator.figures.style import (
    GREY,
    RC,
    ROUND_STEPS,
    Array,
    MethodStyle,
    signed_exp,
    signed_log,
)

SHAPE, SHORTEST, TALLEST = 0.72, 1.45, 2.3
"""Height of a panel as a share of its width, and at least and at most, in inches."""

MOST_BANDS = 6
"""Most lines of a panel that have bands around them: of more, none could be told from another."""

MARKS = 12
"""Most marks on a line, beyond which some are left out."""

LINE_WIDTH = 1.3


@dataclass(frozen=True, kw_only=True, eq=False)
class Curve:
    """One line of a panel."""

    name: str
    style: MethodStyle
    x: Array  # L, rising
    mean: Array  # L; NaN where there is no number
    low: Array  # L: the lowest of the seeds
    high: Array  # L: the highest
    seeds: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Panel:
    """One pair of axes."""

    title: str
    x_title: str
    y_title: str
    curves: tuple[Curve, ...]
    is_log: bool = False  # whether x is under `signed_log`, with a number at each value
    limits: tuple[float, float] | None = None  # of y; None: around the curves
    shares_y: str = ""  # panels of the same word have the same limits of y


def compose_curves(
    panels: Sequence[Panel], *, width: float, most: int, notes: Iterable[str]
) -> Figure:
    """Compose a picture of panels, which is not saved yet.

    Args:
        width: inches.
        most: panels beside each other, where there is room.
        notes: sentences of small print.
    """
    margins = Margins(left=0.6, below=0.46, above=0.24)
    columns = across(len(panels), width, margins, most)
    inches = (width - 2 * EDGE) / columns - margins.left - margins.right
    height = min(TALLEST, max(SHORTEST, SHAPE * inches))
    titles = [wrapped(panel.title, inches) for panel in panels]
    rows = max(title.count("\n") for title in titles)
    margins = Margins(left=0.6, below=0.46, above=0.24 + 0.15 * rows)
    legend = {
        curve.name: Line2D([], [], label=curve.name, **looks(curve.style))
        for panel in panels
        for curve in panel.curves
    }
    has_band = any(curve.seeds > 1 for panel in panels for curve in panel.curves)
    is_crowded = max(len(panel.curves) for panel in panels) > MOST_BANDS
    said = "bands: from the lowest seed to the highest"
    if is_crowded:
        said = f"means over seeds; no bands around more than {MOST_BANDS} lines"
    figure, all_axes = sheet(
        [height] * len(panels),
        columns,
        width,
        margins=margins,
        legend=legend,
        notes=[*notes, said if has_band else ""],
    )
    with rc_context(RC):
        for axes, panel, title in zip(all_axes, panels, titles, strict=True):
            others = [it for it in panels if it is panel or (it.shares_y == panel.shares_y != "")]
            _draw(axes, panel, others, y_title=wrapped(panel.y_title, height))
            axes.set_title(title, loc="left", size=8.0, color=GREY)
    return figure


def looks(style: MethodStyle) -> dict[str, Any]:
    """How a line of a method looks, for Matplotlib: its dashes and its shape tell it in grey."""
    return {
        "color": style.color,
        "marker": style.marker,
        "linestyle": (0, style.dashes) if style.dashes else "solid",
        "linewidth": LINE_WIDTH,
        "markersize": 5.0,
        "fillstyle": style.fill,
        "markeredgewidth": 0.8,
        "markerfacecoloralt": "white",
    }


def _draw(axes: Axes, panel: Panel, others: Sequence[Panel], *, y_title: str) -> None:
    axes.set_xlabel(panel.x_title)
    axes.set_ylabel(y_title)
    if not panel.curves:
        axes.set(xticks=[], yticks=[])
        axes.text(0.5, 0.5, "not recorded", transform=axes.transAxes, ha="center", color=GREY)
        return
    for curve in panel.curves:
        if curve.seeds > 1 and len(panel.curves) <= MOST_BANDS:
            axes.fill_between(
                curve.x,
                curve.low,
                curve.high,
                color=curve.style.color,
                alpha=0.15,
                linewidth=0,
                gid=f"band-{curve.name}",
            )
        axes.plot(
            curve.x,
            curve.mean,
            gid=f"curve-{curve.name}",
            markevery=max(1, len(curve.x) // MARKS),
            **looks(curve.style),
        )
    x = np.unique(np.concatenate([curve.x for curve in panel.curves]))
    if panel.is_log:
        axes.set_xscale(FuncScale(axes.xaxis, functions=(signed_log, signed_exp)))
        first, last = signed_log([x.min(), x.max()])
        axes.set_xlim(*signed_exp(round_limits(float(first), float(last), 0.04)))
    else:
        axes.set_xlim(*round_limits(float(x.min()), float(x.max()), 0.03))
    values = np.concatenate(
        [end for it in others for curve in it.curves for end in (curve.low, curve.high)]
    )
    finite = values[np.isfinite(values)]
    ends = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    axes.set_ylim(*(panel.limits or round_limits(*ends)))
    low, high = axes.get_xlim()
    even = [
        float(it) for it in MaxNLocator(6, steps=ROUND_STEPS, integer=True).tick_values(low, high)
    ]
    ticks = [float(it) for it in x] if panel.is_log else even
    axes.xaxis.set_major_locator(FixedLocator(ticks_apart(axes, "x", ticks, low, high)))
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=ROUND_STEPS))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
