"""The legends of a front's picture: its methods, and its kinds of marks."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from orchestrator.figures.legend_rows import in_lines, legend_height, rows
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
            in_lines(names, width),
            loc="lower center",
            bbox_to_anchor=(0.5, foot / height),
            ncols=ceil(len(names) / rows(names, width)),
            borderaxespad=0.0,
            handletextpad=0.4,
            columnspacing=1.6,
        )
