"""The store: nothing half written, nothing damaged taken for whole, one winner of each race."""

from __future__ import annotations

import logging
import multiprocessing
import resource
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from orchestrator.store import Attempt, LocalFiles, Store
from orchestrator.store.sealed import read_blob, read_record, write_blob, write_record
from trainer.checkpoint import Checkpoint, Weights
from trainer.outcomes import Outcomes

TRIAL = "t0123456789abcdef"

# --- files


class FilesAreADictionary(RuleBasedStateMachine):
    """Whatever is done to a folder, it holds what a dictionary would."""

    names = st.sampled_from(["a/x", "a/y", "a/b/x", "c/x", "d"])
    contents = st.binary(max_size=20)

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self._files = LocalFiles(Path(self._folder.name) / "store")
        self._model: dict[str, bytes] = {}

    @rule(name=names, data=contents)
    def write(self, name: str, data: bytes) -> None:
        self._files.write(name, data)
        self._model[name] = data

    @rule(name=names, data=contents)
    def create(self, name: str, data: bytes) -> None:
        assert self._files.create(name, data) is (name not in self._model)
        self._model.setdefault(name, data)

    @rule(name=names)
    def remove(self, name: str) -> None:
        self._files.remove(name)
        self._model.pop(name, None)

    @rule(name=names)
    def set_aside(self, name: str) -> None:
        self._files.rename(name, f"{name}.damaged")
        if name in self._model:
            self._model[f"{name}.damaged"] = self._model.pop(name)

    @invariant()
    def same(self) -> None:
        for name in ["a/x", "a/y", "a/b/x", "c/x", "d", "a/x.damaged", "nowhere/x", "d/x"]:
            assert self._files.read(name) == self._model.get(name)
        present = {name.removeprefix("a/") for name in self._model if name.startswith("a/")}
        listed = {name for name in self._files.names("a") if name != "b"}
        assert listed == {name for name in present if not name.startswith("b/")}

    def teardown(self) -> None:
        self._folder.cleanup()


FilesAreADictionary.TestCase.settings = settings(
    deadline=None, derandomize=True, max_examples=15, stateful_step_count=15
)
test_files_are_a_dictionary = FilesAreADictionary.TestCase


def test_no_folder_is_made_before_the_first_write(tmp_path: Path) -> None:
    files = LocalFiles(tmp_path / "runs")
    assert (files.read("a/b"), files.names("a")) == (None, [])
    files.remove("a/b")
    assert not files.root.exists()


def test_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    files = LocalFiles(tmp_path)
    versions = [bytes([number]) * 300_000 for number in range(4)]
    files.write("it", versions[0])
    is_over = threading.Event()
    seen: list[bytes | None] = []

    def keep_reading() -> None:
        while not is_over.is_set():
            seen.append(files.read("it"))

    reader = threading.Thread(target=keep_reading)
    reader.start()
    for number in range(60):
        files.write("it", versions[number % 4])
    is_over.set()
    reader.join()
    assert len(seen) > 10
    assert set(seen) <= set(versions)
    assert files.names("") == ["it"]


