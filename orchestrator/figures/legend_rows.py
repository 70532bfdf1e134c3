"""Names of a legend in rows, so that it is no wider than its picture."""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil
from textwrap import wrap

import numpy as np

from orchestrator.figures.appearance import WIDTH
from orchestrator.figures.labels import short

LEGEND_ROW, DENSE_ROW, LINE = 0.24, 0.195, 0.15
"""Height of a row in inches, of each but the first in a picture for a page, and of a further line
of a name."""

NAMES_IN_ROW, CHARACTERS_AN_INCH = 8, 14
"""Names in a row, at most, and characters of names in an inch of it."""

BESIDE_NAME, BESIDE_LINE = 6, 9
"""Characters that a mark and the gaps around it take, and that a line does."""


def in_lines(names: Iterable[str], width: float, *, beside: int = BESIDE_NAME) -> list[str]:
    """Return names as a legend has them: short, and of several lines where one is wider than the
    picture, whose `width` is in inches.

    Args:
        beside: characters that what stands before a name takes.
    """
    most = max(8, int(CHARACTERS_AN_INCH * width) - beside)
    return ["\n".join(wrap(short(name), most)) or short(name) for name in names]


def rows(names: Iterable[str], width: float, *, beside: int = BESIDE_NAME) -> int:
    """Number of rows of a legend, filled evenly column by column; one where it is empty.

    Args:
        width: as `in_lines` takes it.
        beside: likewise.
    """
    lengths = [
        max(map(len, name.split("\n"))) + beside for name in in_lines(names, width, beside=beside)
    ]
    fewest = max(1, ceil(len(lengths) / NAMES_IN_ROW))
    for count in range(fewest, len(lengths)):
        columns = np.array_split(lengths, ceil(len(lengths) / count))
        if sum(column.max() for column in columns) <= CHARACTERS_AN_INCH * width:
            return count
    return max(fewest, len(lengths))


def legend_height(names: Iterable[str], width: float, *, beside: int = BESIDE_NAME) -> float:
    """Height of a legend in inches, with what is free below it.

    Args:
        width: as `in_lines` takes it.
        beside: likewise.
    """
    names = list(names)
    lines = in_lines(names, width, beside=beside)
    count = rows(names, width, beside=beside)
    more = LINE * sum(name.count("\n") for name in lines)
    return more + (LEGEND_ROW * count if width >= WIDTH else LEGEND_ROW + DENSE_ROW * (count - 1))
