"""A record of another shape is damaged, whatever its checksum says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator.store import LocalFiles
from orchestrator.store.records.sealed import peek_record, read_record, write_record
from orchestrator.store.records.shapes import fits

OWNER = {"host": "here", "process": 1, "started": "", "machine": "m"}
LEASE = {"owner": OWNER, "since": "2026-01-01", "lasts": 60.0, "about": {}}
RESULT = {"attempt": 1, "bytes": 10, "epochs": 2, "seconds": 1.5}
EVALUATION = {"attempt": 1, "bytes": 1, "seconds": 0.5, "at": "2026-01-01"}


@pytest.mark.parametrize(
    ("name", "record", "expected"),
    [
        ("trials/t1/result.json", RESULT, True),
        ("trials/t1/result.json", {**RESULT, "more": [None]}, True),
        ("trials/t1/result.json", {**RESULT, "attempt": "1"}, False),
        *(
            ("trials/t1/result.json", {k: v for k, v in RESULT.items() if k != without}, False)
            for without in RESULT
        ),
        ("trials/t1/result.json", [], False),
        ("trials/t1/attempts/000001/lease.json", LEASE, True),
        ("trials/t1/attempts/000001/lease.json", {**LEASE, "owner": {"host": "here"}}, False),
        ("trials/t1/attempts/000001/lease.json", {**LEASE, "owner": None}, False),
        ("trials/t1/attempts/000001/ended.json", {"how": "done", "at": "now"}, True),
        (
            "trials/t1/attempts/000001/ended.json",
            {"how": "failed", "at": "now", "failure": {"kind": "data", "message": 1}},
            False,
        ),
        ("trials/t1/attempts/000001/beat.json", {}, True),
        ("trials/t1/attempts/000001/beat.json", {"count": "1"}, False),
        ("trials/t1/evaluations/e1.json", EVALUATION, True),
        ("trials/t1/evaluations/e1.json", {**EVALUATION, "accuracies": 1}, False),
        *(
            (
                "trials/t1/evaluations/e1.json",
                {k: EVALUATION[k] for k in EVALUATION if k != without},
                False,
            )
            for without in EVALUATION
        ),
        ("sweeps/s/other.json", {"anything": 1}, True),
        ("sweeps/s/other.json", "text", False),
    ],
)
def test_records_have_the_values_of_their_kind(name: str, record: Any, *, expected: bool) -> None:
    assert fits(name, record) is expected


def test_a_record_of_another_shape_is_set_aside(tmp_path: Path) -> None:
    files = LocalFiles(tmp_path)
    name = "trials/t1/result.json"
    write_record(files, name, {"attempt": "x"})
    assert peek_record(files, name) is None
    assert read_record(files, name) is None
    assert files.names("trials/t1") == ["result.json.damaged"]


def test_brackets_without_end_are_no_record(tmp_path: Path) -> None:
    files = LocalFiles(tmp_path)
    files.write("trials/t1/result.json", b"[" * 100_000)
    assert read_record(files, "trials/t1/result.json") is None
