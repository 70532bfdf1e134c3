"""Starts of a sweep: who goes on, who is refused, what they used, and when that is enough."""

from __future__ import annotations

import os
import re
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from orchestrator.store import LocalFiles
from orchestrator.store.leases.lease import create
from orchestrator.store.leases.records import About
from orchestrator.store.records.version import enter
from orchestrator.store.sweeps import starts
from orchestrator.store.sweeps.starts import HeldError, all_starts, begun, place
from orchestrator.sweep import app
from tests.orchestrator.plain import read_plain, write_plain
from tests.orchestrator.working import fork, started

LASTS = 1.5
"""Seconds: short enough to be waited for, long enough for a busy machine."""


@pytest.fixture(autouse=True)
def _quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starts, "SECONDS_BETWEEN_LOOKS", 0.05)


@pytest.fixture
def files(tmp_path: Path) -> LocalFiles:
    return LocalFiles(tmp_path)


def begin(files: LocalFiles, *, joins: bool = False, lasts: float = LASTS) -> Any:
    """A start of the sweep `front`, as a context manager."""
    return begun(files, files, "front", joins=joins, lasts=lasts, on_tick=lambda lease: None)


def hold(root: Path, joins: bool, is_begun: Any) -> None:
    with begin(LocalFiles(root), joins=joins):
        is_begun.set()
        time.sleep(60)


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Callable[..., BaseProcess]]:
    """Another process that has begun a start."""
    processes = []

    def run(*, joins: bool = False) -> BaseProcess:
        is_begun = fork.Event()
        process = started(hold, tmp_path, joins, is_begun)
        processes.append(process)
        assert is_begun.wait(20)
        return process

    yield run
    for process in processes:
        process.kill()
        process.join()


def edit(files: LocalFiles, number: int, **changes: Any) -> None:
    """Change who a start's record says it is."""
    name = f"{place('front')}/{number:06d}/lease.json"
    record = read_plain(files, name)
    assert record is not None
    record["owner"] |= changes
    write_plain(files, name, record)


def how_they_ended(files: LocalFiles) -> list[str]:
    return [start.ended.how if start.ended else "" for start in all_starts(files, "front")]


# --- who goes on


def test_start_is_on_record(files: LocalFiles) -> None:
    with begin(files) as mine:
        (it,) = all_starts(files, "front")
        assert it.folder == mine.folder == "sweeps/front/starts/000001"
        assert it.owner is not None
        assert (it.owner.host, it.owner.process) == (socket.gethostname(), os.getpid())
        age = datetime.now().astimezone() - datetime.fromisoformat(it.since or "")
        assert timedelta(seconds=-1) <= age < timedelta(minutes=1)
        assert not it.is_over
    with begin(files) as second:
        assert second.number == 2
    assert how_they_ended(files) == ["over", "over"]


def test_start_that_breaks_off_is_over(files: LocalFiles) -> None:
    with pytest.raises(KeyboardInterrupt), begin(files):
        raise KeyboardInterrupt
    assert how_they_ended(files) == ["over"]


@pytest.mark.parametrize("joined", [False, True])
def test_second_start_is_refused(
    files: LocalFiles, other: Callable[..., BaseProcess], *, joined: bool
) -> None:
    process = other(joins=joined)
    (first,) = all_starts(files, "front")
    message = (
        f"sweep 'front' is run by process {process.pid} on {socket.gethostname()} since "
        f"{first.since}; wait for it, stop it, or share its work with --join"
    )
    began = time.monotonic()
    with pytest.raises(HeldError, match=f"^{re.escape(message)}$"), begin(files):
        pass
    assert time.monotonic() - began < LASTS
    assert how_they_ended(files) == ["", "refused"]


def test_start_that_joins_runs_beside_others(
    files: LocalFiles, other: Callable[..., BaseProcess]
) -> None:
    other()
    other(joins=True)
    with begin(files, joins=True):
        assert [start.is_over for start in all_starts(files, "front")] == [False] * 3
    with begun(files, files, "another", joins=False, lasts=LASTS, on_tick=lambda lease: None):
        pass  # other sweeps have starts of their own


def test_start_whose_process_died_is_succeeded_at_once(
    files: LocalFiles, other: Callable[..., BaseProcess]
) -> None:
    process = other()
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # nobody has reaped it
    began = time.monotonic()
    with begin(files, lasts=600.0):
        assert time.monotonic() - began < 10


def test_start_on_another_machine_is_refused_once_it_gives_a_sign_of_life(
    files: LocalFiles, other: Callable[..., BaseProcess]
) -> None:
    other()
    edit(files, 1, machine="another", host="elsewhere")
    with pytest.raises(HeldError, match=r"^sweep 'front' is run by process \d+ on elsewhere since"):
        begin(files).__enter__()


