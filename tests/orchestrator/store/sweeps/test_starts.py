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
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from orchestrator.costs import budget
from orchestrator.costs.budget import BudgetWatch, Meter, Usage, usage
from orchestrator.spec.policy import BudgetSettings, Resources
from orchestrator.store import LocalFiles
from orchestrator.store.leases import lease
from orchestrator.store.leases.lease import Lease, LeaseState, create
from orchestrator.store.leases.records import About, Beat, Ended
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


# --- what was used


class Clock:
    """Stands still unless it is moved."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(lease, "clock", clock)
    monkeypatch.setattr(budget, "clock", clock)
    return clock


def span(minute: int, minutes: int, **facts: float) -> LeaseState:
    """A start of so many minutes, from that minute on."""
    since = datetime.fromisoformat("2026-01-01T00:00:00+00:00") + timedelta(minutes=minute)
    beat = Beat(elapsed=60.0 * minutes, count=1, at=since.isoformat(), **facts)
    return LeaseState(
        number=1,
        folder="",
        owner=None,
        since=since.isoformat(),
        lasts=60.0,
        about=About(),
        beat=None if minute % 2 else beat,
        ended=Ended.after(beat, how="over", at=beat.at) if minute % 2 else None,
    )


spans = st.lists(st.tuples(st.integers(0, 100), st.integers(0, 50)), max_size=6)


@pytest.mark.slow
@given(spans)
def test_hours_in_which_several_starts_ran_count_once(them: list[tuple[int, int]]) -> None:
    minutes = {minute for begin, length in them for minute in range(begin, begin + length)}
    used = usage(span(begin, length, core_hours=0.5, gpu_hours=0.25) for begin, length in them)
    assert used.hours == pytest.approx(len(minutes) / 60)
    assert (used.core_hours, used.gpu_hours) == (0.5 * len(them), 0.25 * len(them))


def test_start_of_which_nothing_is_known_used_nothing() -> None:
    damaged = LeaseState(
        number=1,
        folder="",
        owner=None,
        since=None,
        lasts=None,
        about=About(),
        beat=None,
        ended=None,
    )
    assert usage([damaged]) == Usage()


def test_meter_counts_what_trials_occupy(clock: Clock) -> None:
    meter = Meter(Resources(cpu=2.0, gpu=0.5))
    meter.started("a")
    clock.now += 1800
    meter.started("b")
    clock.now += 1800
    assert meter.read() == {"core_hours": 3.0, "gpu_hours": 0.75}
    meter.ended("a")
    clock.now += 3600
    assert meter.read() == {"core_hours": 5.0, "gpu_hours": 1.25}
    meter.ended("b")
    meter.ended("b")  # nothing was left to end
    clock.now += 3600
    assert meter.read() == {"core_hours": 5.0, "gpu_hours": 1.25}


def a_start(files: LocalFiles, number: int) -> Lease:
    mine = create(
        files, place("front"), number, lasts=60.0, about=About(), is_shared=True, direct=files
    )
    assert mine is not None
    return mine


@pytest.mark.parametrize(
    ("cap", "said"),
    [
        ("core_hours", "budget.core_hours is 5, and 5 are used"),
        ("gpu_hours", "budget.gpu_hours is 1.25, and 1.25 are used"),
    ],
)
def test_budget_is_of_all_starts_together(
    files: LocalFiles, clock: Clock, cap: str, said: str
) -> None:
    resources = Resources(cpu=2.0, gpu=0.5)
    first, meter = a_start(files, 1), Meter(resources)
    meter.started("a")
    clock.now += 3600
    first.note(**meter.read())
    first.end("over")  # 2 core-hours, 0.5 GPU-hours

    second, meter = a_start(files, 2), Meter(resources)
    limit = {"core_hours": 5.0, "gpu_hours": 1.25}[cap]
    watch = BudgetWatch(files, "front", BudgetSettings(**{cap: limit}), meter)
    meter.started("b")
    clock.now += 5399
    watch.look(second)
    assert watch.reached is None
    clock.now += 1
    watch.look(second)
    assert watch.reached is None, "it looks at every few seconds alone"
    clock.now += budget.SECONDS_BETWEEN_LOOKS
    watch.look(second)
    assert watch.reached == said


def test_budget_of_hours(files: LocalFiles, clock: Clock) -> None:
    mine = a_start(files, 1)
    watch = BudgetWatch(files, "front", BudgetSettings(hours=2.0), Meter(Resources()))
    clock.now += 7199
    watch.look(mine)
    assert watch.reached is None
    clock.now += 10
    watch.look(mine)
    assert watch.reached == "budget.hours is 2, and 2 are used"


def test_budget_of_the_disk(files: LocalFiles, clock: Clock) -> None:
    mine = a_start(files, 1)
    watch = BudgetWatch(files, "front", BudgetSettings(disk_gb=1e-4), Meter(Resources()))
    files.write("trials/t1/weights.pt", bytes(50_000))
    watch.look(mine)
    assert watch.reached is None
    files.write("trials/t2/weights.pt", bytes(50_000))
    clock.now += budget.SECONDS_BETWEEN_WEIGHINGS + 1
    watch.look(mine)
    assert watch.reached == "budget.disk_gb is 0.0001, and 0.0001 are used"


def test_sweep_without_a_budget_looks_at_nothing(files: LocalFiles) -> None:
    meter = Meter(Resources())
    watch = BudgetWatch(_Unread(files.root), "front", BudgetSettings(), meter)
    watch.look(a_start(files, 1))
    assert watch.reached is None


class _Unread(LocalFiles):
    def names(self, folder: str) -> list[str]:
        raise AssertionError(folder)

    sizes = names  # type: ignore[assignment]


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
