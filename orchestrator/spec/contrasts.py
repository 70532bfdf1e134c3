"""Which methods a sweep compares, said before its test images are read: section `contrasts`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
    controls: frozenset[str]  # labels that the best other is not chosen among
    margin: float
    largest_sacrifice: float


def read_contrasts(
    document: Document, contrasts: ContrastSettings, trains: Mapping[str, str | None]
) -> PrimaryContrasts:
    """Read what a sweep compares: the pairs that are named, else the default's.

    Replays, and sections that train as the first of a pair with the best other does, under other
    settings, are controls of a method and no other one: the best other is not chosen among them.

    Args:
        trains: name of the training method by label; None for what replays another's schedules.

    Raises:
        BadInput: too many pairs, a method that is not in the sweep, one beside itself, or a pair
            that stands twice.
    """
    pairs = contrasts.pairs
    if pairs is None:
        pairs = _default_pairs(trains)
    elif problem := _problem(pairs, trains):
        raise document.fail("contrasts.pairs", problem)
    return PrimaryContrasts(
        pairs=tuple((a, None if b == BEST_OTHER and b not in trains else b) for a, b in pairs),
        controls=_controls(pairs, trains),
        margin=contrasts.margin,
        largest_sacrifice=contrasts.largest_sacrifice,
    )


def _problem(pairs: Sequence[tuple[str, str]], trains: Mapping[str, str | None]) -> str | None:
    """Say what is wrong with named pairs; None: nothing."""
    labels = list(trains)
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
    if BEST_OTHER in named - known and not _others(pairs, trains):
        return (
            f"must leave a method for {BEST_OTHER}, but all are named, or controls of its pair's "
            f"first; leave that pair out"
        )
    return None


def _default_pairs(trains: Mapping[str, str | None]) -> tuple[tuple[str, str], ...]:
    if SUBJECT not in trains:
        return ()
    controls = [(SUBJECT, label) for label in CONTROLS if label in trains]
    pairs = (*controls, (SUBJECT, BEST_OTHER))
    return pairs if _others(pairs, trains) else tuple(controls)


def _others(pairs: Iterable[tuple[str, str]], trains: Mapping[str, str | None]) -> set[str]:
    """Return the labels that the best other of the pairs is chosen among."""
    pairs = list(pairs)
    named = {label for pair in pairs for label in pair}
    return set(trains) - {*named, REFERENCE} - _controls(pairs, trains)


def _controls(pairs: Iterable[tuple[str, str]], trains: Mapping[str, str | None]) -> frozenset[str]:
    """Return the labels that replay, or train as the first of a pair with the best other does."""
    own = {trains.get(first) for first, second in pairs if second == BEST_OTHER}
    return frozenset(label for label, name in trains.items() if name is None or name in own)
