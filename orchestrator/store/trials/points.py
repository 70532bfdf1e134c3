"""Points from which a trial can go on: its checkpoints, by their names alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from orchestrator.store.records.layout import FileKind


class Point(NamedTuple):
    """A checkpoint of an attempt; the farthest is the largest."""

    epochs_done: int
    steps_done: int  # of the epoch after these
    attempt: int
    best: str  # settings of validation whose best state so far it has, by name; empty: none


def points(names: Iterable[str], best: str | None = None) -> list[Point]:
    """List the checkpoints among a trial's files, the farthest first.

    Args:
        best: settings of validation, by name, whose best state so far is wanted; None: any, or
            none.
    """
    found = [it for it in map(FileKind.CHECKPOINT.match, names) if it]
    every = (
        Point(int(it["epochs"]), int(it["steps"]), int(it["attempt"]), it["best"] or "")
        for it in found
        if best in {None, it["best"]}
    )
    return sorted(every, reverse=True)