def test_write_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    files = LocalFiles(tmp_path)
    files.write("it", b"old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))  # as a full disk would be
    try:
        with pytest.raises(OSError, match="too large"):
            files.write("it", b"new" * 1000)
        with pytest.raises(OSError, match="too large"):
            files.create("other", b"new" * 1000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert files.read("it") == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["it"]


def create_at_once(files: LocalFiles, barrier: Any, name: str, writer: int) -> bool:
    barrier.wait()
    return files.create(name, b"%d" % writer)


def test_one_of_many_threads_creates(tmp_path: Path) -> None:
    files = LocalFiles(tmp_path)
    barrier = threading.Barrier(8)

    def create_all(writer: int) -> list[bool]:
        return [create_at_once(files, barrier, f"race/{name}", writer) for name in range(25)]

    with ThreadPoolExecutor(8) as threads:
        told = np.array(list(threads.map(create_all, range(8))))
    assert told.sum(axis=0).tolist() == [1] * 25
    winners = [int(files.read(f"race/{name}") or b"-1") for name in range(25)]
    assert winners == told.argmax(axis=0).tolist()


def test_one_of_many_processes_creates(tmp_path: Path) -> None:
    fork = multiprocessing.get_context("fork")
    barrier, results = fork.Barrier(4), fork.SimpleQueue()

    def create_all(writer: int) -> None:
        files = LocalFiles(tmp_path)
        results.put([create_at_once(files, barrier, f"{name}", writer) for name in range(25)])

    processes = [fork.Process(target=create_all, args=(writer,)) for writer in range(4)]
    for process in processes:
        process.start()
    told = np.array([results.get() for _ in processes])
    for process in processes:
        process.join()
    assert told.sum(axis=0).tolist() == [1] * 25


# --- records and blobs

RECORD = {"attempt": "x", "seconds": 0.1 + 0.2, "rows": [1, 2.5e-7, None], "name": "Ünïcode"}


@st.composite
def damages(draw: st.DrawFn) -> Callable[[bytes], bytes]:
    """A bit flipped somewhere, or an end cut off."""
    share, bit = draw(st.floats(0, 1, exclude_max=True)), draw(st.integers(0, 8))

    def damage(data: bytes) -> bytes:
        position = int(share * len(data))
        if bit == 8:
            return data[:position]
        return bytes([*data[:position], data[position] ^ (1 << bit), *data[position + 1 :]])

    return damage


@settings(max_examples=50)
@given(damages())
def test_damaged_record_is_never_taken_for_another(damage: Callable[[bytes], bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        files = LocalFiles(Path(folder))
        write_record(files, "it.json", RECORD)
        files.write("it.json", damage(files.read("it.json") or b""))
        found = read_record(files, "it.json")
        # a last digit or the letter of an exponent may change and mean the same number
        assert found in (None, RECORD)
        assert files.names("") == (["it.json"] if found else ["it.json.damaged"])


@settings(max_examples=50)
@given(damages(), st.booleans())
def test_damaged_blob_is_never_taken_for_whole(
    damage: Callable[[bytes], bytes], in_data: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        files = LocalFiles(Path(folder))
        write_blob(files, "it", b"some bytes that matter")
        name = "it" if in_data else "it.sha256"
        files.write(name, damage(files.read(name) or b""))
        found = read_blob(files, "it")
        if in_data:
            assert found is None
        assert found in (None, b"some bytes that matter")
        assert files.names("") == ["it" if found else "it.damaged", "it.sha256"]


@pytest.mark.parametrize("content", [b"", b"null", b"[]", b"{}", b"\xff", b'{"record": {}}', b"1"])
def test_foreign_content_is_no_record(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    files = LocalFiles(tmp_path)
    files.write("a/it.json", content)
    with caplog.at_level(logging.WARNING):
        assert read_record(files, "a/it.json") is None
    assert "a/it.json is set aside as a/it.json.damaged" in caplog.text
    assert files.read("a/it.json.damaged") == content


def test_blob_without_checksum_does_not_count(tmp_path: Path) -> None:
    files = LocalFiles(tmp_path)
    files.write("it", b"bytes")
    assert read_blob(files, "it") is None
    assert files.names("") == ["it.damaged"]


def test_blob_that_is_being_written_is_no_damaged_one(tmp_path: Path) -> None:
    files = LocalFiles(tmp_path)
    is_over = threading.Event()

    def keep_reading() -> None:
        while not is_over.is_set():
            for name in files.names(""):
                if name.endswith(".pt"):
                    assert read_blob(files, name) == b"x" * 50_000
            time.sleep(0)

    with ThreadPoolExecutor(1) as threads:
        reader = threads.submit(keep_reading)
        for number in range(60):
            write_blob(files, f"{number}.pt", b"x" * 50_000)
        is_over.set()
        reader.result()
    assert not [name for name in files.names("") if name.endswith(".damaged")]


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="needs coreutils")
def test_checksums_are_those_of_sha256sum(tmp_path: Path) -> None:
    write_blob(LocalFiles(tmp_path), "weights.pt", b"bytes")
    command = ["sha256sum", "--check", "--strict", "weights.pt.sha256"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)


# --- trials


@pytest.fixture
def trial_folder(tmp_path: Path) -> Path:
    return tmp_path / "runs" / "trials" / TRIAL


def run_epochs(attempt: Attempt, epochs: range) -> Attempt:
    """Keep epochs whose weights say their number."""
    for done in epochs:
        checkpoint = Checkpoint(
            epochs_done=done,
            model={"weight": torch.tensor([float(done)])},
            optimiser={"lr": 0.1},
            weighting={},
        )
        attempt.epoch_done({"epoch": done, "loss/natural": 1 / done}, lambda it=checkpoint: it)
    return attempt


def flip_a_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


def weights(value: float) -> Weights:
    return Weights(trial={"seed": 0}, model={"weight": torch.tensor([value])})


def test_newest_two_checkpoints_are_kept(store: Store, trial_folder: Path) -> None:
    run_epochs(store.trial(TRIAL).begin(), range(1, 6))
    (checkpoints,) = trial_folder.glob("attempts/*/checkpoints")
    names = ["000004.pt", "000004.pt.sha256", "000005.pt", "000005.pt.sha256"]
    assert sorted(path.name for path in checkpoints.iterdir()) == names
    assert store.trial(TRIAL).progress().epochs_done == 5


def test_new_attempt_goes_on_from_the_farthest_checkpoint(store: Store) -> None:
    run_epochs(store.trial(TRIAL).begin(), range(1, 3))
    second = store.trial(TRIAL).begin()
    assert second.resume is not None
    assert second.resume.epochs_done == 2
    assert second.resume.model["weight"].tolist() == [2.0]
    assert [row["epoch"] for row in second.rows] == [1, 2]
    run_epochs(second, range(3, 5))
    third = store.trial(TRIAL).begin()
    assert third.resume is not None
    assert third.resume.epochs_done == 4
    assert third.rows == [{"epoch": n, "loss/natural": 1 / n} for n in (1, 2, 3, 4)]
    assert store.trial(TRIAL).rows() == third.rows


@pytest.mark.parametrize(
    ("damaged", "epochs_done"),
    [
        (["checkpoints/000003.pt"], 2),
        (["checkpoints/000003.pt.sha256"], 2),
        (["checkpoints/000003.pt", "checkpoints/000002.pt"], 0),
        (["rows/000003.json"], 2),
        (["rows/000001.json"], 0),
    ],
)
def test_what_is_damaged_is_computed_again(
    store: Store, trial_folder: Path, damaged: list[str], epochs_done: int
) -> None:
    run_epochs(store.trial(TRIAL).begin(), range(1, 4))
    for name in damaged:
        (path,) = trial_folder.glob(f"attempts/*/{name}")
        flip_a_bit(path)
    attempt = store.trial(TRIAL).begin()
    resumed = 0 if attempt.resume is None else attempt.resume.epochs_done
    assert resumed == len(attempt.rows) == epochs_done
    aside = {path.name for path in trial_folder.rglob("*.damaged")}
    blamed = {name.split("/")[1].removesuffix(".sha256") for name in damaged}
    assert aside == {f"{name}.damaged" for name in blamed}


def test_publishing_ends_the_training(store: Store, trial_folder: Path) -> None:
    stored = store.trial(TRIAL)
    attempt = run_epochs(stored.begin(), range(1, 4))
    assert attempt.publish(weights(7.0), {"epochs": 3, "seconds": 1.5})
    progress = stored.progress()
    assert (progress.trained, progress.epochs_done) == (True, 0)
    found = stored.weights()
    assert found is not None
    assert found.model["weight"].tolist() == [7.0]
    assert found.trial == {"seed": 0}
    assert stored.training_facts()["seconds"] == 1.5
    assert [row["epoch"] for row in stored.rows()] == [1, 2, 3]
    assert not list(trial_folder.rglob("checkpoints/*"))


def test_one_of_several_attempts_is_the_trials(store: Store, trial_folder: Path) -> None:
    attempts = [run_epochs(store.trial(TRIAL).begin(), range(1, 2)) for _ in range(6)]
    barrier = threading.Barrier(6)

    def publish(number: int) -> bool:
        barrier.wait()
        return attempts[number].publish(weights(float(number)), {})

    with ThreadPoolExecutor(6) as threads:
        told = list(threads.map(publish, range(6)))
    assert sum(told) == 1
    found = store.trial(TRIAL).weights()
    assert found is not None
    assert found.model["weight"].tolist() == [float(told.index(True))]
    assert len(list(trial_folder.rglob("weights.pt"))) == 1
    assert not list(trial_folder.rglob("checkpoints/*"))


@pytest.mark.parametrize("damage", [flip_a_bit, Path.unlink, lambda path: path.write_bytes(b"")])
def test_result_without_whole_weights_is_set_aside(
    store: Store, trial_folder: Path, damage: Callable[[Path], object]
) -> None:
    stored = store.trial(TRIAL)
    run_epochs(stored.begin(), range(1, 3)).publish(weights(1.0), {})
    (path,) = trial_folder.rglob("weights.pt")
    damage(path)
    assert stored.progress().trained
    assert stored.weights() is None
    assert not stored.progress().trained
    assert (trial_folder / "result.json.damaged").exists()
    again = stored.begin()
    assert (again.resume, again.rows) == (None, [])
    assert again.publish(weights(1.0), {})
    assert stored.weights() is not None


def test_weights_of_another_format_are_no_weights(store: Store, trial_folder: Path) -> None:
    stored = store.trial(TRIAL)
    stored.begin().publish(weights(1.0), {})
    (path,) = trial_folder.rglob("weights.pt")
    write_blob(LocalFiles(path.parent), "weights.pt", b"whole, but not of torch.save")
    assert stored.weights() is None
    assert not stored.progress().trained


def test_outcomes_come_back_as_they_were(store: Store, trial_folder: Path) -> None:
    stored = store.trial(TRIAL)
    outcomes = Outcomes(
        natural=np.array([True, True, False]),
        robust={"pgd": np.array([[True, False, False], [False, False, False]])},
        ladders={"pgd": (1, 5)},
    )
    kept = stored.save_outcomes("e1", outcomes, {"accuracies": outcomes.accuracies()})
    assert stored.evaluation("e1") == kept
    assert stored.evaluation("e2") is None
    found = stored.outcomes("e1")
    assert found is not None
    assert found.accuracies() == kept["accuracies"]
    assert found.ladders == {"pgd": (1, 5)}
    flip_a_bit(trial_folder / "evaluations" / "e1.npz")
    assert stored.outcomes("e1") is None
    assert stored.evaluation("e1") == kept


def test_failure_stands_until_the_trial_is_tried_again(store: Store) -> None:
    stored = store.trial(TRIAL)
    assert stored.progress().failure is None
    stored.fail("diverged", "losses must be finite", "Traceback ...")
    failure = stored.progress().failure
    assert failure is not None
    assert (failure.kind, failure.message) == ("diverged", "losses must be finite")
    assert failure.details == "Traceback ..."
    stored.forget_failure()
    assert stored.progress().failure is None


def test_trial_is_described_once(store: Store, trial_folder: Path) -> None:
    store.trial(TRIAL).describe({"seed": 0}, {"host": "first"})
    store.trial(TRIAL).describe({"seed": 0}, {"host": "second"})
    about = read_record(LocalFiles(trial_folder), "trial.json")
    assert about == {"trial": {"seed": 0}, "provenance": {"host": "first"}}
