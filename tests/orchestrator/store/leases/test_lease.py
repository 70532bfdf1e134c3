"""Leases: one owner at a time, whatever becomes of owners, clocks, machines and files."""

from __future__ import annotations

import logging
import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from orchestrator.store import LocalFiles
from orchestrator.store.files.contract import FullError, UnreachableError
from orchestrator.store.leases import lease
from orchestrator.store.leases.lease import (
    Lease,
    LostError,
    SilenceTimer,
    create,
    newest,
    numbers,
    state,
)
from orchestrator.store.leases.owner import Owner
from orchestrator.store.leases.records import About, Cause
from tests.orchestrator.plain import read_plain, write_plain
from tests.orchestrator.working import IN_MEMORY, contents, fork, started

PLACE = "trials/t1/attempts"
LASTS = 60.0


class Clock:
    """Stands still unless it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(lease, "clock", clock)
    return clock


@pytest.fixture
def files(tmp_path: Path) -> LocalFiles:
    return LocalFiles(tmp_path)


CAUSE = Cause(kind="data", message="asked", details="")


def take(files: LocalFiles, number: int, lasts: float = LASTS, place: str = PLACE) -> Lease | None:
    return create(files, place, number, lasts=lasts, about=About(), is_shared=False, direct=files)


def taken(files: LocalFiles, number: int, lasts: float = LASTS) -> Lease:
    mine = take(files, number, lasts)
    assert mine is not None
    return mine


def is_free(files: LocalFiles, watch: SilenceTimer) -> bool:
    held = newest(files, PLACE)
    assert held is not None
    return watch.is_free(held, LASTS)


def elsewhere(files: LocalFiles, number: int) -> None:
    """As if the owner were a process of another machine."""
    edit(files, number, lambda record: record["owner"].update(machine="another"))


def edit(files: LocalFiles, number: int, change: Callable[[dict[str, Any]], object]) -> None:
    name = f"{PLACE}/{number:06d}/lease.json"
    record = read_plain(files, name)
    assert record is not None
    change(record)
    write_plain(files, name, record)


# --- one of many


def take_numbers(root: Path, barrier: Any, results: Any, rounds: int, *, is_next: bool) -> None:
    files, won = LocalFiles(root), []
    for place in range(rounds):
        barrier.wait()
        number = max(numbers(files, f"p{place}"), default=0) + 1 if is_next else 7
        won.append((number, take(files, number, place=f"p{place}") is not None))
    results.put((os.getpid(), won))


@pytest.mark.parametrize("is_next", [False, True])
def test_of_several_processes_that_take_a_number_one_has_it(
    tmp_path: Path, *, is_next: bool
) -> None:
    rounds, barrier, results = 20, fork.Barrier(4), fork.SimpleQueue()
    processes = [
        fork.Process(
            target=take_numbers,
            args=(tmp_path, barrier, results, rounds),
            kwargs={"is_next": is_next},
        )
        for _ in range(4)
    ]
    for process in processes:
        process.start()
    told = dict(results.get() for _ in processes)
    for process in processes:
        process.join()
    files = LocalFiles(tmp_path)
    for place in range(rounds):
        winners = [(won[place][0], pid) for pid, won in told.items() if won[place][1]]
        taken_numbers = [number for number, _ in winners]
        assert sorted(taken_numbers) == numbers(files, f"p{place}") != []
        assert len(set(taken_numbers)) == len(taken_numbers)
        for number, pid in winners:
            owner = state(files, f"p{place}", number).owner
            assert owner is not None
            assert owner.process == pid


WORKERS = range(2)


class OneAtWork(RuleBasedStateMachine):
    """Whoever takes, beats, is cut off, ends or dies in whatever order: of all that would go on
    at a place there is one at most. Each has a clock of its own, an hour and more apart."""

    workers = st.sampled_from(WORKERS)

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory(dir=IN_MEMORY)
        self._files = _FarAway(Path(self._folder.name), self._slow_answer)
        self._now = 0.0
        self._offset = 0.0
        self._clock = lease.clock
        lease.clock = lambda: self._now + self._offset
        self._watches = [SilenceTimer() for _ in WORKERS]
        self._seen: dict[int, int] = {}
        self._leases: dict[int, Lease] = {}

    def _be(self, worker: int) -> None:
        self._offset = worker * 5000.0

    def _look(self) -> None:
        for worker in WORKERS:
            self._be(worker)
            held = newest(self._files, PLACE)
            if held is None:
                self._seen[worker] = 1
            elif self._watches[worker].is_free(held, LASTS):
                self._seen[worker] = held.number + 1  # and takes it whenever it comes to that

    def _slow_answer(self) -> None:
        """Others see what has arrived, time passes, and then its writer hears of it."""
        offset = self._offset
        self._look()
        self._offset = offset
        self._now += 20

    @rule(
        how=st.sampled_from(["", "", "", "slow", "lost", "unheard", "not at all"]),
        seconds=st.sampled_from([1.0, 30.0, 45.0, 59.0, 61.0]),
    )
    def beat_and_look(self, how: str, seconds: float) -> None:
        self._files.how = how
        for worker, mine in self._leases.items() if how != "not at all" else ():
            self._be(worker)
            with suppress(UnreachableError):
                mine.renew()
        self._files.how = ""
        self._now += seconds
        self._look()

    @rule(worker=workers)
    def take(self, worker: int) -> None:
        self._be(worker)
        if worker in self._seen and worker not in self._leases:
            mine = take(self._files, self._seen.pop(worker))  # others were faster, perhaps
            if mine is not None:
                self._leases[worker] = mine

    @rule(worker=workers, says_so=st.booleans())
    def leave(self, worker: int, *, says_so: bool) -> None:
        self._be(worker)
        mine = self._leases.pop(worker, None)
        if mine is not None and says_so:
            mine.end("done")

    @rule(which=st.integers(0, 50), damage=st.sampled_from(["cut", "empty", "flip", "delete"]))
    def damage(self, which: int, damage: str) -> None:
        paths = sorted(Path(self._folder.name).rglob("*.json"))
        if paths:
            path = paths[which % len(paths)]
            data = path.read_bytes()
            if damage == "delete" and path.name != "lease.json":  # a folder that nobody cleans
                path.unlink()
            elif damage == "flip" and data:
                middle = (which * 7) % len(data)
                path.write_bytes(
                    data[:middle] + bytes([data[middle] ^ 1 << which % 8]) + data[middle + 1 :]
                )
            else:
                path.write_bytes(data[: len(data) // 2] if damage == "cut" else b"")

    @invariant()
    def one_at_most_goes_on(self) -> None:
        going_on = []
        for worker, mine in self._leases.items():
            self._be(worker)
            try:
                mine.check()
            except LostError:
                continue
            going_on.append(mine.number)
        assert len(going_on) <= 1

    @invariant()
    def place_is_free_in_the_end(self) -> None:
        self._be(0)
        watch, now = SilenceTimer(), self._now
        held = newest(self._files, PLACE)
        if held is not None:
            watch.is_free(held, LASTS)
            self._now += LASTS + 1
            assert is_free(self._files, watch)
        self._now = now

    def teardown(self) -> None:
        lease.clock = self._clock
        self._folder.cleanup()


class _FarAway(LocalFiles):
    """What is written may be lost on the way, or its answer, which may be slow to come as well."""

    def __init__(self, root: Path, wait: Callable[[], None]) -> None:
        super().__init__(root)
        self.how = ""
        self._wait = wait

    def write(self, name: str, data: bytes) -> None:
        if self.how != "lost":
            super().write(name, data)
        if self.how == "slow":
            self._wait()
        elif self.how:
            raise UnreachableError("cut off")


OneAtWork.TestCase.settings = settings(
    deadline=None, derandomize=True, max_examples=400, stateful_step_count=25
)
test_one_is_at_work_at_most = pytest.mark.slow(OneAtWork.TestCase)


# --- owners that are gone


def hold(root: Path, lasts: float, is_held: Any) -> None:
    with taken(LocalFiles(root), 1, lasts).kept(lambda: None):
        is_held.set()
        time.sleep(60)


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[BaseProcess]:
    """A process that has taken the first number and keeps it."""
    is_held = fork.Event()
    process = started(hold, tmp_path, 600.0, is_held)
    assert is_held.wait(10)
    yield process
    process.kill()
    process.join()


@pytest.mark.parametrize("is_reaped", [True, False])
def test_killed_owners_place_is_free_at_once(
    files: LocalFiles, holder: BaseProcess, *, is_reaped: bool
) -> None:
    assert not is_free(files, SilenceTimer())
    process = holder.pid
    assert process is not None
    os.kill(process, signal.SIGKILL)
    if is_reaped:
        holder.join()
    else:
        os.waitid(os.P_PID, process, os.WEXITED | os.WNOWAIT)
        assert Path(f"/proc/{process}").exists()
    assert is_free(files, SilenceTimer())
    owner = state(files, PLACE, 1).owner
    assert owner is not None
    assert (owner.is_here(), owner.is_gone()) == (False, True)


def test_number_that_another_process_has_now_is_not_the_owner() -> None:
    with subprocess.Popen(["sleep", "60"]) as sleeper:
        of_old = Owner.here().model_copy(update={"process": sleeper.pid, "started": "1"})
        assert of_old.is_gone()
        sleeper.kill()


def test_name_of_a_process_may_hold_anything(tmp_path: Path) -> None:
    """The kernel's line about a process begins with its name in brackets."""
    program = tmp_path / "a) Z 1 (b"
    program.symlink_to("/bin/sleep")
    with subprocess.Popen([program, "60"]) as sleeper:
        here = Owner.here()
        started_at = Path(f"/proc/{sleeper.pid}/stat").read_text().split()[-31]
        it = Owner(host=here.host, process=sleeper.pid, started=started_at, machine=here.machine)
        assert (it.is_here(), it.is_gone()) == (True, False)
        sleeper.kill()


