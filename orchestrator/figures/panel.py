"""One panel of a front's picture: trials, means, staircase, knee, floor and labels on one pair of
axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from math import ceil
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.markers import MarkerStyle
from matplotlib.scale import FuncScale
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

from orchestrator.figures.crowd import MANY, fewer_vertices
from orchestrator.figures.labels import Label, place_labels
from orchestrator.figures.published import draw_published, labels_of
from orchestrator.figures.spread import SpreadLine
from orchestrator.figures.style import (
    GREY,
    INK,
    ROUND_STEPS,
    Array,
    MethodStyle,
    signed_exp,
    signed_log,
    signed_log_ticks,
)

TRANSFORMATION = "sign(v) · log(1 + |v|)"
ARROWS = {(-1, 1): "↖", (1, 1): "↗", (-1, -1): "↙", (1, -1): "↘"}
LABELLED_METHOD = "pareto"
MOST_NEEDED = 5
"""Most cells lacking seeds that are named even where a label covers something."""

MOST_LABELS = 40
"""Most cells that are named in a crowd, evenly spread."""

LINE_ABOVE = 3.5
"""Z-order of the staircase over a crowd of trials, which would hide it otherwise."""

ROOMY = 4.0
"""Inches of a panel's width below which marks are smaller, and its labels and ticks have less."""

DIGIT, DIGIT_HEIGHT, FREE = 0.082, 0.125, 0.06
"""Inches of a digit's width and height at an axis, and of what is free between two numbers."""

BESIDE = 0.08
"""Inches by which an axis's last number may reach beyond the panel."""

LABEL_CHARACTERS = 8.0
"""Characters in a row of a label, for each inch of such a panel."""

MARGIN = 0.12
"""Share of the data's extent that stays free on each side, for labels."""


class MeanLook(StrEnum):
    """How the mean of a cell looks."""

    FULL = "full"
    HOLLOW = "hollow"
    FADED = "faded"
    COLLAPSED = "collapsed"  # all its trials are


LOOKS: dict[MeanLook, Callable[[str], dict[str, Any]]] = {
    MeanLook.FULL: lambda color: {"markeredgecolor": "white", "markeredgewidth": 0.7},
    MeanLook.HOLLOW: lambda color: {
        "markerfacecolor": "white",
        "markeredgecolor": color,
        "markeredgewidth": 1.2,
    },
    MeanLook.FADED: lambda color: {"alpha": 0.3, "markeredgewidth": 0.0},
    MeanLook.COLLAPSED: lambda color: {
        "markerfacecolor": "white",
        "markeredgecolor": color,
        "markeredgewidth": 1.2,
        "alpha": 0.5,
    },
}
"""What a look is for Matplotlib, in the colour of a method."""

