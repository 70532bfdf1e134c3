"""One panel of a front's picture: trials, means, staircase, knee and labels on one pair of axes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.markers import MarkerStyle
from matplotlib.scale import FuncScale
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

from orchestrator.figures.labels import Label, place_labels
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

LABELLED_METHOD = "pareto"
MARGIN = 0.12
"""Share of the data's extent that stays free on each side, for labels."""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What there is to draw, in the units of the axes."""

    titles: tuple[str, str]
    signs: tuple[float, float]
    """Of x and y: 1 where smaller is better, -1 where larger is."""

    styles: dict[str, MethodStyle]
    trials: pd.DataFrame
    """Columns `trial_id`, `method`, `x`, `y`, `text` (its settings)."""

    means: pd.DataFrame
    """One row a cell: `method`, `x`, `y`, `dx`, `dy` (standard deviations), `text`."""

    line: Array
    """Vertices (L, 2) of what the front attains; none where there is no line to draw."""

    region: Array
    """Corners (R, 2) of what counts as hypervolume."""

    knee: str | None
    """The knee's `trial_id`."""


def draw_panel(axes: Axes, scene: Scene, *, is_log: bool) -> None:
    """Draw `scene`; up and left are better, under `signed_log` where `is_log`."""
    _draw_frame(axes, scene, is_log=is_log)
    if scene.trials.empty:
        axes.text(0.5, 0.5, "no trial is done", transform=axes.transAxes, ha="center", color=GREY)
    drawn = (_draw_front(axes, scene), _draw_marks(axes, scene))
    _draw_labels(axes, scene, np.vstack(drawn))


def _draw_frame(axes: Axes, scene: Scene, *, is_log: bool) -> None:
    """Scales, limits, ticks and titles."""
    tag = "log-transformed axes: sign(v) · log(1 + |v|)" if is_log else "raw axes"
    axes.set_title(tag, loc="right", size=8.0, color=GREY)
    axes.set_title("↖ better", loc="left", size=8.0, color=GREY)
    x_sign, y_sign = scene.signs
    for name, axis, title, is_reversed in (
        ("x", axes.xaxis, scene.titles[0], x_sign < 0),
        ("y", axes.yaxis, scene.titles[1], y_sign > 0),
    ):
        means, spread = scene.means[name], scene.means[f"d{name}"]
        values = np.concatenate([scene.trials[name], means - spread, means + spread])
        low, high = _limits(values, is_log=is_log)
        scale = FuncScale(axis, functions=(signed_log, signed_exp)) if is_log else "linear"
        axes.set(**{f"{name}scale": scale})
        axes.set(**{f"{name}lim": (high, low) if is_reversed else (low, high)})
        ticks = signed_log_ticks(low, high)
        axis.set_major_locator(FixedLocator(ticks) if is_log else MaxNLocator(7, steps=ROUND_STEPS))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}".replace("-", "−")))
        axis.set_label_text(title)


def _limits(values: Array, *, is_log: bool) -> tuple[float, float]:
    """Of an axis that shows `values` with a margin; around 0 where there are none."""
    scaled = signed_log(values) if is_log else values
    low, high = (scaled.min(), scaled.max()) if len(scaled) else (0.0, 0.0)
    margin = MARGIN * (high - low) or 1.0
    limits = np.array([low - margin, high + margin])
    low, high = signed_exp(limits) if is_log else limits
    return float(low), float(high)


def _draw_front(axes: Axes, scene: Scene) -> Array:
    axes.fill(*scene.region.T, color=INK, alpha=0.05, linewidth=0, zorder=1, gid="region")
    axes.plot(*scene.line.T, color=INK, linewidth=1.2, zorder=2, gid="staircase")
    return _boxes(axes, scene.line[:-1], scene.line[1:], 1.0)


def _draw_marks(axes: Axes, scene: Scene) -> Array:
    """Each trial small and faint, each cell's mean large with a cross of its deviations."""
    for method, style in scene.styles.items():
        trials = scene.trials[scene.trials["method"] == method]
        means = scene.means[scene.means["method"] == method]
        axes.scatter(
            trials["x"],
            trials["y"],
            s=18,
            marker=style.marker,
            color=style.color,
            alpha=0.45,
            linewidths=0,
            zorder=3,
            gid=f"trials-{method}",
        )
        axes.errorbar(
            means["x"],
            means["y"],
            xerr=means["dx"],
            yerr=means["dy"],
            fmt=style.marker,
            color=style.color,
            markersize=8.0,
            markeredgecolor="white",
            markeredgewidth=0.7,
            elinewidth=1.0,
            zorder=4,
        )
    trials_at = scene.trials[["x", "y"]].to_numpy()
    means_at = scene.means[["x", "y"]].to_numpy()
    x_arms, y_arms = (scene.means[["dx", "dy"]].to_numpy() * axis for axis in np.eye(2))
    return np.vstack(
        [
            _boxes(axes, trials_at, trials_at, 2.0),
            _boxes(axes, means_at, means_at, 4.0),
            _boxes(axes, means_at - x_arms, means_at + x_arms, 0.5),
            _boxes(axes, means_at - y_arms, means_at + y_arms, 0.5),
        ]
    )


def _draw_labels(axes: Axes, scene: Scene, obstacles: Array) -> None:
    """The knee ringed and named; the cells of the Pareto method named where there is room."""
    labels = []
    knee = scene.trials[scene.trials["trial_id"] == scene.knee]
    for x, y, method, text in knee[["x", "y", "method", "text"]].itertuples(index=False):
        ring = MarkerStyle("o", fillstyle="none")
        axes.scatter(x, y, s=130, marker=ring, color=INK, linewidths=1.3, zorder=5, gid="knee")
        words = [word for word in (method, text) if word and word != LABELLED_METHOD]
        name = f"knee: {', '.join(words) or method}"
        labels.append(Label(x=x, y=y, text=name, color=INK, is_needed=True))
    named = scene.means[scene.means["method"] == LABELLED_METHOD]
    for x, y, text in named[["x", "y", "text"]].itertuples(index=False):
        if text and text not in set(knee["text"]):
            color = scene.styles[LABELLED_METHOD].color
            labels.append(Label(x=x, y=y, text=text, color=color, is_needed=False))
    place_labels(axes, labels, obstacles)


def _boxes(axes: Axes, starts: Array, ends: Array, reach: float) -> Array:
    """Boxes (N, 4) in pixels around segments from `starts` to `ends` (N, 2), `reach` points wider.

    Left, bottom, right, top.
    """
    grown = reach * axes.figure.dpi / 72
    first, last = axes.transData.transform(starts), axes.transData.transform(ends)
    return np.hstack([np.minimum(first, last) - grown, np.maximum(first, last) + grown])