def test_own_process_is_here() -> None:
    here = Owner.here()
    assert (here.is_here(), here.is_gone()) == (True, False)
    assert Owner.model_validate(here.model_dump()) == here
    assert str(here) == f"process {os.getpid()} on {here.host}"


# --- owners of whom nothing is known but their beats


def test_silent_owner_on_another_machine_is_waited_for(files: LocalFiles, clock: Clock) -> None:
    theirs, watch = taken(files, 1), SilenceTimer()
    elsewhere(files, 1)
    theirs.renew()
    clock.now += 1e6  # nobody was looking
    assert not is_free(files, watch)
    clock.now += LASTS
    assert not is_free(files, watch)
    clock.now += 0.1
    assert is_free(files, watch)
    assert not is_free(files, SilenceTimer()), "who has only just come must wait as well"


def test_owner_that_beats_keeps_its_place(files: LocalFiles, clock: Clock) -> None:
    theirs, watch = taken(files, 1), SilenceTimer()
    elsewhere(files, 1)
    for _ in range(10):
        theirs.renew()
        assert not is_free(files, watch)
        clock.now += LASTS - 1
        assert not is_free(files, watch)
        theirs.check()


@pytest.mark.parametrize("hours", [-1, 1])
def test_what_the_owners_calendar_says_changes_nothing(
    files: LocalFiles, clock: Clock, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    sign = "+" if hours < 0 else "-"
    wrong = f"2026-01-01T00:00:00{sign}01:00"
    monkeypatch.setattr(lease, "utc_now", lambda: wrong)
    theirs, watch = taken(files, 1), SilenceTimer()
    elsewhere(files, 1)
    theirs.renew()
    assert state(files, PLACE, 1).since == state(files, PLACE, 1).beat.at == wrong
    assert not is_free(files, watch)
    clock.now += LASTS - 1
    assert not is_free(files, watch)
    theirs.check()
    clock.now += 2
    assert is_free(files, watch)
    with pytest.raises(LostError):
        theirs.check()


def test_a_lease_lasts_as_long_as_its_owner_said(files: LocalFiles, clock: Clock) -> None:
    taken(files, 1, lasts=5.0)
    watch = SilenceTimer()
    assert not is_free(files, watch)
    clock.now += 5.1
    assert is_free(files, watch)


def test_ended_lease_is_free_at_once_and_says_how(files: LocalFiles, clock: Clock) -> None:
    mine = taken(files, 1)
    mine.note(epoch=3)
    mine.renew()
    clock.now += 12.5
    mine.end("stopped", failure=CAUSE)
    mine.end("done")
    found = state(files, PLACE, 1)
    assert found.ended is not None
    assert (found.ended.how, found.ended.failure) == ("stopped", CAUSE)
    assert (found.ended.epoch, found.seconds) == (3, 12.5)
    assert is_free(files, SilenceTimer())


# --- owners that are cut off, or stand still


class Away(LocalFiles):
    """Out of reach while `is_away`."""

    is_away = False

    def names(self, folder: str) -> list[str]:
        self._reach()
        return super().names(folder)

    def write(self, name: str, data: bytes) -> None:
        self._reach()
        super().write(name, data)

    def _reach(self) -> None:
        if self.is_away:
            raise UnreachableError("away")


@pytest.mark.parametrize(("seconds", "goes_on"), [(LASTS, True), (LASTS + 0.1, False)])
def test_owner_that_cannot_reach_the_store_stops_in_time(
    tmp_path: Path, clock: Clock, seconds: float, *, goes_on: bool
) -> None:
    files = Away(tmp_path)
    mine = taken(files, 1)
    clock.now += 10
    mine.renew()
    files.is_away = True
    clock.now += seconds
    with pytest.raises(UnreachableError):
        mine.renew()
    if goes_on:
        mine.check()
    else:
        message = f"the lease {PLACE}/000001 could not be renewed for 60 s, it lasts 60 s"
        with pytest.raises(LostError, match=f"^{re.escape(message)}$"):
            mine.check()
    files.is_away = False
    mine.renew()
    if goes_on:
        clock.now += LASTS
        mine.check()
    else:
        with pytest.raises(LostError):  # also though nobody has taken the place
            mine.check()


def test_touch_with_the_store_is_counted_from_the_first_sign_of_life_in_time(
    tmp_path: Path, clock: Clock
) -> None:
    """For longer than a lease lasts, before another's silence is held against it."""
    mine = taken(LocalFiles(tmp_path), 1)
    clock.now += LASTS / 4
    mine.renew()
    assert mine.seconds_in_touch == LASTS / 4
    clock.now += LASTS / 2
    assert mine.seconds_in_touch == LASTS * 3 / 4
    clock.now += 1
    assert mine.seconds_in_touch == 0, "it is late"
    mine.renew()
    assert mine.seconds_in_touch == 0, "and begins anew"
    clock.now += 5
    assert mine.seconds_in_touch == 5


def test_thread_goes_on_when_the_store_is_back(tmp_path: Path) -> None:
    files, ticks = Away(tmp_path), 0

    def tick() -> None:
        nonlocal ticks
        ticks += 1

    mine = taken(files, 1, lasts=0.4)
    with mine.kept(tick):
        files.is_away = True
        time.sleep(0.2)
        files.is_away = False
        heard = state(files, PLACE, 1).beat.count
        until = time.monotonic() + 10
        while state(files, PLACE, 1).beat.count < heard + 3 and time.monotonic() < until:
            time.sleep(0.01)
    mine.check()
    assert ticks > 2


def test_what_the_thread_is_asked_may_fail_for_a_time(tmp_path: Path) -> None:
    ticks = 0

    def tick() -> None:
        nonlocal ticks
        ticks += 1
        if ticks < 4:
            raise UnreachableError("orders cannot be read")

    with taken(LocalFiles(tmp_path), 1, lasts=0.4).kept(tick):
        until = time.monotonic() + 10
        while ticks < 6 and time.monotonic() < until:
            time.sleep(0.01)
    assert ticks >= 6


def test_full_disk_is_told_once_and_so_is_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Who only reads would not notice it, and its owner's signs of life are what fails first."""
    files, tries = LocalFiles(tmp_path), [0]
    mine = taken(files, 1, lasts=0.5)
    write = files.write

    def full(name: str, data: bytes) -> None:
        tries[0] += 1
        if 1 < tries[0] < 4:
            raise FullError("the disk is full")
        write(name, data)

    monkeypatch.setattr(files, "write", full)
    with caplog.at_level(logging.WARNING), mine.kept(lambda: None):
        deadline = time.monotonic() + 20
        while tries[0] < 6 and time.monotonic() < deadline:
            time.sleep(0.01)
    assert caplog.messages == [
        "the disk is full; everything that writes there waits",
        f"{files.url} has room again; going on",
    ]


def test_owner_hears_of_its_successor_with_its_next_beat(files: LocalFiles) -> None:
    mine = taken(files, 1)
    mine.renew()
    assert take(files, 2) is not None
    mine.renew()
    with pytest.raises(LostError, match=f"^the lease {PLACE}/000001 is succeeded by 000002$"):
        mine.check()
    assert state(files, PLACE, 1).beat.count == 1


def test_shared_place_has_many_owners(files: LocalFiles) -> None:
    leases = [
        create(files, PLACE, n, lasts=60, about=About(), is_shared=True, direct=files)
        for n in (1, 2, 3)
    ]
    for mine in leases:
        assert mine is not None
        mine.renew()
        mine.check()


def test_place_that_was_deleted_ends_no_thread(files: LocalFiles, clock: Clock) -> None:
    mine = taken(files, 1)
    (files.root / PLACE / "000001" / "lease.json").unlink()
    (files.root / PLACE / "000001").rmdir()
    mine.renew()
    mine.check()


def work_on(root: Path, beats: Any) -> None:
    """Write as long as the lease lets it, then end."""
    files = LocalFiles(root)
    mine = taken(files, 1, lasts=0.6)
    try:
        with mine.kept(lambda: None):
            while True:
                mine.check()
                files.write(f"{mine.folder}/work", b"%d" % time.monotonic_ns())
                beats.set()
                time.sleep(0.01)
    except LostError:
        mine.end("lost")


@pytest.mark.slow
def test_owner_that_stood_still_is_succeeded_and_writes_no_more(
    files: LocalFiles, tmp_path: Path
) -> None:
    beats = fork.Event()
    process = started(work_on, tmp_path, beats)
    assert beats.wait(10)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGSTOP)
    watch, began = SilenceTimer(), time.monotonic()
    while not is_free(files, watch):
        time.sleep(0.01)
    assert time.monotonic() - began >= 0.6
    successor = taken(files, 2)
    files.write(f"{successor.folder}/work", b"the successor's")
    successor.renew()
    before = contents(tmp_path)
    os.kill(process.pid, signal.SIGCONT)
    process.join(10)
    after = contents(tmp_path)
    # what was on its way to the disk when it was stopped may still arrive, in its own folder
    own = {name for name in after if name.startswith(f"{PLACE}/000001/")}
    assert {n: d for n, d in after.items() if n not in own} == {
        n: d for n, d in before.items() if n not in own
    }
    assert own - before.keys() <= {f"{PLACE}/000001/ended.json"}
    ended = state(files, PLACE, 1).ended
    assert ended is not None
    assert ended.how == "lost"
    successor.renew()
    successor.check()


