"""Consequences of losing a file, for people: what makes it again, or what is lost with it."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.store.records.layout import SWEEPS, FileKind, kind_of

_NEXT_START = "the next start of a sweep that has the trial makes it again"
_EPOCHS = "what was told of epochs is lost for good; training and result stand"
_ATTEMPT = "who made the attempt, when, or how it ended is lost for good; what it made stands"
_START = "who ran the sweep, or for how long, is lost for good; trials stand"

CONSEQUENCES: Mapping[FileKind, str] = {
    FileKind.DESCRIPTION: _NEXT_START,
    FileKind.MEMBER: _NEXT_START,
    FileKind.RESULT: "its weights are published again if they are whole; else the trial is trained "
    "again",
    FileKind.DROPPED: "the trial is trained again",
    FileKind.EVALUATION: "the trial is evaluated again",
    FileKind.ROW: _EPOCHS,
    FileKind.ORIGIN: _EPOCHS,
    FileKind.LEASE: _ATTEMPT,
    FileKind.BEAT: _ATTEMPT,
    FileKind.ENDED: _ATTEMPT,
    FileKind.CHECKPOINT: "training would go on from the one before, or from the beginning",
    FileKind.PLAN: "the next start of the sweep makes it again",
    FileKind.PAUSED: "the sweep is not paused any more",
    FileKind.PROPOSED: "the next start of the sweep proposes as many trials again, under strategy "
    "random the same; trials stand",
    FileKind.TEST_READ: "the sweep's next start takes its test numbers for shown from then on",
    FileKind.ORDERS: _START,
    FileKind.RUN: _START,
}
"""What becomes of a lost file, by its kind. For a blob that a record names, that record's entry
holds, except that damaged weights cannot be published again."""

OF_LEASES = frozenset({FileKind.LEASE, FileKind.BEAT, FileKind.ENDED})

TRAINED = "the trial is trained again"


def consequence(name: str) -> str:
    """Say what follows from the loss of a file; empty where nothing does."""
    kind = kind_of(name)
    if kind in OF_LEASES and name.startswith(f"{SWEEPS}/"):
        return _START
    return "" if kind is None else CONSEQUENCES.get(kind, "")
