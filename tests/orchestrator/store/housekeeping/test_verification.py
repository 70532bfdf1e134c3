"""Verification names what is damaged, that alone, and lets it be made again."""

from __future__ import annotations

import json
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.plan.manifest import write_manifest
from orchestrator.plan.plan import make_plan
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store import LocalFiles, Store
from orchestrator.store.housekeeping import damage as damage_module
from orchestrator.store.housekeeping.damage import FaultKind
from orchestrator.store.housekeeping.verification import Finding, contents, sealed, verify
from orchestrator.store.leases.lease import create
from orchestrator.store.leases.records import About
from orchestrator.store.records.layout import TrialFolder
from orchestrator.store.records.sealed import read_blob, write_blob
from orchestrator.store.records.version import VersionError, enter
from orchestrator.store.trials.result import give_up_weights
from tests.orchestrator.conftest import Begin, Finish, Read
from tests.orchestrator.finished import do_sweep, read_sweep, store_of, to_do
from tests.orchestrator.plain import write_plain
from tests.orchestrator.working import contents as bytes_in
from tests.orchestrator.working import run, small_suite

MARKS = ["store.json", "store.json.copy"]


class Finished:
    """A sweep that is done, and a way to get a copy of it."""

    def __init__(self, folder: Path) -> None:
        self.spec = read_sweep(folder)
        self.plan = do_sweep(self.spec)
        self.files = bytes_in(Path(self.spec.storage))

    def copied(self, folder: Path) -> SweepSpec:
        shutil.copytree(self.spec.storage, folder / "runs")
        return read_sweep(folder)

    @property
    def names(self) -> list[str]:
        """Of the files that carry a checksum, or are one."""
        known = sealed(dict.fromkeys(self.files, 0))
        return sorted({*MARKS, *known, *(name for name in self.files if name.endswith(".sha256"))})


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    return Finished(tmp_path_factory.mktemp("finished"))


@pytest.fixture(autouse=True, scope="module")
def _at_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(damage_module, "SECONDS_BETWEEN_LOOKS", 0.0)
        yield


def found_in(root: Path | str, *, dry_run: bool = False) -> list[Finding]:
    files = LocalFiles(Path(root))
    return list(verify(files, contents(files), dry_run=dry_run, on_read=lambda name: None))


def trial_of(name: str) -> str:
    return name.split("/")[1]


def flip(data: bytes, position: int, mask: int) -> bytes:
    return bytes([*data[:position], data[position] ^ mask, *data[position + 1 :]])


def has_same_meaning(name: str, before: bytes, after: bytes) -> bool:
    """Of a record, in which white space, say, may change, or a checksum, after which its file is
    named."""
    if name.endswith(".sha256"):
        return before.split(b" ")[0] == after.split(b" ")[0]
    if not name.endswith((".json", ".json.copy")):
        return False
    try:
        return bool(json.loads(before) == json.loads(after))
    except ValueError:
        return False


def matters(name: str) -> bool:
    """Whether a trial is not done without the file."""
    last = name.rpartition("/")[2]
    return last in {"result.json", "weights.pt"} or "/evaluations/" in name or "/outcomes/" in name


def check(finished: Finished, name: str, after: bytes) -> None:
    """Damage a file of a copy: what is found, what is done about it, what is to do then."""
    before = finished.files[name]
    with tempfile.TemporaryDirectory() as folder:
        spec = finished.copied(Path(folder))
        (Path(spec.storage) / name).write_bytes(after)
        damaged = bytes_in(Path(spec.storage))
        lost = name.removesuffix(".sha256")  # nobody asks which of the two is damaged
        expected = [] if has_same_meaning(name, before, after) else [lost]
        assert [finding.name for finding in found_in(spec.storage, dry_run=True)] == expected
        assert bytes_in(Path(spec.storage)) == damaged
        assert [finding.name for finding in found_in(spec.storage)] == expected
        still = {finding.name for finding in found_in(spec.storage) if finding.is_damage}
        assert still == ({name} if expected and name.endswith("/trial.json") else set())
        again = {trial_of(name)} if expected and matters(lost) else set()
        assert to_do(spec, finished.plan.trials) == again
        if expected and name != MARKS[1]:  # of which there is another anyway
            assert (Path(spec.storage) / f"{lost}.damaged").read_bytes() == damaged[lost]


# --- what is damaged


