"""Records are read strictly: none of another shape, or a newer version, is taken for its kind."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from orchestrator.store import LocalFiles
from orchestrator.store.housekeeping.damage import RECORDS
from orchestrator.store.leases.records import Beat, Ended, LeaseRecord
from orchestrator.store.records.layout import FileKind, kind_of
from orchestrator.store.records.record import NewerRecordError, Record
from orchestrator.store.records.sealed import sealed
from orchestrator.store.sweeps.records import ManifestRecord, Pause
from orchestrator.store.trials.records import Description, Evaluation, Predecessor, Result, Row
from tests.orchestrator.plain import read_plain, write_plain
from trainer.passes import Passes

OWNER = {"host": "here", "process": 1, "started": "", "machine": "m"}
NOW = "2026-01-01T00:00:00+00:00"
PASSES = {"forward": 3, "input_backward": 2, "weight_backward": 1}

LEAST: dict[type[Record], dict[str, Any]] = {
    LeaseRecord: {"owner": OWNER, "since": NOW, "lasts": 60},
    Beat: {"count": 1, "at": NOW},
    Ended: {"how": "done", "at": NOW},
    Description: {"trial": {}},
    Result: {"attempt": 1, "bytes": 10, "epochs": 2, "seconds": 1.5},
    Evaluation: {"attempt": 1, "bytes": 1, "seconds": 0.5, "at": NOW},
    Predecessor: {"trial": "t1", "attempt": 1, "rows": []},
    Row: {"epoch": 1},
    ManifestRecord: {"suite": "e1", "fingerprints": {}, "trials": []},
    Pause: {"by": OWNER, "since": NOW},
}
"""What a record of each kind has at the least."""

MORE: dict[type[Record], dict[str, Any]] = {
    LeaseRecord: {"about": {"sweep": "s", "evaluates": None, "micro_batches": 2}},
    Beat: {"epoch": 3, "evaluated": 0.5, "paused": True, "rested": 1, "core_hours": 0.25},
    Ended: {
        "failure": {"kind": "data", "message": "no \udcff here", "details": ""},
        "pruned": {"rule": "r", "settings": {"epochs": 1}, "reason": "so", "numbers": {"n": 1}},
    },
    Description: {"trial": {"method": {"method": "pareto"}, "seed": None}, "family": "f1"},
    Result: {"passes": PASSES, "collapsed": None, "degraded": True, "provenance": {"host": "h"}},
    Evaluation: {"accuracies": {"worst_pgd": 1}, "warnings": [{"code": "c", "message": "m"}]},
    Predecessor: {"rows": [{"epoch": 1, "seconds": 0.5}], "degraded": True},
    Row: {"loss/rt": 2.5, "passes/forward": 10048},
    ManifestRecord: {
        "trials": [{"id": "t1", "method": "m", "status": "done", "settings": {"rho": None}}],
        "network_bytes": {"n1": None},
    },
}
"""What it may have beside that."""

WRONG: list[tuple[type[Record], dict[str, Any]]] = [
    (LeaseRecord, {"owner": {"host": "here"}}),
    (LeaseRecord, {"owner": None}),
    (LeaseRecord, {"about": []}),
    (Beat, {"count": "1"}),
    (Beat, {"count": True}),
    (Ended, {"failure": {"kind": "data", "message": 1, "details": ""}}),
    (Ended, {"failure": {"kind": "weather", "message": "", "details": ""}}),
    (Ended, {"pruned": {"rule": "r"}}),
    (Description, {"trial": {"method": "pareto"}}),
    (Result, {"attempt": "1"}),
    (Result, {"seconds": "1.5"}),
    (Result, {"passes": {"forward": 1.5}}),
    (Result, {"passes": {"sideways": 1}}),
    (Evaluation, {"accuracies": 1}),
    (Evaluation, {"accuracies": {"worst_pgd": "1"}}),
    (Predecessor, {"rows": {}}),
    (Predecessor, {"rows": [{"epoch": "1"}]}),
    (Row, {"epoch": 1.5}),
    (Row, {"loss/rt": "2.5"}),
    (ManifestRecord, {"trials": [{"id": "t1"}]}),
]


def read(kind: type[Record], plain: Any) -> Record | None:
    return kind.of(sealed(plain), "it.json")


@pytest.mark.parametrize("kind", LEAST)
def test_a_record_has_the_values_of_its_kind(kind: type[Record]) -> None:
    least = LEAST[kind]
    assert read(kind, least) is not None
    assert read(kind, {**least, "version": 1}) == read(kind, least)
    for without in least:
        assert read(kind, {key: least[key] for key in least if key != without}) is None, without
    assert read(kind, []) is None


@pytest.mark.parametrize(("kind", "wrong"), WRONG)
def test_a_value_of_another_type_is_damage(kind: type[Record], wrong: dict[str, Any]) -> None:
    assert read(kind, {**LEAST[kind], **MORE.get(kind, {}), **wrong}) is None


@pytest.mark.parametrize("kind", LEAST)
def test_what_is_written_reads_back_equal(kind: type[Record], tmp_path: Path) -> None:
    files = LocalFiles(tmp_path)
    record = read(kind, {**LEAST[kind], **MORE.get(kind, {})})
    assert record is not None
    record.write(files, "it.json")
    assert kind.read(files, "it.json") == record
    assert not record.model_copy().create(files, "it.json") or kind.read(files, "it.json")
    plain = read_plain(files, "it.json")
    assert plain is not None
    assert plain["version"] == kind.VERSION == 2


def test_whole_numbers_stay_whole() -> None:
    row = Row.of_facts({"epoch": 1, "passes/forward": 10048, "loss/rt": 2.0})
    facts = row.facts()
    assert facts == {"epoch": 1, "passes/forward": 10048, "loss/rt": 2.0}
    assert [type(value) for value in facts.values()] == [int, int, float]
    assert Result.model_validate({**LEAST[Result], "passes": PASSES}).passes == Passes(**PASSES)


def test_what_is_no_unicode_is_read_as_its_escape() -> None:
    failure = {"kind": "data", "message": "no \udcff here", "details": ""}
    ended = Ended.of(sealed({**LEAST[Ended], "failure": failure}), "it.json")
    assert ended is not None
    assert ended.failure is not None
    assert ended.failure.message == r"no \udcff here"


def test_what_a_record_has_beyond_its_class_is_passed_over() -> None:
    assert read(Result, {**LEAST[Result], "colour": "red"}) == read(Result, LEAST[Result])


@pytest.mark.parametrize("version", ["2", None, 1.5, True])
def test_a_version_that_is_none_is_damage(version: object) -> None:
    assert read(Result, {**LEAST[Result], "version": version}) is None


def test_a_record_of_a_newer_version_is_refused_and_left(tmp_path: Path) -> None:
    files = LocalFiles(tmp_path)
    write_plain(files, "trials/t1/result.json", {"version": 3, "all": "is different"})
    for act in (Result.read, Result.peek):
        with pytest.raises(NewerRecordError, match=r"got 3, .* reads up to 2: update the project"):
            act(files, "trials/t1/result.json")
    assert files.names("trials/t1") == ["result.json"]


def test_a_record_of_another_shape_is_set_aside(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files = LocalFiles(tmp_path)
    write_plain(files, "trials/t1/result.json", {"attempt": "x"})
    assert Result.peek(files, "trials/t1/result.json") is None
    with caplog.at_level(logging.WARNING):
        assert Result.read(files, "trials/t1/result.json") is None
    assert "it is no record of its kind" in caplog.text
    assert files.names("trials/t1") == ["result.json.damaged"]


def test_brackets_without_end_are_no_record(tmp_path: Path) -> None:
    files = LocalFiles(tmp_path)
    files.write("trials/t1/result.json", b"[" * 100_000)
    assert Result.read(files, "trials/t1/result.json") is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("trials/t1/trial.json", FileKind.DESCRIPTION),
        ("trials/t1/attempts/000001/lease.json", FileKind.LEASE),
        ("sweeps/s/starts/000001/lease.json", FileKind.LEASE),
        ("trials/t1/attempts/000001/checkpoints/000002-000010.pt", FileKind.CHECKPOINT),
        ("sweeps/s/plan.json", FileKind.PLAN),
        ("sweeps/s/suites/strong-e1/plan.json", FileKind.PLAN),
        ("sweeps/s/front.json", None),
        ("trials/t1/notes.json", None),
    ],
)
def test_a_file_is_of_a_kind_by_its_name(name: str, expected: FileKind | None) -> None:
    assert kind_of(name) is expected


def test_every_kind_of_record_has_a_class() -> None:
    records = {kind for kind in FileKind if kind.endswith(r"\.json")}
    assert records == RECORDS.keys()
