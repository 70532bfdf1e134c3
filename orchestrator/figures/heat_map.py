"""A heat map of numbers in per cent, each written in its square: read by colour, in grey, or not by
colour at all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import ceil
from textwrap import wrap

import numpy as np
from matplotlib import rc_context
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from orchestrator.figures.labels import short
from orchestrator.figures.sheet import EDGE, Margins, sheet
from orchestrator.figures.style import INK, RC, Array

COLORS = LinearSegmentedColormap.from_list("per cent", ["#f4f7fa", "#7fb0d6", "#0b3c6f"])
"""From light to dark, so that luminance falls throughout."""

ROW, TALL_ROW, LEAST_COLUMN, WIDEST_COLUMN = 0.21, 0.33, 0.3, 0.9
"""Inches of the height of a row whose name has one line, or more, and of a column's width."""

MOST_NAMES = 0.43
"""Most of the width that names of rows take in one line."""

CHARACTER, LETTER = 0.068, 8.0
"""Inches of a character of a name, and its size in points."""

DARK = 0.18
"""Luminance of a square below which its number is white."""


def compose_heat_map(
    values: Array,
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    width: float,
    notes: Iterable[str],
) -> Figure:
    """Compose the picture, which is not saved yet.

    Columns for which the width has no room continue in a block below.

    Args:
        values: (R, C), shares; NaN is written as a dash.
        rows: their names.
        columns: their names.
        width: inches.
        notes: sentences of small print.
    """
    names, heads = [short(name) for name in rows], [short(name) for name in columns]
    names, tall = _names(names, int(MOST_NAMES * width / CHARACTER))
    left = 0.12 + CHARACTER * max(len(line) for name in names for line in name.splitlines())
    room = width - 2 * EDGE - left - 0.05
    fit = max(1, int(room // LEAST_COLUMN))
    blocks = ceil(len(heads) / fit)
    across = ceil(len(heads) / blocks)
    column = min(WIDEST_COLUMN, room / across)
    turned = any(CHARACTER * len(head) > column - 0.04 for head in heads)
    above = 0.1 + (CHARACTER * max(map(len, heads)) if turned else 0.16)
    right = max(0.05, width - 2 * EDGE - left - across * column)
    figure, all_axes = sheet(
        [tall * len(names)] * blocks,
        1,
        width,
        margins=Margins(left=left, right=right, above=above, below=0.1),
        legend={},
        notes=notes,
    )
    with rc_context(RC):
        for block, axes in enumerate(all_axes):
            its = slice(block * across, (block + 1) * across)
            shown = values[:, its]
            for (row, place), value in np.ndenumerate(shown):
                color = COLORS(float(value)) if np.isfinite(value) else (1.0, 1.0, 1.0, 1.0)
                axes.add_patch(
                    Rectangle((place, row), 1, 1, facecolor=color, edgecolor="white", linewidth=0.8)
                )
                axes.text(
                    place + 0.5,
                    row + 0.5,
                    f"{100 * value:.1f}".replace("-", "−") if np.isfinite(value) else "–",
                    ha="center",
                    va="center_baseline",
                    size=LETTER,
                    color="white" if luminance(color) < DARK else INK,
                )
            axes.set(xlim=(0, across), ylim=(len(names), 0))
            axes.grid(visible=False)
            for spine in axes.spines.values():
                spine.set_visible(False)
            axes.tick_params(length=0, labelsize=LETTER, colors=INK)
            axes.xaxis.tick_top()
            axes.set_xticks(
                np.arange(shown.shape[1]) + 0.5, heads[its], rotation=90 if turned else 0
            )
            axes.set_yticks(np.arange(len(names)) + 0.5, names)
            if not turned:
                axes.tick_params(axis="x", pad=2)
            axes.set_facecolor("none")
    return figure


def _names(names: Sequence[str], most: int) -> tuple[list[str], float]:
    """Return names, in several lines where one is too long, and the height of all rows."""
    if max(map(len, names)) <= most:
        return list(names), ROW
    broken = [name.replace(", ", ",\n", 1) for name in names]
    lines = [[it for part in name.split("\n") for it in wrap(part, most)] for name in broken]
    height = max(TALL_ROW, (ROW - 0.06) * max(map(len, lines)) + 0.06)
    return ["\n".join(its) for its in lines], height


def luminance(color: Sequence[float]) -> float:
    """Return how light a colour is, between 0 and 1 (Rec. 709, of the linear parts)."""
    linear = [it / 12.92 if it <= 0.04045 else ((it + 0.055) / 1.055) ** 2.4 for it in color[:3]]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))
