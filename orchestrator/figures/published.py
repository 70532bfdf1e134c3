"""Numbers that were published elsewhere, in a picture: open grey marks with their labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from orchestrator.figures.labels import Label, short
from orchestrator.figures.style import GREY, Array

PUBLISHED = ["label", "x", "y"]
"""Columns of a table of them, in the units of the axes."""

MOST_NEEDED = 12
"""Most of them that are named even where a label covers something."""

MARK: dict[str, Any] = {
    "marker": "D",
    "color": GREY,
    "markerfacecolor": "none",
    "markeredgewidth": 1.0,
    "linestyle": "none",
}
"""Their look."""


def draw_published(axes: Axes, published: pd.DataFrame, *, size: float) -> Array:
    """Draw the marks, and return where they are (N, 2)."""
    at: Array = published[["x", "y"]].to_numpy(np.float64)
    if len(at):
        axes.plot(*at.T, markersize=size, zorder=2.9, gid="published", **MARK)
    return at


def labels_of(published: pd.DataFrame, in_rows: Callable[[str], str]) -> list[Label]:
    """Return their labels, broken into rows where there is little room."""
    is_needed = len(published) <= MOST_NEEDED
    return [
        Label(x=x, y=y, text=in_rows(short(label)), color=GREY, is_needed=is_needed)
        for label, x, y in published[PUBLISHED].itertuples(index=False)
    ]
