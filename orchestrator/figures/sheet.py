"""The page of a figure: panels in a grid, the legend below them, small print at its foot."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from textwrap import wrap
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from orchestrator.figures.legend_rows import BESIDE_LINE, in_lines, legend_height, rows
from orchestrator.figures.style import DPI, GREY, RC
from trainer.terminal.table import printable

EDGE, FOOT = 0.1, 0.06
"""Inches that are free at the sides, and below the small print."""

PRINT_CHARACTERS, PRINT_ROW, PRINT_SIZE = 15.5, 0.13, 7.5
"""Characters of small print in an inch, the height of a row in inches, its size in points."""

LEAST_PANEL = 1.55
"""Inches of the narrowest panel that stands beside another."""


@dataclass(frozen=True, kw_only=True)
class Margins:
    """Inches around each panel of a grid, for titles and numbers of its axes."""

    left: float
    below: float
    above: float
    right: float = 0.08


def across(panels: int, width: float, margins: Margins, most: int) -> int:
    """Say how many of so many panels stand beside each other in a picture of a width, evenly."""
    fit = max(1, int((width - 2 * EDGE) // (LEAST_PANEL + margins.left + margins.right)))
    fit = min(fit, most, panels)
    return ceil(panels / ceil(panels / fit))


def sheet(
    heights: Sequence[float],
    columns: int,
    width: float,
    *,
    margins: Margins,
    legend: Mapping[str, Any],
    notes: Iterable[str],
) -> tuple[Figure, list[Axes]]:
    """Return a figure with a panel for each of `heights` in inches, row by row in so many columns,
    its legend and its small print.

    Args:
        legend: marks by name.
        notes: sentences of small print; empty ones are left out.
    """
    text = " · ".join(filter(None, notes))
    printed = [
        line
        for part in map(printable, text.splitlines())
        for line in wrap(part, int(PRINT_CHARACTERS * width))
    ]
    foot = FOOT + PRINT_ROW * len(printed) + 0.06
    names = in_lines(legend, width, beside=BESIDE_LINE)
    bottom = foot + (legend_height(legend, width, beside=BESIDE_LINE) if names else 0.0)
    in_rows = [heights[k : k + columns] for k in range(0, len(heights), columns)]
    tall = [max(row) + margins.above + margins.below for row in in_rows]
    total = bottom + sum(tall)
    cell = (width - 2 * EDGE) / columns
    panels: list[Axes] = []
    with rc_context(RC):
        figure = Figure(figsize=(width, total), dpi=DPI)
        top = total
        for row, its in zip(in_rows, tall, strict=True):
            top -= its
            for place, height in enumerate(row):
                left = EDGE + place * cell + margins.left
                low = top + its - margins.above - height
                wide = cell - margins.left - margins.right
                box = (left / width, low / total, wide / width, height / total)
                panels.append(figure.add_axes(box))
        figure.text(
            1 - EDGE / width,
            FOOT / total,
            "\n".join(printed),
            ha="right",
            size=PRINT_SIZE,
            color=GREY,
        )
        if names:
            figure.legend(
                list(legend.values()),
                names,
                loc="lower center",
                bbox_to_anchor=(0.5, foot / total),
                ncols=ceil(len(names) / rows(legend, width, beside=BESIDE_LINE)),
                borderaxespad=0.0,
                handletextpad=0.5,
                columnspacing=1.4,
                handlelength=2.6,
            )
    return figure, panels


def round_limits(low: float, high: float, share: float = 0.06) -> tuple[float, float]:
    """Return limits with a margin, where all values are equal around them."""
    margin = share * (high - low) or max(0.5, abs(high) * share)
    return float(np.float64(low) - margin), float(np.float64(high) + margin)