def test_finished_store_is_whole(finished: Finished) -> None:
    read: list[str] = []
    files = LocalFiles(Path(finished.spec.storage))
    sizes = contents(files)
    assert not list(verify(files, sizes, dry_run=False, on_read=read.append))
    assert sorted(read) == sorted(sealed(sizes))
    assert bytes_in(files.root) == finished.files
    kinds = {Path(name).name for name in read}
    assert {"trial.json", "result.json", "lease.json", "plan.json", "weights.pt"} <= kinds


@pytest.mark.slow
def test_every_file_that_is_emptied_is_named_alone(finished: Finished) -> None:
    for name in finished.names:
        check(finished, name, b"")


@pytest.mark.slow
@settings(max_examples=150)
@given(st.data())
def test_whatever_is_damaged_is_named_alone(finished: Finished, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(finished.names))
    before = finished.files[name]
    position = data.draw(st.integers(0, len(before) - 1))
    mask = data.draw(st.integers(0, 255))  # 0: cut off here
    check(finished, name, flip(before, position, mask) if mask else before[:position])


@pytest.mark.parametrize(
    ("pattern", "damage", "kind", "consequence"),
    [
        (
            "attempts/*/weights.pt",
            lambda it: it[:-30],
            FaultKind.TRUNCATED,
            "the trial is trained again",
        ),
        (
            "attempts/*/weights.pt",
            lambda it: flip(it, 9, 1),
            FaultKind.DAMAGED,
            "the trial is trained again",
        ),
        (
            "attempts/*/outcomes/*.npz",
            lambda it: b"",
            FaultKind.TRUNCATED,
            "the trial is evaluated again",
        ),
        (
            "evaluations/*.json",
            lambda it: it[:-9],
            FaultKind.TRUNCATED,
            "the trial is evaluated again",
        ),
        (
            "attempts/*/rows/000001.json",
            lambda it: flip(it, 40, 1),
            FaultKind.DAMAGED,
            "what was told of epochs is lost for good; training and result stand",
        ),
        (
            "result.json",
            lambda it: b"",
            FaultKind.TRUNCATED,
            "its weights are published again if they are whole; else the trial is trained again",
        ),
        (
            "trial.json",
            lambda it: it[:40],
            FaultKind.TRUNCATED,
            "the next start of a sweep that has the trial makes it again",
        ),
        (
            "attempts/*/weights.pt.sha256",
            lambda it: b"",
            FaultKind.DAMAGED,
            "the trial is trained again",
        ),
        (
            "attempts/*/weights.pt.sha256",
            lambda it: flip(it, 3, 1),
            FaultKind.DAMAGED,
            "the trial is trained again",
        ),
    ],
)
def test_damage_is_told_with_its_kind_and_what_comes_of_it(
    finished: Finished,
    tmp_path: Path,
    pattern: str,
    damage: Callable[[bytes], bytes],
    *,
    kind: FaultKind,
    consequence: str,
) -> None:
    spec = finished.copied(tmp_path)
    path = next((tmp_path / "runs" / "trials").glob(f"t*/{pattern}"))
    path.write_bytes(damage(path.read_bytes()))
    (finding,) = found_in(spec.storage)
    assert (finding.kind, finding.consequence) == (kind, consequence)


@pytest.mark.slow
def test_what_was_damaged_comes_back_as_it_was(finished: Finished, tmp_path: Path) -> None:
    spec = finished.copied(tmp_path)
    trials = {planned.id: store_of(spec).trial(planned.id) for planned in finished.plan.trials}
    before = {
        it: (stored.weights(), stored.outcomes(spec.suite.id)) for it, stored in trials.items()
    }
    for path in (tmp_path / "runs" / "trials").rglob("weights.pt"):
        path.write_bytes(b"")
    assert len(found_in(spec.storage)) == 2
    do_sweep(spec)
    for trial_id, (weights, outcomes) in before.items():
        again = trials[trial_id].weights(), trials[trial_id].outcomes(spec.suite.id)
        assert weights is not None and outcomes is not None
        assert again[0] is not None and again[1] is not None
        assert all((again[0].model[name] == it).all() for name, it in weights.model.items())
        assert (again[1].natural == outcomes.natural).all()
    assert not found_in(spec.storage)


def test_blob_without_checksum_is_set_aside(finished: Finished, tmp_path: Path) -> None:
    spec = finished.copied(tmp_path)
    path = next((tmp_path / "runs").rglob("weights.pt.sha256"))
    path.unlink()
    (finding,) = found_in(spec.storage)
    assert (Path(finding.name).name, finding.kind) == ("weights.pt", FaultKind.UNSEALED)
    assert to_do(spec, finished.plan.trials) == {trial_of(finding.name)}


