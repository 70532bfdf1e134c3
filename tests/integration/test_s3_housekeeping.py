"""A storage on a real server of S3 is looked after as one in a folder is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.driver.retention import drop_weights
from orchestrator.plan.plan import make_plan
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store import Files, LocalFiles, Store
from orchestrator.store.files.by_url import open_files
from orchestrator.store.housekeeping import damage as damage_module
from orchestrator.store.housekeeping.collection import remove, survey
from orchestrator.store.housekeeping.inventory import inventory
from orchestrator.store.housekeeping.verification import Finding, contents, verify
from tests.integration.s3_server import S3Server, s3_server
from tests.orchestrator.finished import do_sweep, read_sweep, store_of
from tests.orchestrator.working import run, small_suite

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with s3_server() as found, pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(damage_module, "SECONDS_BETWEEN_LOOKS", 0.0)
        yield found


@pytest.fixture
def spec(tmp_path: Path) -> SweepSpec:
    """A sweep that is done, in a folder."""
    spec = read_sweep(tmp_path)
    do_sweep(spec)
    return spec


@pytest.fixture
def bucket(server: S3Server, spec: SweepSpec) -> Files:
    """A copy of its storage."""
    files, copy = store_of(spec).files, open_files(f"{server.new_bucket()}/runs")
    for name in files.sizes(""):
        copy.write(name, files.read(name) or b"")
    return copy


def everything(files: Files) -> dict[str, bytes | None]:
    return {name: files.read(name) for name in files.sizes("")}


def found_in(files: Files) -> list[Finding]:
    return sorted(
        verify(files, contents(files), dry_run=False, on_read=lambda name: None),
        key=lambda finding: finding.name,
    )


def test_housekeeping_comes_to_the_same_as_in_a_folder(spec: SweepSpec, bucket: Files) -> None:
    folder = store_of(spec).files.under
    assert isinstance(folder, LocalFiles)
    first, second = (f"trials/{planned.id}" for planned in make_plan(spec, store_of(spec)).trials)
    for files in (folder, bucket):
        files.write(f"{first}/attempts/000001/weights.pt", b"cut off")
        files.write(f"{second}/attempts/000001/outcomes/e0.npz.sha256", b"left over")
        files.write("store.json.copy", b"")
    assert inventory(bucket, sweep=None) == inventory(folder, sweep=None)
    findings = found_in(folder)
    assert {finding.name for finding in findings} == {
        "store.json.copy",
        f"{first}/attempts/000001/weights.pt",
        f"{second}/attempts/000001/outcomes/e0.npz.sha256",
    }
    assert found_in(bucket) == findings
    assert everything(bucket) == everything(folder)
    for files in (folder, bucket):
        for name in files.sizes("sweeps"):
            files.remove(name)
        assert len(list(remove(files, survey(files, unreferenced=True).garbage))) > 20
    assert everything(bucket) == everything(folder)
    assert bucket.names("") == ["store.json", "store.json.copy"]


def test_weights_are_given_up_and_come_back(spec: SweepSpec, bucket: Files) -> None:
    store = Store(bucket)
    trials = [planned.trial for planned in make_plan(spec, store).trials]
    ids = {trial.id for trial in trials}
    assert drop_weights(store, sweep="small", keep=set(), candidates=ids) == ids
    assert not [name for name in bucket.sizes("trials") if name.endswith(".pt")]
    assert make_plan(spec, store).counts() == {"done": 2}
    assert found_in(bucket) == []
    suite = small_suite(20)
    assert run(trials[0], suite, store) == ("done", [1, 2])
    assert store.trial(trials[0].id).weights() is not None
    assert make_plan(spec, store).counts() == {"done": 2}
