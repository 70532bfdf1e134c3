"""Pausing a sweep and letting it go on, from another process than those that run it."""

from __future__ import annotations

import logging
import os
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from orchestrator import pause, resume
from orchestrator.plan.plan import make_plan
from orchestrator.store import LocalFiles, Store
from orchestrator.store.records.version import enter
from orchestrator.store.sweeps import orders
from orchestrator.store.sweeps.starts import begun
from orchestrator.worker.trial import Ending
from tests.orchestrator.conftest import Read
from tests.orchestrator.working import contents, mission, run

SWEEP = """\
data: {name: digits, train_examples: 160}
training: {epochs: 3, batch_size: 32}
methods: {pgd: {}}
evaluation: {pgd: {ladder: [1, 2]}, flow: null, rt: null, examples: 40}
"""


@pytest.fixture
def files(read: Read, store: Store) -> LocalFiles:
    """The storage of a sweep that was started once and is over."""
    read(SWEEP)
    assert isinstance(store.files.under, LocalFiles)
    started(store.files)
    return store.files.under


def started(files: LocalFiles, name: str = "sweep", **more: Any) -> None:
    enter(files)
    with begun(files, files, name, joins=False, lasts=60.0, on_tick=lambda _: None, **more):
        pass


def ask(door: object, *arguments: str) -> str:
    result = CliRunner().invoke(door.app, ["sweep.yaml", *arguments])  # type: ignore[attr-defined]
    assert result.exit_code == 0, result.output
    return result.stdout


def test_sweep_that_nobody_runs_is_paused_and_goes_on(files: LocalFiles) -> None:
    assert ask(pause) == (
        "sweep is paused: nobody runs it now; a start will wait; "
        "to go on: python -m orchestrator.resume sweep.yaml\n"
    )
    asked = orders.paused(files, "sweep")
    assert asked is not None
    assert asked.by.process == os.getpid()
    assert ask(pause).startswith("sweep was paused before: nobody runs it now")
    assert orders.paused(files, "sweep") == asked
    assert ask(resume) == (
        "sweep may go on; nobody runs it now: python -m orchestrator.sweep sweep.yaml\n"
    )
    assert orders.paused(files, "sweep") is None
    assert ask(resume) == "sweep was not paused\n"


def test_starts_are_told_by_what_they_read(files: LocalFiles) -> None:
    enter(files)
    with begun(files, files, "sweep", joins=False, lasts=60.0, on_tick=lambda _: None) as lease:
        assert "its trials at work save a checkpoint and rest within seconds" in ask(pause)
        assert orders.read(files, "sweep", lease.folder).paused
        assert ask(resume) == (
            "sweep goes on: trials at work take their next step within seconds\n"
        )
        assert not orders.read(files, "sweep", lease.folder).paused


@pytest.mark.parametrize("door", [pause, resume])
def test_sweep_that_is_not_there_is_refused(
    files: LocalFiles, tmp_path: Path, door: object
) -> None:
    before = contents(tmp_path)
    result = CliRunner().invoke(door.app, ["sweep.yaml", "--set", "name=othre"])  # type: ignore[attr-defined]
    assert result.exit_code == 2
    assert result.stderr == (
        "error: --set name: must be of a sweep that was started, got 'othre', of which nothing is "
        f"in {files.root}; give the --storage that it is in, or start it: "
        "python -m orchestrator.sweep sweep.yaml --set name=othre\n"
    )
    assert contents(tmp_path) == before


def test_cluster_of_the_last_start_is_named(files: LocalFiles) -> None:
    started(files, address="10.0.0.1:6379")
    ask(pause)
    assert ask(resume).endswith("orchestrator.sweep sweep.yaml --address 10.0.0.1:6379\n")


def test_only_the_sweep_that_is_named(files: LocalFiles) -> None:
    started(files, "other")
    ask(pause, "--set", "name=other")
    assert orders.paused(files, "sweep") is None
    assert orders.paused(files, "other") is not None


def test_storage_is_the_one_that_is_given(files: LocalFiles, tmp_path: Path) -> None:
    started(LocalFiles(tmp_path / "else where"))
    told = ask(pause, "--storage", "else where", "--set", "seeds=[1]")
    assert told.endswith(
        "python -m orchestrator.resume sweep.yaml --storage 'else where' --set 'seeds=[1]'\n"
    )
    assert orders.paused(LocalFiles(tmp_path / "else where"), "sweep") is not None
    assert orders.paused(files, "sweep") is None


@pytest.mark.parametrize("door", [pause, resume])
def test_what_is_no_store_is_refused(files: LocalFiles, tmp_path: Path, door: object) -> None:
    for mark in ("store.json", "store.json.copy"):
        (files.root / mark).unlink()
    before = contents(tmp_path)
    result = CliRunner().invoke(door.app, ["sweep.yaml"])  # type: ignore[attr-defined]
    assert result.exit_code == 2
    assert "storage: must be a store of this project: " in result.stderr
    assert contents(tmp_path) == before


@pytest.mark.slow
def test_trial_rests_while_its_sweep_is_paused(read: Read, store: Store, files: LocalFiles) -> None:
    """Paused after its first epoch, it takes no step, and then ends as if nothing had been."""
    spec = read(SWEEP, "training.epochs=25")
    enter(files)
    planned = make_plan(spec, store).trials[0]
    epochs_at: dict[str, int] = {}
    seen: list[int] = []

    def let_go_on() -> None:
        while not is_resting():
            time.sleep(0.05)
        epochs_at["rest"] = len(seen)
        time.sleep(1.5)
        epochs_at["later"] = len(seen)
        ask(resume)

    def is_resting() -> bool:
        lease = store.trial(planned.id).past_attempts()[-1]
        return lease.last_said.paused

    def report(row: dict[str, float]) -> None:
        seen.append(int(row["epoch"]))
        if row["epoch"] == 1:
            ask(pause)
            person.start()
        time.sleep(0.1)

    person = threading.Thread(target=let_go_on)
    policy = spec.policy.model_copy(update={"lease": 8.0})
    at_work = mission(
        policy, read_orders=partial(orders.read, files, "sweep", "sweeps/sweep/starts/000001")
    )
    ending, epochs = run(planned.trial, spec.suite, store, at_work, report=report)
    person.join()
    assert ending is Ending.DONE
    assert epochs == list(range(1, 26))
    assert 1 <= epochs_at["rest"] == epochs_at["later"] < 25


@pytest.mark.parametrize(("door", "verb"), [(pause, "pause"), (resume, "resume")])
def test_warnings_hide_secrets(
    files: LocalFiles, monkeypatch: pytest.MonkeyPatch, door: object, verb: str
) -> None:
    def warn(*_: object) -> bool:
        logging.getLogger("orchestrator").warning("the server says password=hunter2")
        return True

    monkeypatch.setattr(orders, verb, warn)
    monkeypatch.setattr(logging.root, "handlers", [])  # pytest's own, which stand in for ours
    result = CliRunner().invoke(door.app, ["sweep.yaml"])  # type: ignore[attr-defined]
    assert result.exit_code == 0
    assert "the server says password=***" in result.stderr
    assert "hunter2" not in result.output
