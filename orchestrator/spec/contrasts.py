"""Which methods a sweep compares, said before its test images are read: section `contrasts`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, Strict

from orchestrator.spec.space import REFERENCE
from orchestrator.table.objectives import LARGEST_SACRIFICE
from trainer.input.document import Document
from trainer.input.problems import shown
from trainer.input.settings import Real, Settings

MOST_PAIRS = 3
"""Most primary contrasts: each more makes the p that the others need smaller."""

SUBJECT, CONTROLS = "pareto", ("weighted", "average")
"""By default this method is compared with these, where they are in the sweep, and with the best
other."""

BEST_OTHER = "best_other"
"""Word for the method that does best on validation of those that are in no pair."""

LARGEST_MARGIN = 0.1
"""Largest margin of equivalence, ten points: whoever writes 0.5 means points, and by a margin of
fifty of them all methods would be equivalent."""

Pair = Annotated[
    tuple[Annotated[str, Field(min_length=1)], Annotated[str, Field(min_length=1)]], Strict(False)
]


class ContrastSettings(Settings):
    """The primary contrasts, and what a difference must come to."""

    pairs: Annotated[tuple[Pair, ...], Strict(False)] | None = Field(
        None, description="labels of two methods each; the second may be best_other"
    )
    margin: Annotated[Real, Field(gt=0, le=LARGEST_MARGIN)] = Field(
        0.005,
        description="accuracy within which a difference does not matter; half a point is 0.005",
    )
    largest_sacrifice: Annotated[Real, Field(gt=0, le=1)] = Field(
        LARGEST_SACRIFICE,
        description="accuracy below the standard's at which the compared hypervolumes end",
    )


@dataclass(frozen=True, kw_only=True)
class PrimaryContrasts:
    """What a sweep is to compare, in the order of the file."""

    pairs: tuple[tuple[str, str | None], ...]  # labels; None: the best other
    margin: float
    largest_sacrifice: float


def read_contrasts(
    document: Document, contrasts: ContrastSettings, labels: Sequence[str]
) -> PrimaryContrasts:
    """Read what a sweep with methods of these labels compares: the pairs that are named, else the
    default's.

    Raises:
        BadInput: too many pairs, a method that is not in the sweep, one beside itself, or a pair
            that stands twice.
    """
    pairs = contrasts.pairs
    if pairs is None:
        pairs = _default_pairs(labels)
    elif problem := _problem(pairs, labels):
        raise document.fail("contrasts.pairs", problem)
    return PrimaryContrasts(
        pairs=tuple((a, None if b == BEST_OTHER and b not in labels else b) for a, b in pairs),
        margin=contrasts.margin,
        largest_sacrifice=contrasts.largest_sacrifice,
    )


def _problem(pairs: Sequence[tuple[str, str]], labels: Sequence[str]) -> str | None:
    """Say what is wrong with named pairs; None: nothing."""
    if len(pairs) > MOST_PAIRS:
        why = "since each more makes the others harder to show"
        return f"must be at most {MOST_PAIRS} pairs, {why}, got {len(pairs)}"
    known = {*labels, REFERENCE}
    unknown = [a for a, _ in pairs if a not in known]
    unknown += [b for _, b in pairs if b not in {*known, BEST_OTHER}]
    if unknown:
        there_are = ", ".join(dict.fromkeys([REFERENCE, *labels]))
        return (
            f"must name methods of the sweep, got {shown(unknown[0])}; there are {there_are}, and "
            f"{BEST_OTHER} as the second of a pair"
        )
    for at, pair in enumerate(pairs):
        if len(set(pair)) < len(pair):
            return f"must each be of two different methods, got {' and '.join(pair)}"
        if set(pair) in map(set, pairs[:at]):
            return f"must each stand once, got {' and '.join(pair)} again"
    named = {label for pair in pairs for label in pair}
    if BEST_OTHER in named - known and not _others(labels, named):
        return f"must leave a method for {BEST_OTHER}, but all are named; leave that pair out"
    return None


def _default_pairs(labels: Iterable[str]) -> tuple[tuple[str, str], ...]:
    there = set(labels)
    if SUBJECT not in there:
        return ()
    controls = [label for label in CONTROLS if label in there]
    has_others = _others(there, {SUBJECT, *controls})
    return tuple((SUBJECT, it) for it in [*controls, *([BEST_OTHER] if has_others else [])])


def _others(labels: Iterable[str], named: Iterable[str]) -> set[str]:
    return set(labels) - {*named, REFERENCE}