@pytest.mark.parametrize(
    ("pattern", "promise"), [("weights.pt", "result.json"), ("*.npz", "evaluations/e*.json")]
)
def test_record_of_what_is_gone_is_taken_back(
    finished: Finished, tmp_path: Path, pattern: str, promise: str
) -> None:
    spec = finished.copied(tmp_path)
    path = next((tmp_path / "runs").rglob(pattern))
    path.unlink()
    first, second = found_in(spec.storage)
    assert (first.kind, second.kind) == (FaultKind.GONE, FaultKind.ORPHAN)
    assert Path(first.name).match(promise)
    assert second.name.endswith(f"{path.name}.sha256")
    assert to_do(spec, finished.plan.trials) == {trial_of(first.name)}


def test_weights_that_lost_are_nobodys_promise(finished: Finished, tmp_path: Path) -> None:
    spec = finished.copied(tmp_path)
    name = f"trials/{finished.plan.trials[0].id}/attempts/000007/weights.pt"
    write_blob(store_of(spec).files, name, b"of an attempt that lost")
    (tmp_path / "runs" / name).write_bytes(b"damaged")
    (finding,) = found_in(spec.storage)
    assert (finding.name, finding.consequence) == (name, "")
    assert to_do(spec, finished.plan.trials) == set()


def test_given_up_weights_are_not_missed(finished: Finished, tmp_path: Path) -> None:
    spec = finished.copied(tmp_path)
    assert give_up_weights(store_of(spec).files, TrialFolder.of(finished.plan.trials[0].id))
    assert not found_in(spec.storage)
    assert to_do(spec, finished.plan.trials) == set()


def test_both_marks_damaged_end_it(finished: Finished, tmp_path: Path) -> None:
    spec = finished.copied(tmp_path)
    for name in MARKS:
        (tmp_path / "runs" / name).write_bytes(b"")
    with pytest.raises(VersionError, match="is damaged"):
        found_in(spec.storage)


# --- what is left over


def test_left_overs_are_no_damage(finished: Finished, tmp_path: Path) -> None:
    spec = finished.copied(tmp_path)
    first, unknown = f"trials/{finished.plan.trials[0].id}", "trials/t0123456789abcdee"
    left = {
        f"{first}/attempts/000001/checkpoints/000001-000000.pt.sha256",
        f"{first}/notes.txt",
        unknown,
        "families/f0123/000004-t0123456789abcdef",
    }
    files = store_of(spec).files
    for name in left - {unknown}:
        files.write(name, b"")
    files.write(f"{unknown}/notes.txt.damaged", b"")
    before = bytes_in(tmp_path / "runs")
    findings = found_in(spec.storage)
    assert {finding.name for finding in findings} == left
    assert {finding.kind for finding in findings} == {FaultKind.ORPHAN}
    assert bytes_in(tmp_path / "runs") == before


# --- without a training: attempts as they may be left

DERIVED = """\
data: digits
methods:
  pgd: {}
  tuned: {method: pgd, start: {from: {method: pgd}}}
evaluation: {pgd: {ladder: [1]}, flow: null, rt: null}
"""
BITS = ([1, 1], {"pgd": [[1, 0]]})


def kinds(findings: list[Finding]) -> dict[str, FaultKind]:
    return {finding.name: finding.kind for finding in findings}


def test_epochs_whose_rows_are_lost_are_named_and_no_damage(
    read: Read, store: Store, finish: Finish
) -> None:
    """All of a trained trial's, here: it says that it trained two, and keeps the row of none."""
    spec = read(DERIVED)
    trial = make_plan(spec, store).trials[0].trial
    finish(trial, spec.suite, *BITS)
    attempt = TrialFolder.of(trial.id).attempt(1)
    findings = found_in(spec.storage)
    assert kinds(findings) == {attempt.row(1): FaultKind.LOST, attempt.row(2): FaultKind.LOST}
    assert not any(finding.is_damage for finding in findings)


