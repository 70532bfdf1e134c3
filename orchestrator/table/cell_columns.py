"""The columns of a table of cells (`cells.csv`), which are means over seeds.

Beside what all trials of a cell agree in, such as its settings, it has for each objective and
accuracy the name of that with one of `STATISTICS` at its end, and the columns `OF_CELLS`.
"""

from __future__ import annotations

from orchestrator.table.columns import declared

RECURRENCE, MEMBERSHIP = "recurrence", "membership"

OF_CELLS = {
    "seeds": "how many trials the means are of",
    "planned": "how many the cell has, whatever became of them",
    RECURRENCE: "share of resamples in which the cell is on the front: how steady that is, and no "
    "probability of the truth",
    MEMBERSHIP: "whether it is on the true front: `yes`, `possible`, `no` (simultaneous 95 %)",
}
"""Columns that are of cells alone, and what they say."""

MEAN, DEVIATION, LOW, HIGH = "_mean", "_std", "_low", "_high"

STATISTICS = {
    MEAN: "mean over the seeds",
    DEVIATION: "their standard deviation; empty of one",
    LOW: "lower end of the mean's 95 % interval; of objectives alone",
    HIGH: "its upper end",
}
"""Ends of the names of columns, and what they say of an objective or an accuracy."""


def is_taken(name: str) -> bool:
    """Whether a table of trials, or of means over their seeds, has a column of that name under some
    suite, so that no setting may have it."""
    ends = [end for end in STATISTICS if name.endswith(end)]
    stems = [name, *(name.removesuffix(end) for end in ends)]
    return name in OF_CELLS or any(declared(stem) is not None for stem in stems)