@pytest.mark.slow
def test_silent_start_on_another_machine_is_waited_for_once(
    files: LocalFiles, other: Callable[..., BaseProcess], caplog: pytest.LogCaptureFixture
) -> None:
    process = other()
    edit(files, 1, machine="another", host="elsewhere")
    process.kill()
    process.join()
    began = time.monotonic()
    with begin(files):
        assert time.monotonic() - began >= LASTS
    assert "of which nothing is known from here: waiting up to 1.5 s" in caplog.text
    assert len(caplog.records) == 1
    began = time.monotonic()
    with begin(files):
        assert time.monotonic() - began < LASTS
    heard = all_starts(files, "front")[0]
    assert heard.ended is not None
    assert heard.seconds > 0, "what it had used counts as it last told it"


@pytest.mark.slow
@pytest.mark.parametrize("damage", [b"", b"{", b'{"sha256": "", "record": {}}'])
def test_damaged_start_holds_its_sweep_no_longer_than_a_silent_one(
    files: LocalFiles, damage: bytes
) -> None:
    lost = create(files, place("front"), 1, lasts=9e9, about=About(), is_shared=True, direct=files)
    assert lost is not None
    files.write(f"{lost.folder}/lease.json", damage)
    began = time.monotonic()
    with begin(files) as mine:
        assert time.monotonic() - began >= LASTS
        assert mine.number == 2


def begin_and_wait(root: Path) -> None:
    with begin(LocalFiles(root), lasts=600.0):
        raise AssertionError("it was to wait")


def test_start_that_waits_is_alive_to_others(files: LocalFiles, tmp_path: Path) -> None:
    """Or two that wait for the same silent one might both go on."""
    with begin(files):
        pass
    files.remove(f"{place('front')}/000001/ended.json")
    edit(files, 1, machine="another")
    process = started(begin_and_wait, tmp_path)
    until = time.monotonic() + 10
    while not files.read(f"{place('front')}/000002/lease.json") and time.monotonic() < until:
        time.sleep(0.01)
    with pytest.raises(HeldError, match=f"^sweep 'front' is run by process {process.pid} "):
        begin(files).__enter__()
    while not all_starts(files, "front")[1].beat and time.monotonic() < until:
        time.sleep(0.01)
    assert all_starts(files, "front")[1].beat.count == 1
    process.kill()
    process.join()


def contend(root: Path, barrier: Any, results: Any) -> None:
    """Say whether the sweep was begun, and by nobody else at the time."""
    barrier.wait()
    inside = root / "inside"
    with suppress(HeldError), begin(LocalFiles(root)):
        try:
            inside.touch(exist_ok=False)
        except FileExistsError:
            results.put("not alone")
            return
        time.sleep(0.2)
        inside.unlink()
        results.put("alone")
        return
    results.put("refused")


@pytest.mark.slow
def test_of_several_starts_at_the_same_moment_one_goes_on(tmp_path: Path) -> None:
    for turn in range(5):
        barrier, results = fork.Barrier(4), fork.SimpleQueue()
        root = tmp_path / str(turn)
        root.mkdir()
        processes = [started(contend, root, barrier, results) for _ in range(4)]
        told = sorted(results.get() for _ in processes)
        for process in processes:
            process.join()
        assert told == ["alone", "refused", "refused", "refused"]


def test_command_that_comes_second_exits_with_4(
    files: LocalFiles, other: Callable[..., BaseProcess], tmp_path: Path
) -> None:
    enter(files)
    process = other()
    spec = tmp_path / "elsewhere" / "front.yaml"
    spec.parent.mkdir()
    spec.write_text("data: digits\nmethods: {flow: {}}\n")
    command = [str(spec), "--storage", str(tmp_path), "--tracking-uri", "none"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 4, result.stderr
    assert result.stderr.startswith(f"error: sweep 'front' is run by process {process.pid} on ")
    assert not (tmp_path / "sweeps" / "front" / "spec.yaml").exists()


def test_ticks_come_from_a_thread_of_its_own(files: LocalFiles) -> None:
    ticks: list[tuple[str, int]] = []
    with begun(
        files,
        files,
        "front",
        joins=False,
        lasts=0.4,
        on_tick=lambda mine: ticks.append((threading.current_thread().name, mine.number)),
    ):
        until = time.monotonic() + 10
        while len(ticks) < 3 and time.monotonic() < until:
            time.sleep(0.01)
    assert ticks[:3] == [("lease", 1)] * 3
