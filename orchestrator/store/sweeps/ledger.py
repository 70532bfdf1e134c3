"""The ledger of test sets: of what, and since when, each sweep has shown numbers of one.

Whoever has seen them and goes on choosing does so by them. A record is created once, so that the
first time counts; reads of one test set are counted over all sweeps of the store.
"""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.store import Files
from orchestrator.store.files.looks import mapped
from orchestrator.store.records.layout import SWEEPS, FileKind, SweepFolder
from orchestrator.store.sweeps.records import ReadOfTest


def record_read(files: Files, sweep: str, what: str, read: ReadOfTest) -> bool:
    """Record that test numbers of a sweep are shown, and return whether they were not before.

    Args:
        what: an id of all that they are of.
    """
    return read.create(files, _path(sweep, what))


def read_of(files: Files, sweep: str, what: str) -> ReadOfTest | None:
    """Return when test numbers of a sweep were first shown; None where they were not, or where its
    record is damaged."""
    return ReadOfTest.read(files, _path(sweep, what))


def reads_by_sweep(files: Files, sweep: str) -> Mapping[str, ReadOfTest]:
    """Return a sweep's reads of test sets by what they were of; without those that are damaged."""
    folder = SweepFolder.of(sweep).test_reads
    names = {name: f"{folder}/{name}" for name in files.names(folder)}
    kinds = {path: FileKind.TEST_READ.match(path) for path in names.values()}
    found = {it["what"]: ReadOfTest.read(files, path) for path, it in kinds.items() if it}
    return {what: read for what, read in found.items() if read is not None}


def reads_of(files: Files, data: str, suite: str) -> int:
    """Count the reads of one test set under one suite, over all sweeps of the store.

    Args:
        data: the data set's fingerprint.
        suite: the suite's id.
    """
    every = mapped(lambda sweep: reads_by_sweep(files, sweep), files.names(SWEEPS), files)
    reads = (read for of_sweep in every for read in of_sweep.values())
    return sum(data in read.data and read.suite == suite for read in reads)


def _path(sweep: str, what: str) -> str:
    return f"{SweepFolder.of(sweep).test_reads}/{what}.json"
