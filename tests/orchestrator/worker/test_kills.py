"""Kills at any moment: what was done stays done, and the rest comes out as if nothing had been."""

from __future__ import annotations

import os
import random
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, Literal

import pytest

from orchestrator.execution.backend import RealTime
from orchestrator.execution.queue import Queue
from orchestrator.spec.policy import Policy
from orchestrator.store import LocalFiles, Store
from orchestrator.store.files.contract import Files
from orchestrator.store.leases import lease, owner
from orchestrator.store.records.sealed import read_blob
from orchestrator.store.sweeps import starts
from orchestrator.store.sweeps.starts import all_starts, begun
from orchestrator.worker.trial import Ending, carry_out
from tests.orchestrator.plain import read_plain
from tests.orchestrator.working import (
    CPU,
    IN_MEMORY,
    MakeTrial,
    mission,
    on_digits,
    planned,
    result_of,
    small_suite,
    started,
)
from trainer.config import Trial
from trainer.evaluation.suite import Suite

pytestmark = pytest.mark.slow

SCENARIOS = 200
LEASE = 5.0
Mode = Literal["before", "after", "midway"]


@pytest.fixture(scope="module")
def suite() -> Suite:
    return small_suite(examples=16)


@pytest.fixture(scope="module")
def trials(small_trial: MakeTrial) -> dict[str, Trial]:
    """Three by id: one that leaves its last checkpoint, one that does not, one with a memory."""
    small = partial(
        on_digits,
        small_trial,
        data={"train_examples": 64},
        validation={"examples": 8, "attacks": {"flow": None, "rt": None}},
    )
    falling = {"schedule": [[0, 1], [0.5, 0.1]]}
    made = [
        small(training={"epochs": 2}),
        small(training={"epochs": 2, "optimiser": falling}, seed=1),
        small("pareto", training={"epochs": 3, "attacks": {"flow": {"num_steps": 1}}}),
    ]
    return {trial.id: trial for trial in made}


class Clock:
    """Stands still unless somebody sleeps."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture(scope="module")
def undisturbed(trials: dict[str, Trial], suite: Suite) -> tuple[int, dict[str, Any]]:
    """File operations of a run without a kill, and the results by trial."""
    with tempfile.TemporaryDirectory(dir=IN_MEMORY) as folder:
        files = MortalFiles(Path(folder), dies_at=None, mode="before")
        drive(trials, suite, files, time.sleep)
        return files.operations, results(trials, suite, LocalFiles(Path(folder)))


def drive(
    trials: dict[str, Trial], suite: Suite, files: Files, sleep: Callable[[float], None]
) -> None:
    """What a start of a sweep does, in one process and without a cluster."""
    store = Store(files)
    its_mission = mission(Policy(lease=LEASE))
    with begun(files, files, "front", joins=False, lasts=LEASE, on_tick=lambda lease: None):
        waiting = Queue(
            map(planned, trials.values()),
            store,
            suite_id=suite.id,
            validation_id=None,
            lease=LEASE,
            retries=2,
            clock=RealTime().clock,
            rules={},
        )
        while not waiting.is_over():
            found = waiting.next()
            if found is None:  # a process died as it began an attempt, and did not say its name
                sleep(0.5)
                continue
            trial, number = found[0].trial, found[1]
            ending = carry_out(
                trial,
                suite,
                store,
                its_mission,
                number=number,
                device=CPU,
                report=lambda row: None,
            )
            assert ending is Ending.DONE
            assert waiting.ended(trial.id, ending)


def results(trials: dict[str, Trial], suite: Suite, files: Files) -> dict[str, Any]:
    store = Store(files)
    return {trial_id: result_of(trial, suite, store) for trial_id, trial in trials.items()}


def assert_nothing_half_written(files: Files) -> None:
    """Whatever has its name is whole."""
    for name in files.sizes(""):
        assert not name.endswith(".damaged")
        if name.endswith(".json"):
            assert read_plain(files, name) is not None, name
        elif name.endswith((".pt", ".npz")):
            assert read_blob(files, name) is not None, name


def assert_trained_once(trials: dict[str, Trial], files: Files) -> None:
    """The attempt that the result names trained it, and no later one took it up again."""
    for trial_id in trials:
        result = read_plain(files, f"trials/{trial_id}/result.json")
        assert result is not None
        folder = f"trials/{trial_id}/attempts"
        of_attempts = files.sizes(folder)
        with_weights = {int(name.split("/")[3]) for name in of_attempts if "weights.pt" in name}
        assert result["attempt"] in with_weights
        for number in map(int, files.names(folder)):
            ended = read_plain(files, f"{folder}/{number:06d}/ended.json")
            if number > result["attempt"]:
                assert number not in with_weights
                assert not files.names(f"{folder}/{number:06d}/rows")
            elif ended is not None and ended["how"] == "done":
                assert number == result["attempt"]


# --- killed at an operation on a file


class KilledError(BaseException):
    """The process is no more."""


class MortalFiles(LocalFiles):
    """Files of a process that is killed at one of its operations, and does nothing after it."""

    def __init__(self, root: Path, *, dies_at: int | None, mode: Mode) -> None:
        """`midway`: a file is written beside its place, in part, and does not get there."""
        super().__init__(root)
        self.operations = 0
        self._dies_at = dies_at
        self._mode = mode

    def read(self, name: str) -> bytes | None:
        with self._operation():
            return super().read(name)

    def write(self, name: str, data: bytes) -> None:
        with self._operation(name, data):
            super().write(name, data)

    def create(self, name: str, data: bytes) -> bool:
        with self._operation(name, data):
            return super().create(name, data)

    def names(self, folder: str) -> list[str]:
        with self._operation():
            return super().names(folder)

    def sizes(self, folder: str) -> dict[str, int]:
        with self._operation():
            return super().sizes(folder)

    def remove(self, name: str) -> None:
        with self._operation():
            super().remove(name)

    def rename(self, name: str, other: str) -> None:
        with self._operation():
            super().rename(name, other)

    @contextmanager
    def _operation(self, name: str = "", data: bytes = b"") -> Iterator[None]:
        self.operations += 1
        if self._dies_at is not None and self.operations >= self._dies_at:
            if self.operations > self._dies_at or self._mode != "after":
                if self._mode == "midway" and name and self.operations == self._dies_at:
                    self._leave_a_part(name, data)
                raise KilledError
            yield
            raise KilledError
        yield

    def _leave_a_part(self, name: str, data: bytes) -> None:
        folder = (self.root / name).parent
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f".writing-{self.operations:016x}").write_bytes(data[: len(data) // 2])


@pytest.fixture
def sleep(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Time passes in sleep alone, so that operations on files come in the same order each time."""
    clock = Clock()
    monkeypatch.setattr(lease, "clock", clock)
    monkeypatch.setattr(starts, "time", clock)
    return clock.sleep