SPREAD_LINE: dict[str, Any] = {"color": GREY, "linewidth": 0.7, "alpha": 0.8}
"""Looks of the lines of seeds."""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What there is to draw in a panel, in the units of the axes."""

    titles: tuple[str, str]
    signs: tuple[float, float]
    """Signs of x and y: 1 where smaller is better, -1 where larger is."""

    better: tuple[int, int]
    """Where better is on the screen: -1 left or down, 1 right or up."""

    log_axis: Literal["x", "y"]
    """The axis that `signed_log` may be applied to."""

    styles: dict[str, MethodStyle]
    trials: pd.DataFrame
    """Columns `trial_id`, `method`, `x`, `y`, `is_collapsed`."""

    means: pd.DataFrame
    """Means as a table of one row a cell: `method`, `x`, `y`, `x_low` to `y_high` (ends of what is
    drawn around them), `look` (a `MeanLook`), `on_front`, `text`, `lacking` (such as
    `1 of 2 seeds`; empty where none lacks)."""

    line: Array
    """Vertices (L, 2) of the line that bounds what the front attains; none where none is drawn."""

    line_name: str
    """What the line is the front of, for the legend."""

    region: Array
    """Corners (R, 2) of the region that counts as hypervolume."""

    spread: tuple[SpreadLine, ...]
    """Lines of single seeds, or of shares of them."""

    knee: pd.DataFrame
    """The knee, trial or mean, in one row or none: `method`, `x`, `y`, `text` (its settings)."""

    floors: tuple[float | None, float | None]
    """Values on x and y that the best constant classifier has, drawn as lines; None: unknown."""

    published: pd.DataFrame
    """Numbers of others, drawn beside all else and no part of it: columns `PUBLISHED`."""


FLOOR_LINE: dict[str, Any] = {"color": GREY, "linewidth": 1.0, "linestyle": (0, (4, 3))}


def draw_panel(axes: Axes, scene: Scene, *, is_log: bool, named: Callable[[str], str]) -> None:
    """Draw `scene`, its `log_axis` under `signed_log` where `is_log`.

    Args:
        named: what a method is called.
    """
    _draw_frame(axes, scene, is_log=is_log)
    if scene.trials.empty:
        axes.text(0.5, 0.5, "no trial is done", transform=axes.transAxes, ha="center", color=GREY)
    if len(scene.trials) > MANY:
        axes.set_rasterization_zorder(LINE_ABOVE)  # in an SVG, so many marks are one image
    published = draw_published(axes, scene.published, size=_shrunk(axes, 6.0))
    beside = _boxes(axes, published, published, 3.5)
    drawn = (_draw_front(axes, scene), _draw_marks(axes, scene), beside)
    _draw_labels(axes, scene, np.vstack(drawn), named)


def _draw_frame(axes: Axes, scene: Scene, *, is_log: bool) -> None:
    """Set scales, limits, ticks and titles; an axis runs backwards where better is elsewhere."""
    logged = "horizontal" if scene.log_axis == "x" else "vertical"
    tag = f"{logged} axis logarithmic" if is_log else "raw axes"
    axes.set_title(tag, loc="right", size=8.0, color=GREY)
    axes.set_title(f"{ARROWS[scene.better]} better", loc="left", size=8.0, color=GREY)
    for at, (name, axis) in enumerate((("x", axes.xaxis), ("y", axes.yaxis))):
        ends = [scene.means[f"{name}_{end}"] for end in ("low", "high")]
        floor = [value for value in scene.floors[at : at + 1] if value is not None]
        values = np.concatenate([scene.trials[name], *ends, floor, scene.published[name]])
        is_logged = is_log and name == scene.log_axis
        low, high = _limits(values, is_log=is_logged)
        scale = FuncScale(axis, functions=(signed_log, signed_exp)) if is_logged else "linear"
        axes.set(**{f"{name}scale": scale})
        is_reversed = scene.signs[at] == scene.better[at]
        axes.set(**{f"{name}lim": (high, low) if is_reversed else (low, high)})
        ticks = signed_log_ticks(low, high)
        even = MaxNLocator(7, steps=ROUND_STEPS)
        locator = FixedLocator(ticks) if is_logged else even
        if inches(axes) < ROOMY:
            ticks = ticks if is_logged else [float(it) for it in even.tick_values(low, high)]
            locator = FixedLocator(ticks_apart(axes, name, ticks, low, high))
        axis.set_major_locator(locator)
        axis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
        title = scene.titles[at]
        axis.set_label_text(f"{title},\nas {TRANSFORMATION}" if is_logged else title)


def inches(axes: Axes) -> float:
    """Width of a panel in inches."""
    return float(axes.get_window_extent().width / axes.figure.dpi)


def _shrunk(axes: Axes, size: float) -> float:
    """Size of a mark whose usual size is given, smaller in a panel of little room."""
    return float(size * min(1.0, np.sqrt(inches(axes) / ROOMY)))


def number(value: float) -> str:
    """Write a number of an axis."""
    return f"{value:g}".replace("-", "−")


def ticks_apart(
    axes: Axes, name: str, ticks: Sequence[float], low: float, high: float
) -> list[float]:
    """Choose of the ticks of an axis, between its limits, as many as have room for their numbers:
    0 first, then those that begin with 1, 5 and 2, of which fewer digits come first."""
    inside = [tick for tick in ticks if low <= tick <= high]
    way = "xy".index(name)
    at = axes.transData.transform(np.array([(tick, tick) for tick in inside]).reshape(-1, 2))
    places = at[:, way] / axes.figure.dpi
    sizes = [DIGIT * len(number(tick)) if name == "x" else DIGIT_HEIGHT for tick in inside]
    end = axes.get_window_extent().x1 / axes.figure.dpi + BESIDE

    def rank(k: int) -> tuple[int, int, int]:
        leading = f"{abs(inside[k]):e}"[0]
        return ("0152".find(leading) % 9, len(number(inside[k])), k)

    kept: list[int] = []
    for k in sorted(range(len(inside)), key=rank):
        is_apart = all(
            abs(places[k] - places[other]) >= (sizes[k] + sizes[other]) / 2 + FREE for other in kept
        )
        if is_apart and (name == "y" or places[k] + sizes[k] / 2 <= end):
            kept.append(k)
    return [inside[k] for k in sorted(kept)]


def _limits(values: Array, *, is_log: bool) -> tuple[float, float]:
    """Limits of an axis that shows `values` with a margin; around 0 where there are none."""
    scaled = signed_log(values) if is_log else values
    low, high = (scaled.min(), scaled.max()) if len(scaled) else (0.0, 0.0)
    margin = MARGIN * (high - low) or 1.0
    limits = np.array([low - margin, high + margin])
    low, high = signed_exp(limits) if is_log else limits
    return float(low), float(high)


def _draw_front(axes: Axes, scene: Scene) -> Array:
    region, line = (
        fewer_vertices(vertices, axes.transData.transform(vertices))
        for vertices in (scene.region, scene.line)
    )
    above = LINE_ABOVE if len(scene.trials) > MANY else 2
    axes.fill(*region.T, color=INK, alpha=0.05, linewidth=0, zorder=1, gid="region")
    for each in scene.spread:
        vertices = fewer_vertices(each.vertices, axes.transData.transform(each.vertices))
        axes.plot(
            *vertices.T, linestyle=each.style, **SPREAD_LINE, zorder=above - 0.1, gid="spread"
        )
    axes.plot(*line.T, color=INK, linewidth=1.2, zorder=above, gid="staircase")
    for floor, draw in zip(scene.floors, (axes.axvline, axes.axhline), strict=True):
        if floor is not None:
            draw(floor, **FLOOR_LINE, zorder=1.5, gid="floor")
    drawn = _boxes(axes, line[:-1], line[1:], 1.0)
    if inches(axes) >= ROOMY:
        return drawn
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    x, y = scene.floors
    floors = [] if x is None else [(x, low, x, high)]
    floors += [] if y is None else [(left, y, right, y)]
    ends = np.array(floors).reshape(-1, 4)
    return np.vstack([drawn, _boxes(axes, ends[:, :2], ends[:, 2:], 1.0)])


def _draw_marks(axes: Axes, scene: Scene) -> Array:
    """Draw each trial small and faint, collapsed ones hollow, and each cell's mean large, with a
    cross of what is known around it."""
    for method, style in scene.styles.items():
        trials = scene.trials[scene.trials["method"] == method]
        means = scene.means[scene.means["method"] == method]
        for is_collapsed in (False, True):
            _draw_trials(axes, trials[trials["is_collapsed"] == is_collapsed], method, style)
        for look in MeanLook:
            _draw_means(axes, means[means["look"] == look], look, style)
    trials_at = scene.trials[["x", "y"]].to_numpy()
    means_at = scene.means[["x", "y"]].to_numpy()
    left, right, bottom, top = (
        scene.means[list(ends)].to_numpy(np.float64)
        for ends in (("x_low", "y"), ("x_high", "y"), ("x", "y_low"), ("x", "y_high"))
    )
    return np.vstack(
        [
            _boxes(axes, trials_at, trials_at, 2.0),
            _boxes(axes, means_at, means_at, 4.0),
            _boxes(axes, left, right, 0.5),
            _boxes(axes, bottom, top, 0.5),
        ]
    )


def _draw_trials(axes: Axes, trials: pd.DataFrame, method: str, style: MethodStyle) -> None:
    """Draw the trials of one method, all collapsed or none."""
    if trials.empty:
        return
    hollow: dict[str, Any] = {
        "facecolors": "none",
        "edgecolors": style.color,
        "alpha": 0.8,
        "linewidths": 0.8,
    }
    filled: dict[str, Any] = {"color": style.color, "alpha": 0.45, "linewidths": 0}
    is_collapsed = trials["is_collapsed"].all()
    axes.scatter(
        trials["x"],
        trials["y"],
        s=_shrunk(axes, 18**0.5) ** 2 if inches(axes) < ROOMY else 18,
        marker=style.marker,
        zorder=3,
        gid=f"{'collapsed' if is_collapsed else 'trials'}-{method}",
        **(hollow if is_collapsed else filled),
    )


def _draw_means(axes: Axes, means: pd.DataFrame, look: MeanLook, style: MethodStyle) -> None:
    """Draw the means of one method's cells that look alike; crosses of those that are not on the
    front stand back."""
    for is_on_front, width, alpha in ((False, 0.7, 0.35), (True, 1.0, 1.0)):
        some = means[means["on_front"] == is_on_front]
        if some.empty:
            continue
        x, y = some["x"], some["y"]
        axes.errorbar(
            x,
            y,
            xerr=[x - some["x_low"], some["x_high"] - x],
            yerr=[y - some["y_low"], some["y_high"] - y],
            fmt="none",
            ecolor=style.color,
            elinewidth=width,
            alpha=alpha,
            zorder=3.8,
        )
        axes.plot(
            x,
            y,
            linestyle="none",
            marker=style.marker,
            color=style.color,
            markersize=_shrunk(axes, 8.0),
            zorder=4,
            **LOOKS[look](style.color),
        )


def _draw_labels(axes: Axes, scene: Scene, obstacles: Array, named: Callable[[str], str]) -> None:
    """Ring and name the knee; name cells that lack seeds, and where there is room those of the
    Pareto method."""
    labels = []
    is_lacking = scene.means["lacking"] != ""
    tells_lacking = not is_lacking.all()  # else the small print does, once
    knee = scene.knee
    for x, y, method, text in knee[["x", "y", "method", "text"]].itertuples(index=False):
        ring = MarkerStyle("o", fillstyle="none")
        axes.scatter(x, y, s=130, marker=ring, color=INK, linewidths=1.3, zorder=5, gid="knee")
        whose = "" if method == LABELLED_METHOD and named(method) == method else named(method)
        words = [word for word in (whose, text) if word]
        cell = scene.means[(scene.means["method"] == method) & (scene.means["text"] == text)]
        words = [*(words or [named(method)]), *cell["lacking"][is_lacking & tells_lacking]]
        name = _in_rows(axes, f"knee: {', '.join(words)}")
        labels.append(Label(x=x, y=y, text=name, color=INK, is_needed=True))
    told = set(knee[["method", "text"]].itertuples(index=False, name=None))
    columns = ["x", "y", "method", "text", "lacking"]
    for x, y, method, text, lacking in scene.means[columns].itertuples(index=False):
        words = [text if method == LABELLED_METHOD else "", lacking if tells_lacking else ""]
        if (name := ", ".join(filter(None, words))) and (method, text) not in told:
            is_needed = tells_lacking and lacking != "" and is_lacking.sum() <= MOST_NEEDED
            color = scene.styles[method].color
            rows = _in_rows(axes, name)
            labels.append(Label(x=x, y=y, text=rows, color=color, is_needed=is_needed))
    labels += labels_of(scene.published, partial(_in_rows, axes))
    if len(scene.trials) > MANY and len(labels) > MOST_LABELS:
        labels = labels[:: ceil(len(labels) / MOST_LABELS)]  # the knee is the first
    place_labels(axes, labels, obstacles, better=scene.better)


def _in_rows(axes: Axes, text: str) -> str:
    """Break a label at its commas where a panel has little room."""
    most = int(LABEL_CHARACTERS * inches(axes))
    if inches(axes) >= ROOMY or len(text) <= most:
        return text
    rows = [""]
    for word in text.split(", "):
        longer = f"{rows[-1]}, {word}" if rows[-1] else word
        rows = [*rows[:-1], longer] if len(longer) <= most else [*rows, word]
    return ",\n".join(filter(None, rows))


def _boxes(axes: Axes, starts: Array, ends: Array, reach: float) -> Array:
    """Return boxes (N, 4) in pixels around segments from `starts` to `ends` (N, 2), `reach` points
    wider.

    Left, bottom, right, top.
    """
    grown = reach * axes.figure.dpi / 72
    first, last = axes.transData.transform(starts), axes.transData.transform(ends)
    return np.hstack([np.minimum(first, last) - grown, np.maximum(first, last) + grown])
