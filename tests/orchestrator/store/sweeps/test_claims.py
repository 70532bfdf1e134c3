"""Of the starts of a sweep one makes a run of the tracker's; trouble with that is no trouble."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.store.files.contract import UnreachableError
from orchestrator.store.files.local import LocalFiles
from orchestrator.store.leases.lease import Lease, create
from orchestrator.store.leases.records import About
from orchestrator.store.records.layout import SweepFolder
from orchestrator.store.sweeps.claims import RunClaims
from orchestrator.store.sweeps.records import RunClaim

STARTS = SweepFolder.of("small").starts


def begun(files: LocalFiles, number: int) -> Lease:
    lease = create(files, STARTS, number, lasts=60.0, about=About(), is_shared=True, direct=files)
    assert lease is not None
    return lease


@pytest.fixture
def files(tmp_path: Path) -> LocalFiles:
    return LocalFiles(tmp_path)


def test_the_first_that_asks_makes_a_run_until_it_is_over(files: LocalFiles) -> None:
    one, other = begun(files, 1), begun(files, 2)
    ours, theirs = (RunClaims(files, "small", lease.folder) for lease in (one, other))
    assert ours.is_ours("t1")
    assert ours.is_ours("t1")  # asked again, as after a tracker's outage
    assert not theirs.is_ours("t1")
    assert theirs.is_ours("t2")
    assert not ours.is_ours("t2")
    one.end("stopped")
    assert theirs.is_ours("t1")


def test_a_damaged_claim_keeps_nobody_from_a_run(files: LocalFiles) -> None:
    files.write(SweepFolder.of("small").run("t1"), b"{")
    assert RunClaims(files, "small", begun(files, 1).folder).is_ours("t1")


def test_a_storage_that_is_away_keeps_nobody_from_a_run(
    files: LocalFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Better a run twice than none."""

    def away(*_: object) -> bool:
        raise UnreachableError("it does not answer")

    monkeypatch.setattr(RunClaim, "create", away)
    assert RunClaims(files, "small", f"{STARTS}/000001").is_ours("t1")