@pytest.fixture
def next_process(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From here on this is another process, which has the same number: the one before is gone."""
    numbers = count()

    def begin() -> None:
        started_at = f"start {next(numbers)}"
        monkeypatch.setattr(owner, "_started", lambda process: started_at)

    return begin


def kills_of(scenario: int, operations: int) -> list[tuple[int, Mode]]:
    """When to kill each of one or several processes in a row: at operation k, in which way."""
    generator = random.Random(scenario)
    modes: Sequence[Mode] = ("before", "after", "midway")
    several = generator.choice([1, 1, 1, 2, 3, 6])
    return [
        (generator.randint(1, operations // (1 if n == 0 else 2)), generator.choice(modes))
        for n in range(several)
    ]


@pytest.mark.parametrize("first", range(0, SCENARIOS, 20))
def test_sweep_killed_at_any_operation_ends_as_one_that_was_not(
    trials: dict[str, Trial],
    suite: Suite,
    undisturbed: tuple[int, dict[str, Any]],
    next_process: Callable[[], None],
    sleep: Callable[[float], None],
    *,
    first: int,
) -> None:
    operations, expected = undisturbed
    for scenario in range(first, first + 20):
        kills = kills_of(scenario, operations)
        with tempfile.TemporaryDirectory(dir=IN_MEMORY) as folder:
            root = Path(folder)
            for dies_at, mode in kills:
                next_process()
                with suppress(KilledError):
                    drive(trials, suite, MortalFiles(root, dies_at=dies_at, mode=mode), sleep)
                assert_nothing_half_written(LocalFiles(root))
            next_process()
            files = LocalFiles(root)
            drive(trials, suite, files, sleep)
            assert results(trials, suite, files) == expected, f"scenario {scenario}: {kills}"
            assert_nothing_half_written(files)
            assert_trained_once(trials, files)
            assert all(start.is_over for start in all_starts(files, "front"))


def test_the_scenarios_differ(undisturbed: tuple[int, dict[str, Any]]) -> None:
    operations, _ = undisturbed
    kills = [tuple(kills_of(scenario, operations)) for scenario in range(SCENARIOS)]
    assert {len(each) for each in kills} == {1, 2, 3, 6}
    moments = {each[0][0] for each in kills}
    assert len(moments) > 2 * operations // 3, "most operations are among them"


# --- killed by the kernel


def test_process_killed_ten_times_ends_as_one_that_was_not(
    trials: dict[str, Trial],
    suite: Suite,
    undisturbed: tuple[int, dict[str, Any]],
    tmp_path: Path,
) -> None:
    generator = random.Random(0)
    files = LocalFiles(tmp_path / "runs")
    began = time.monotonic()
    whole = started(drive, trials, suite, LocalFiles(tmp_path / "whole"), time.sleep)
    whole.join()
    seconds = time.monotonic() - began
    assert whole.exitcode == 0
    killed = 0
    for _ in range(10):
        process = started(drive, trials, suite, files, time.sleep)
        process.join(generator.uniform(0.02, 0.2 * seconds))
        if process.exitcode is None:
            assert process.pid is not None
            os.kill(process.pid, signal.SIGKILL)
        process.join()
        assert process.exitcode in {0, -signal.SIGKILL}
        killed += process.exitcode != 0
        assert_nothing_half_written(files)
    assert killed >= 5, "or it was done before"
    last = started(drive, trials, suite, files, time.sleep)
    last.join()
    assert last.exitcode == 0
    assert results(trials, suite, files) == undisturbed[1]
    assert_trained_once(trials, files)
