"""Whether a file that carries a checksum is whole.

A blob and its checksum are two files. Where they disagree, nobody asks which of them is damaged:
the blob is as good as lost.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from orchestrator.store.files.contract import Files
from orchestrator.store.housekeeping.activity import at_work
from orchestrator.store.leases.records import Beat, Ended, LeaseRecord
from orchestrator.store.records.layout import TRIALS, FileKind, kind_of
from orchestrator.store.records.read_only import ReadOnly
from orchestrator.store.records.record import Record
from orchestrator.store.sweeps.records import (
    GivenOrders,
    KeptPrecision,
    ManifestRecord,
    Pause,
    Proposed,
    ReadOfTest,
    RunClaim,
)
from orchestrator.store.trials.records import Description, Evaluation, Predecessor, Result, Row
from trainer.input.checksum import checksum_line

SECONDS_BETWEEN_LOOKS = 0.5
"""Seconds between two looks at a file that seems damaged: it may just be changing."""

LOOKS, LOOKS_AT_WORK = 2, 60
"""Looks before a file is taken for damaged; more of a trial at work, whose write may be slow."""


class FaultKind(StrEnum):
    """What is wrong with a file."""

    DAMAGED = "damaged"  # its checksum does not agree
    TRUNCATED = "truncated"  # or empty
    UNSEALED = "unsealed"  # its checksum is missing
    GONE = "gone"  # though a record says that it is there
    LOST = "lost"  # for good; what counts stands without it
    ORPHAN = "orphan"  # nobody asks for it: left over, and harmless


@dataclass(frozen=True, kw_only=True)
class Damage:
    """A file that is not whole."""

    name: str
    kind: FaultKind


RECORDS: Mapping[FileKind, type[Record]] = {
    FileKind.DESCRIPTION: Description,
    FileKind.RESULT: Result,
    FileKind.DROPPED: Result,
    FileKind.EVALUATION: Evaluation,
    FileKind.LEASE: LeaseRecord,
    FileKind.BEAT: Beat,
    FileKind.ENDED: Ended,
    FileKind.ORIGIN: Predecessor,
    FileKind.ROW: Row,
    FileKind.PLAN: ManifestRecord,
    FileKind.PRECISION: KeptPrecision,
    FileKind.PAUSED: Pause,
    FileKind.ORDERS: GivenOrders,
    FileKind.RUN: RunClaim,
    FileKind.PROPOSED: Proposed,
    FileKind.TEST_READ: ReadOfTest,
}
"""Classes of the records, which have their checksum inside."""

BLOBS = frozenset({FileKind.CHECKPOINT, FileKind.WEIGHTS, FileKind.OUTCOMES})
"""Kinds of files that have their checksum beside them."""


def is_record(name: str) -> bool:
    """Whether a file has its checksum inside; a sweep's tables for people have none."""
    return kind_of(name) in RECORDS


def is_blob(name: str) -> bool:
    """Whether a file has its checksum beside it."""
    return kind_of(name) in BLOBS


def judged(files: Files, name: str) -> Damage | None:
    """Say what is wrong with a record, or with a blob and its checksum; None where all is well, or
    the file is gone by now."""
    judge = _judged_blob if is_blob(name) else _judged_record
    looks, looked = LOOKS, 1
    while (damage := judge(files, name)) is not None and looked < looks:
        folder, owner, *_ = name.split("/")
        if folder == TRIALS and at_work(ReadOnly(files), owner) is not None:
            looks = LOOKS_AT_WORK
        time.sleep(SECONDS_BETWEEN_LOOKS)
        looked += 1
    return damage


def _judged_record(files: Files, name: str) -> Damage | None:
    kind = kind_of(name)
    assert kind is not None
    data = files.read(name)
    if data is None or RECORDS[kind].of(data, f"{files.url}/{name}") is not None:
        return None
    wrong = FaultKind.DAMAGED if data.rstrip().endswith(b"}") else FaultKind.TRUNCATED
    return Damage(name=name, kind=wrong)


def _judged_blob(files: Files, name: str) -> Damage | None:
    data = files.read(name)
    if data is None:
        return None
    line = files.read(f"{name}.sha256")
    if line is None:
        return Damage(name=name, kind=FaultKind.UNSEALED)
    if line.split(b" ")[0] == checksum_line(name, data).split(b" ")[0]:
        return None
    has_end = data[-22:].startswith(b"PK\5\6")  # of an archive, as NumPy and PyTorch write
    return Damage(name=name, kind=FaultKind.DAMAGED if has_end else FaultKind.TRUNCATED)
