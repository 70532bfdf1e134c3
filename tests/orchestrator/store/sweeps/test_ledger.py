"""The ledger of test sets: reads are counted over all sweeps of a store."""

from __future__ import annotations

from pathlib import Path

from orchestrator.store import LocalFiles
from orchestrator.store.sweeps.ledger import read_of, reads_by_sweep, reads_of, record_read
from orchestrator.store.sweeps.records import ReadOfTest
from tests.orchestrator.store.files.test_looks import Meeting


def read_at(at: str, suite: str = "e1") -> ReadOfTest:
    return ReadOfTest(at=at, suite=suite, data={"d1": "digits"}, trials=3)


def test_the_first_time_counts(tmp_path: Path) -> None:
    files = LocalFiles(tmp_path)
    assert record_read(files, "a", "r1", read_at("2026-01-01"))
    assert not record_read(files, "a", "r1", read_at("2026-01-02"))
    assert read_of(files, "a", "r1") == read_at("2026-01-01")
    assert read_of(files, "a", "r2") is None
    assert reads_by_sweep(files, "a") == {"r1": read_at("2026-01-01")}


def test_behind_a_server_sweeps_are_read_at_once(tmp_path: Path) -> None:
    files = LocalFiles(tmp_path)
    for sweep in ("a", "b"):
        record_read(files, sweep, "r1", read_at("2026-01-01"))
        record_read(files, sweep, "r2", read_at("2026-01-01", suite="e2"))
    meeting = Meeting(tmp_path, "r1.json", parties=2)
    assert reads_of(meeting, "d1", "e1") == 2
    assert meeting.met == 1
    assert reads_of(files, "d2", "e1") == 0