# --- records that are damaged

DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "cut": lambda data: data[: len(data) // 2],
    "first": lambda data: bytes([data[0] ^ 1]) + data[1:],
    "seal": lambda data: data[:20] + bytes([data[20] ^ 2]) + data[21:],
    "middle": lambda data: data[: len(data) // 2] + b"\xff" + data[len(data) // 2 + 1 :],
    "tail": lambda data: data[:-10] + bytes([data[-10] ^ 4]) + data[-9:],
    "zeros": lambda data: bytes(len(data)),
}


@pytest.mark.parametrize("name", ["lease.json", "beat.json"])
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_damaged_record_of_one_at_work_neither_frees_nor_locks_its_place(
    files: LocalFiles, clock: Clock, damage: Callable[[bytes], bytes], name: str
) -> None:
    mine, watch = taken(files, 1), SilenceTimer()
    mine.renew()
    assert not is_free(files, watch)
    files.write(f"{mine.folder}/{name}", damage(files.read(f"{mine.folder}/{name}") or b""))
    assert not is_free(files, watch)
    assert take(files, 1) is None, "the number was taken, whoever had it"
    clock.now += LASTS - 1
    mine.renew()
    mine.check()
    assert not is_free(files, watch)
    clock.now += LASTS + 1
    assert is_free(files, watch)
    assert take(files, 2) is not None


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_damaged_end_is_as_silence(
    files: LocalFiles, clock: Clock, damage: Callable[[bytes], bytes]
) -> None:
    mine, watch = taken(files, 1), SilenceTimer()
    mine.end("done")
    name = f"{mine.folder}/ended.json"
    files.write(name, damage(files.read(name) or b""))
    assert not is_free(files, watch)
    clock.now += LASTS + 1
    assert is_free(files, watch)


def test_who_died_as_it_took_a_number_is_waited_for(files: LocalFiles, clock: Clock) -> None:
    folder = files.root / PLACE / "000001"
    folder.mkdir(parents=True)
    (folder / ".writing-0123456789abcdef").write_bytes(b"{")
    watch = SilenceTimer()
    assert not is_free(files, watch)
    clock.now += LASTS + 1
    assert is_free(files, watch)
    assert take(files, 2) is not None


def test_clock_is_the_best_that_the_system_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """Linux counts the machine's sleep in a clock of its own; macOS in the common one; Windows has
    one alone."""
    for missing in ("CLOCK_BOOTTIME", "clock_gettime", "CLOCK_MONOTONIC"):
        monkeypatch.delattr(time, missing, raising=False)
        first = lease.clock()
        assert lease.clock() >= first
