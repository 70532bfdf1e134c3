"""What the words of a page mean, for a reader who has the page alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from orchestrator.page.view import Axis, Line
from orchestrator.table.columns import declared

PAPER = "Sun, Li, Lin: Pareto Adversarial Robustness"

OF_FRONTS: tuple[Line, ...] = (
    ("cell", "a method with its settings; its trials are trainings that differ in the seed alone"),
    ("front", "the cells than which no other is better in one objective and as good in the others"),
    (
        "surely, possibly, ruled out",
        "whether a cell is on the true front, that of means over all other seeds and images; said "
        "of all cells at once with 95 % confidence",
    ),
    ("knee", "where the front bends most towards the best of all objectives at once"),
    ("the paper", f"{PAPER}, whose front is of robustness score against sacrificed accuracy"),
)
"""Words of fronts and of what is on them."""

OF_TRIALS: tuple[Line, ...] = (
    ("standard", "trained on clean images alone; scores and sacrifices are taken against it"),
    ("ladder", "the numbers of steps with which an attack is tried, from a few to many"),
    ("collapsed", "right on one class at most, whatever it is shown: it has learned nothing"),
)
"""Words of models and of what they were tried by."""


def words_said(axes: Sequence[Axis]) -> Iterator[Line]:
    """Yield the words of a page with what they mean, those of its columns last."""
    yield from OF_FRONTS
    yield from OF_TRIALS
    yield from ((axis.words, axis.says) for axis in axes if axis.says)


def says_of(name: str) -> str:
    """Say what the numbers of a column are; nothing of one that is not declared."""
    column = declared(name)
    if column is None:
        return ""
    return re.sub(r"`([^`]*)`", lambda it: it[1].replace("_*", "").replace("_", " "), column.says)
