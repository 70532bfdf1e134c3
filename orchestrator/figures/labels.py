"""Labels in a picture: settings in a few characters, and where a text covers nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes

from orchestrator.figures.style import Array
from orchestrator.pareto.front import settings_of
from orchestrator.table.setting_values import is_mix, value_text
from trainer.terminal.table import printable

SYMBOLS = {"rho": "ρ", "epsilon": "ε", "alpha": "α"}

PLACES = np.array(
    [
        (-1, 1, 7),
        (0, 1, 8),
        (-1, 1, 11),
        (-1, 1, 16),
        (0, 1, 18),
        (0, 1, 30),
        (-1, 0, 9),
        (1, 1, 7),
        (1, 0, 9),
        (0, -1, 8),
        (1, -1, 7),
        (-1, -1, 7),
        (1, -1, 14),
        (1, -1, 22),
        (1, -1, 30),
    ],
    dtype=np.float64,
)
"""Where a label may stand, seen from its point, the best place first, where better is up and to the
left: there no front has points. Horizontal and vertical direction, distance in typographic
points."""

MOST_CHARACTERS = 60
"""Characters of the longest name or label that is drawn whole."""

PADDING = 2.0
"""Free pixels around a label."""

CLEARLY_NEARER = 0.75
"""Most that a label's distance from its own point may be, as a share of that from any other."""


@dataclass(frozen=True, kw_only=True)
class Label:
    """A text for the point (x, y), in data units of its axes."""

    x: float
    y: float
    text: str
    color: str
    is_needed: bool
    """Whether the label is drawn even where it must cover something."""


def setting_text(settings: dict[str, Any]) -> str:
    """Write `{'pgd.epsilon': 0.03137254901960784, 'rho': 0.4}` as `pgd ε = 8/255, ρ = 0.4`, and
    weights `natural=0.4 pgd=0.6` as `natural .4 pgd .6`."""
    words = (
        _weights(value) if is_mix(value) else f"{_symbol(name)} = {value_text(value, digits=6)}"
        for name, value in settings.items()
    )
    return short(", ".join(words))


def _weights(text: str) -> str:
    shares = (word.split("=") for word in text.split())
    return " ".join(f"{name} {f'{float(share):.3g}'.removeprefix('0')}" for name, share in shares)


def short(text: str) -> str:
    """Shorten `text` for a picture: on one line, each character with a shape, not too long."""
    safe = printable(text)
    return safe if len(safe) <= MOST_CHARACTERS else f"{safe[: MOST_CHARACTERS - 1]}…"


def varying_settings(
    trials: pd.DataFrame, columns: Sequence[str], rows: npt.NDArray[np.bool_]
) -> list[dict[str, Any]]:
    """Return the settings of each chosen row that differ within its `method`, over all rows."""
    varies = trials.groupby("method")[list(columns)].nunique(dropna=False) > 1
    return [
        settings_of(trial, [name for name in columns if varies.loc[trial["method"], name]])
        for _, trial in trials[rows].astype("object").iterrows()
    ]


def place_labels(
    axes: Axes, labels: Sequence[Label], obstacles: Array, *, better: tuple[int, int]
) -> None:
    """Draw each label within `axes`, off every obstacle and label, nearest to its own point.

    Obstacles are boxes (K, 4) in pixels: left, bottom, right, top. The places around a point
    are tried in order; a label that has none is left out, unless it is needed: then it takes
    the place that covers least, moved into the axes where it would reach beyond them. The axes'
    limits must be final.

    Args:
        better: where better is: -1 left or down, 1 right or up.
    """
    pixels = axes.figure.dpi / 72
    left, bottom, right, top = axes.get_window_extent().extents
    points = axes.transData.transform(
        np.array([(each.x, each.y) for each in labels]).reshape(-1, 2)
    )
    directions, distances = PLACES[:, :2] * (-better[0], better[1]), PLACES[:, 2:]
    taken = obstacles
    for k, (label, point) in enumerate(zip(labels, points, strict=True)):
        others = np.delete(points, k, axis=0)
        text = axes.annotate(
            label.text,
            (label.x, label.y),
            xytext=(0.0, 0.0),
            textcoords="offset points",
            va="bottom",
            color=label.color,
            fontsize=8.0,
            zorder=6,
        )
        size = np.array(text.get_window_extent().size)
        corners = point + distances * directions * pixels + (directions - 1) / 2 * size
        if label.is_needed:
            low, high = np.array([left, bottom]) + PADDING, np.array([right, top]) - PADDING - size
            corners = np.vstack([corners, np.clip(corners, low, np.maximum(low, high))])
        boxes = np.hstack([corners - PADDING, corners + size + PADDING])
        is_inside = (boxes[:, :2] >= (left, bottom)) & (boxes[:, 2:] <= (right, top))
        worst = len(taken) + 1  # what covers everything covers less than this
        cost = _overlaps(boxes, taken) + np.where(_is_nearest(boxes, point, others), 0, worst)
        cost += np.where(is_inside.all(axis=1), 0, 4 * worst)
        cost[len(PLACES) :] += 2 * worst  # moved, which is better than reaching beyond the axes
        cost += 8 * worst * _overlaps(boxes, taken[len(obstacles) :])  # no label on another
        best = int(cost.argmin())
        if cost[best] and not label.is_needed:
            text.remove()
            continue
        text.xyann = tuple((corners[best] - point) / pixels)
        taken = np.vstack([taken, boxes[best]])


def _is_nearest(boxes: Array, point: Array, others: Array) -> npt.NDArray[np.bool_]:
    """Whether each of `boxes` (B, 4) is clearly nearer to `point` (2,) than to any other (L, 2)."""
    is_nearest: npt.NDArray[np.bool_] = np.less_equal(
        _gaps(boxes, point[None])[:, 0],
        CLEARLY_NEARER * _gaps(boxes, others).min(axis=1, initial=np.inf),
    )
    return is_nearest


def _gaps(boxes: Array, points: Array) -> Array:
    """Distances (B, L) between `boxes` (B, 4) and `points` (L, 2); 0 within a box."""
    starts, ends = boxes[:, None, :2], boxes[:, None, 2:]
    outside = np.maximum(starts - points, points - ends).clip(min=0.0)
    gaps: Array = np.hypot(outside[..., 0], outside[..., 1])
    return gaps


def _overlaps(boxes: Array, others: Array) -> npt.NDArray[np.int64]:
    """How many of `others` (K, 4) each of `boxes` (B, 4) overlaps, as (B,)."""
    starts, ends = boxes[:, None, :2], boxes[:, None, 2:]
    overlaps = (starts < others[:, 2:]) & (others[:, :2] < ends)
    counts: npt.NDArray[np.int64] = overlaps.all(axis=2).sum(axis=1)
    return counts


def _symbol(name: str) -> str:
    *path, last = name.split(".")
    return " ".join([*path, SYMBOLS.get(last, last.replace("_", " "))])
