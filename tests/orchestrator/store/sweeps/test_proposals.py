"""Proposals on record: read as they were written, in their order, each record once."""

from __future__ import annotations

from pathlib import Path

from orchestrator.store import LocalFiles
from orchestrator.store.sweeps.proposals import read_proposals, record_proposals
from orchestrator.store.sweeps.records import Proposal

FIRST = Proposal(method="pgd", point={"pgd.epsilon": 0.1234, "steps": 3}, seeds=(0, 1))
SECOND = Proposal(method="own", point={"option": None, "name": "a", "list": [1, 2.0]}, seeds=(2,))


def test_they_are_read_as_they_were_recorded(tmp_path: Path) -> None:
    files = LocalFiles(tmp_path)
    assert read_proposals(files, "front", "s1").made == ()
    assert record_proposals(files, "front", "s1", 1, [FIRST])
    assert record_proposals(files, "front", "s1", 2, [SECOND, FIRST])
    read = read_proposals(files, "front", "s1")
    assert read.made == (FIRST, SECOND, FIRST)
    assert read.next_number == 3
    assert read_proposals(files, "front", "s2").made == ()


def test_who_is_second_records_nothing(tmp_path: Path) -> None:
    files = LocalFiles(tmp_path)
    assert record_proposals(files, "front", "s1", 1, [FIRST])
    assert not record_proposals(files, "front", "s1", 1, [SECOND])
    assert read_proposals(files, "front", "s1").made == (FIRST,)


def test_a_damaged_record_leaves_the_others(tmp_path: Path) -> None:
    files = LocalFiles(tmp_path)
    for number, proposal in ((1, FIRST), (2, SECOND)):
        record_proposals(files, "front", "s1", number, [proposal])
    name = "sweeps/front/proposals/s1/000001.json"
    data = files.read(name)
    assert data is not None
    files.write(name, data.replace(b"0.1234", b"0.1235"))
    assert read_proposals(files, "front", "s1").made == (SECOND,)
    assert read_proposals(files, "front", "s1").next_number == 3
    assert files.names("sweeps/front/proposals/s1") == ["000001.json.damaged", "000002.json"]