def test_parent_of_which_nothing_is_there_is_missed_by_its_child(
    read: Read, store: Store, begin: Begin, finish: Finish
) -> None:
    spec = read(DERIVED)
    parent, child = make_plan(spec, store).trials[1:]
    begin(child.trial).end("stopped")
    name = TrialFolder.of(parent.id).description
    (finding,) = found_in(spec.storage)
    assert (finding.name, finding.kind, finding.is_damage) == (name, FaultKind.GONE, True)
    assert finding.consequence == (
        f"{child.id} starts from its weights: the next start trains it again first"
    )
    finish(child.trial, spec.suite, *BITS)
    found = {finding.name: finding for finding in found_in(spec.storage)}
    assert (found[name].kind, found[name].is_damage) == (FaultKind.LOST, False)
    assert found[name].consequence == (
        f"what {child.id} took from it is lost for good; its own result stands"
    )
    begin(parent.trial).end("stopped")
    assert name not in kinds(found_in(spec.storage))


def test_description_that_is_gone_is_missed_where_a_sweep_names_the_trial(
    read: Read, store: Store, begin: Begin
) -> None:
    spec = read(DERIVED)
    plan = make_plan(spec, store)
    begin(plan.trials[0].trial).end("stopped")
    place = TrialFolder.of(plan.trials[0].id)
    store.files.remove(place.description)
    assert kinds(found_in(spec.storage)) == {place.path: FaultKind.ORPHAN}
    write_manifest(store.files, spec.folder, plan)
    assert kinds(found_in(spec.storage)) == {place.description: FaultKind.GONE}


def test_mark_that_is_gone_or_damaged_is_made_again_from_its_copy(tmp_path: Path) -> None:
    enter(LocalFiles(tmp_path))
    before = bytes_in(tmp_path)
    (tmp_path / "store.json").unlink()
    assert kinds(found_in(tmp_path, dry_run=True)) == {"store.json": FaultKind.GONE}
    assert not (tmp_path / "store.json").exists()
    assert kinds(found_in(tmp_path)) == {"store.json": FaultKind.GONE}
    (tmp_path / "store.json.copy").write_bytes(b"")
    assert kinds(found_in(tmp_path)) == {"store.json.copy": FaultKind.DAMAGED}
    assert bytes_in(tmp_path) == before


def test_what_was_written_or_has_gone_since_the_listing_is_no_damage(
    read: Read, store: Store, finish: Finish
) -> None:
    spec = read(DERIVED)
    trial = make_plan(spec, store).trials[0].trial
    finish(trial, spec.suite, *BITS)
    attempt = TrialFolder.of(trial.id).attempt(1)
    later = dict(contents(store.files))
    del later[attempt.weights]
    later[attempt.checkpoint(1, 0)] = later[attempt.beat] = 7
    found = list(verify(store.files, later, dry_run=True, on_read=lambda name: None))
    assert {finding.kind for finding in found} <= {FaultKind.LOST, FaultKind.ORPHAN}


# --- beside a running sweep


def test_file_that_is_being_replaced_is_not_damaged(tmp_path: Path) -> None:
    """Neither a blob, whose checksum is written first, nor a record."""
    files = LocalFiles(tmp_path)
    enter(files)
    place = "trials/t0123456789abcdef"
    files.write(f"{place}/trial.json", b"")
    write_plain(files, f"{place}/trial.json", {"trial": {}})
    attempt = create(
        files, f"{place}/attempts", 1, lasts=60.0, about=About(), is_shared=False, direct=files
    )
    assert attempt is not None
    name = f"{attempt.folder}/checkpoints/000001-000000.pt"
    write_blob(files, name, b"0")
    is_over = threading.Event()

    def keep_writing() -> None:
        number = 0
        while not is_over.is_set():
            number += 1
            write_blob(files, name, b"%d" % number)
            write_plain(files, f"{attempt.folder}/beat.json", {"count": number, "at": ""})

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(damage_module, "SECONDS_BETWEEN_LOOKS", 0.002)
        writer = threading.Thread(target=keep_writing)
        writer.start()
        findings = [finding for _ in range(20) for finding in found_in(tmp_path)]
        is_over.set()
        writer.join()
    assert findings == []
    assert read_blob(files, name) is not None


@pytest.mark.slow
def test_trial_at_work_is_left_in_peace(finished: Finished, tmp_path: Path) -> None:
    spec = finished.copied(tmp_path)
    store = store_of(spec)
    longer = finished.plan.trials[0].trial
    longer = longer.model_copy(
        update={"training": longer.training.model_copy(update={"epochs": 12})}
    )
    findings: list[Finding] = []
    ending, epochs = run(
        longer, small_suite(40), store, report=lambda row: findings.extend(found_in(spec.storage))
    )
    assert (ending, epochs) == ("done", list(range(3, 13)))
    assert findings == []
    assert make_plan(spec, store).counts() == {"done": 2}
