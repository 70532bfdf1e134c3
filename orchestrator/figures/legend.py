"""The legends of a front's picture: its methods, and its kinds of marks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import ceil
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from orchestrator.figures.appearance import WIDTH
from orchestrator.figures.labels import short
from orchestrator.figures.markers import Marker
from orchestrator.figures.panel import (
    FLOOR_LINE,
    LOOKS,
    SPREAD_LINE,
    MeanLook,
    Scene,
)
from orchestrator.figures.published import MARK
from orchestrator.figures.style import GREY, INK
from orchestrator.pareto.front import Front
from orchestrator.pareto.membership import Membership

LEGEND_ROW, DENSE_ROW = 0.24, 0.195
"""Height of a row in inches, and of each but the first in a picture for a page."""

NAMES_IN_ROW, CHARACTERS_AN_INCH = 8, 14
"""Names in a row, at most, and characters of names in an inch of it."""

BESIDE_NAME = 6
"""Characters that a mark and the gaps around it take."""


def rows(names: Iterable[str], width: float) -> int:
    """Number of rows of a legend, filled evenly column by column, so that it is no wider than the
    picture, whose `width` is in inches; one where it is empty."""
    lengths = [len(short(name)) + BESIDE_NAME for name in names]
    fewest = max(1, ceil(len(lengths) / NAMES_IN_ROW))
    for count in range(fewest, len(lengths)):
        columns = np.array_split(lengths, ceil(len(lengths) / count))
        if sum(column.max() for column in columns) <= CHARACTERS_AN_INCH * width:
            return count
    return max(fewest, len(lengths))


def legend_height(names: Iterable[str], width: float) -> float:
    """Height of a legend in inches, with what is free below it, in a picture of a width."""
    count = rows(names, width)
    return LEGEND_ROW * count if width >= WIDTH else LEGEND_ROW + DENSE_ROW * (count - 1)


def _mark(marker: Marker, color: str, size: float, **more: Any) -> Line2D:
    return Line2D([], [], marker=marker, color=color, markersize=size, linestyle="none", **more)


def kinds_of_marks(scene: Scene, front: Front) -> dict[str, Any]:
    """Return the kinds of marks in the picture, by name."""
    kinds: dict[str, Any] = {"one trial": _mark("o", GREY, 4.0, alpha=0.5, markeredgewidth=0)}
    kinds |= _kinds_of_means(scene, front)
    if scene.trials["is_collapsed"].any():
        kinds["collapsed: right on one class"] = _mark("o", GREY, 5.5, fillstyle="none")
    if len(scene.line):
        kinds[scene.line_name] = Line2D([], [], color=INK, linewidth=1.2)
    for line in scene.spread:
        kinds[line.name] = Line2D([], [], linestyle=line.style, **SPREAD_LINE)
    if len(scene.knee):
        kinds["knee"] = _mark("o", INK, 9.0, fillstyle="none", markeredgewidth=1.3)
    if len(scene.published):
        kinds["published elsewhere, not counted"] = Line2D([], [], markersize=6.0, **MARK)
    for floor in scene.floors:
        if floor is not None:
            kinds[f"best constant classifier: {floor:.3g} %"] = Line2D([], [], **FLOOR_LINE)
    return kinds


def _kinds_of_means(scene: Scene, front: Front) -> dict[str, Any]:
    """Return the kinds of means in the picture, by name."""
    ends = scene.means[["x_low", "y_low", "x_high", "y_high"]].to_numpy(np.float64)
    has_arms, sure = bool((ends[:, 2:] > ends[:, :2]).any()), front.certainty
    name = "mean over seeds"
    if has_arms:
        name = "mean over seeds ± one standard deviation"
        if sure is not None:
            name = f"mean, {100 * sure.level:g} % interval ({sure.noise})"
    cross, mean = _mark("+", GREY, 13.0), _mark("o", GREY, 6.5)
    if sure is None or sure.members is None:
        return {name: (cross, mean) if has_arms else mean}
    out = sure.members[Membership.NO]
    off = int((scene.means["look"] == MeanLook.FADED).sum()) - out  # for want of a seed, or worse
    said = {
        MeanLook.FULL: "surely on the front",
        MeanLook.HOLLOW: "possibly on the front",
        MeanLook.FADED: " or ".join(["ruled out"] * (out > 0) + ["kept off"] * (off > 0)),
    }
    there = set(scene.means["look"])
    looks = {
        words: _mark("o", GREY, 6.5, **LOOKS[look](GREY))
        for look, words in said.items()
        if look in there
    }
    return {name: cross if has_arms else mean} | looks


def draw_legends(
    figure: Figure,
    scene: Scene,
    kinds: dict[str, Any],
    bottom: float,
    *,
    named: Callable[[str], str],
) -> None:
    """Draw the methods, then the kinds of marks, in rows below the panels, `bottom` inches up.

    Args:
        named: what a method is called.
    """
    methods = [_mark(style.marker, style.color, 7.0) for style in scene.styles.values()]
    width, height = figure.get_size_inches()
    for handles, names, foot in (
        (methods, list(map(named, scene.styles)), bottom + legend_height(kinds, width)),
        (list(kinds.values()), list(kinds), bottom),
    ):
        figure.legend(
            handles,
            list(map(short, names)),
            loc="lower center",
            bbox_to_anchor=(0.5, foot / height),
            ncols=ceil(len(names) / rows(names, width)),
            borderaxespad=0.0,
            handletextpad=0.4,
            columnspacing=1.6,
        )
