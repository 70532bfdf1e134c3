"""What a trial at work is asked, how far it may go, and what it leaves when it is stopped."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch

from orchestrator.search.stopping import Pruning
from orchestrator.spec.policy import Policy
from orchestrator.store import Attempt, Store, StoredTrial
from orchestrator.store.leases import lease
from orchestrator.store.leases.lease import LostError
from orchestrator.store.leases.records import About
from orchestrator.store.sweeps.orders import Orders
from orchestrator.worker import supervision as module
from orchestrator.worker.supervision import (
    PrunedError,
    StoppedError,
    Supervision,
    TimeLimitError,
)
from tests.orchestrator.working import MakeTrial
from trainer.config import Trial
from trainer.training.loop import EpochRow
from trainer.weights.checkpoint import Checkpoint

LASTS = 1e6


class Clock:
    """Stands still unless it is moved."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(lease, "clock", clock)
    monkeypatch.setattr(module, "clock", clock)
    monkeypatch.setattr(module, "SECONDS_BETWEEN_LOOKS", 0.01)
    return clock


@pytest.fixture(scope="module")
def trial(small_trial: MakeTrial) -> Trial:
    return small_trial()


@pytest.fixture
def stored(store: Store, trial: Trial) -> StoredTrial:
    return store.trial(trial.id)


@pytest.fixture
def attempt(stored: StoredTrial, trial: Trial, clock: Clock) -> Attempt:
    clock.now += 1  # from here on
    found = stored.begin(trial, 1, lasts=LASTS, about=About())
    assert found is not None
    return found


class Supervised:
    """A trial of five epochs of ten steps; it asks for orders when the test says so."""

    def __init__(self, attempt: Attempt, folder: Path, *, spent: float, policy: Any) -> None:
        self.orders = Orders()
        self.rows: list[EpochRow] = []
        self.ended_process = 0
        self.pruning = Pruning(rule="own", settings={}, reason="enough", numbers={})
        self.prunes_after: int | None = None
        self._folder = folder
        self.position = [0, 0]
        self.supervision = Supervision(
            attempt,
            Policy.model_validate(policy),
            epochs=5,
            read_orders=lambda: self.orders,
            spent=spent,
            decide=lambda rows: self.pruning if len(rows) == self.prunes_after else None,
            report=self.rows.append,
            end_process=self._end_process,
        )

    def _end_process(self) -> None:
        self.ended_process += 1

    def asked(self, **orders: Any) -> None:
        self.orders = Orders(**orders)
        self.supervision.tick()

    def step(self, count: int = 1) -> None:
        for _ in range(count):
            self.position[1] += 1
            if self.position[1] == 10:
                self.position = [self.position[0] + 1, 0]
                self.supervision.epoch_done({"epoch": self.position[0]}, self._checkpoint)
            else:
                self.supervision.step_done(self._checkpoint)

    def _checkpoint(self) -> Checkpoint:
        epochs, steps = self.position
        model = {"weight": torch.tensor([float(epochs)])}
        return Checkpoint(
            epochs_done=epochs, steps_done=steps, model=model, optimiser={}, weighting={}, epoch={}
        )

    @property
    def checkpoints(self) -> list[str]:
        """The positions of those that are kept."""
        found = sorted(self._folder.rglob("checkpoints/*.pt"))
        return [f"{int(path.stem[:6])}-{int(path.stem[7:])}" for path in found]


@pytest.fixture
def supervised(attempt: Attempt, clock: Clock, tmp_path: Path) -> Callable[..., Supervised]:
    def make(*, spent: float = 0.0, **policy: Any) -> Supervised:
        return Supervised(attempt, tmp_path, spent=spent, policy=policy)

    return make


# --- checkpoints


def test_checkpoints_come_at_the_end_of_epochs(supervised: Callable[..., Supervised]) -> None:
    it = supervised()
    it.step(9)
    assert it.checkpoints == []
    it.step()
    assert it.checkpoints == ["1-0"]
    it.step(20)
    assert it.checkpoints == ["2-0", "3-0"]


def test_checkpoints_may_be_rarer_but_for_the_last(supervised: Callable[..., Supervised]) -> None:
    it = supervised(checkpoints={"epochs": 3})
    it.step(29)
    assert it.checkpoints == []
    it.step()
    assert it.checkpoints == ["3-0"]
    it.step(20)
    assert it.checkpoints == ["3-0", "5-0"]


def test_checkpoint_comes_in_time_within_an_epoch(
    supervised: Callable[..., Supervised], clock: Clock
) -> None:
    it = supervised(checkpoints={"minutes": 2})
    it.step()
    clock.now += 120
    it.step()
    assert it.checkpoints == []
    clock.now += 1
    it.step()
    assert it.checkpoints == ["0-3"]
    clock.now += 119
    it.step()
    assert it.checkpoints == ["0-3"]
    clock.now += 2
    it.step()
    assert it.checkpoints == ["0-3", "0-5"]


def test_checkpoint_that_is_asked_for_is_written_once(
    supervised: Callable[..., Supervised],
) -> None:
    it = supervised()
    it.step(2)
    it.asked(checkpoints=1)
    assert it.checkpoints == [], "the tensors are the trial's own thread's"
    it.step(3)
    assert it.checkpoints == ["0-3"]
    it.asked(checkpoints=2)
    it.step(2)
    assert it.checkpoints == ["0-3", "0-6"]


def test_row_is_kept_before_it_is_told(
    supervised: Callable[..., Supervised], stored: StoredTrial
) -> None:
    it = supervised()
    seen = []

    def look(row: EpochRow) -> None:
        seen.append((row["epoch"], len(stored.rows()), it.checkpoints))

    it.supervision._report = look
    it.step(20)
    assert seen == [(1, 1, ["1-0"]), (2, 2, ["1-0", "2-0"])]


# --- stop


def test_stop_comes_at_the_next_step_with_a_checkpoint(
    supervised: Callable[..., Supervised],
) -> None:
    it = supervised()
    it.step(13)
    it.asked(stop=True)
    with pytest.raises(StoppedError):
        it.step()
    assert it.checkpoints == ["1-0", "1-4"]


def test_stop_at_the_end_of_an_epoch_takes_that_epochs_checkpoint(
    supervised: Callable[..., Supervised],
) -> None:
    it = supervised()
    it.step(9)
    it.asked(stop=True)
    with pytest.raises(StoppedError):
        it.step()
    assert it.checkpoints == ["1-0"]
    assert [row["epoch"] for row in it.rows] == [1]


def test_a_rule_ends_the_trial_with_the_checkpoint_of_its_epoch(
    supervised: Callable[..., Supervised],
) -> None:
    it = supervised(checkpoints={"epochs": 3})
    it.prunes_after = 2
    it.step(19)
    assert it.checkpoints == []
    with pytest.raises(PrunedError) as raised:
        it.step()
    assert raised.value.pruning is it.pruning
    assert it.checkpoints == ["2-0"]
    assert [row["epoch"] for row in it.rows] == [1, 2]


def test_evaluation_stops_with_nothing_to_keep(supervised: Callable[..., Supervised]) -> None:
    it = supervised()
    it.supervision.evaluated(10, 60)
    it.asked(stop=True)
    with pytest.raises(StoppedError):
        it.supervision.evaluated(20, 60)
    assert it.checkpoints == []


# --- pause


@pytest.fixture
def aside() -> Iterator[Callable[..., Future[Any]]]:
    """Do it in a thread."""
    with ThreadPoolExecutor(1) as threads:
        yield threads.submit


def wait_for(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.005)


def test_paused_trial_rests_and_goes_on(
    supervised: Callable[..., Supervised],
    aside: Callable[..., Future[Any]],
    clock: Clock,
    attempt: Attempt,
    stored: StoredTrial,
) -> None:
    it = supervised(limits={"hours": 1, "silent_minutes": 1}, checkpoints={"minutes": 1e6})
    it.step(3)
    it.asked(paused=True)
    step = aside(it.step)
    wait_for(lambda: it.checkpoints == ["0-4"])
    for _ in range(4):
        clock.now += 3600
        it.asked(paused=True)
        time.sleep(0.02)
    assert not step.done()
    it.asked()
    step.result(10)
    it.step()
    assert it.checkpoints == ["0-4"]
    assert it.ended_process == 0
    clock.now += 3601
    with pytest.raises(TimeLimitError):
        it.step()
    attempt.end("failed")
    (state,) = stored.past_attempts()
    assert state.ended is not None
    assert 3 * 3600 <= state.ended.rested <= 4 * 3600  # it may not have begun at once


@pytest.mark.parametrize("stays_paused", [True, False])
def test_paused_trial_can_be_stopped(
    supervised: Callable[..., Supervised],
    aside: Callable[..., Future[Any]],
    *,
    stays_paused: bool,
) -> None:
    it = supervised()
    it.asked(paused=True)
    step = aside(it.step)
    wait_for(lambda: it.checkpoints == ["0-1"])
    it.asked(paused=stays_paused, stop=True)
    with pytest.raises(StoppedError):
        step.result(10)
    assert it.checkpoints == ["0-1"]


def test_paused_trial_that_is_lost_rests_no_longer(
    supervised: Callable[..., Supervised], aside: Callable[..., Future[Any]], clock: Clock
) -> None:
    it = supervised()
    it.asked(paused=True)
    step = aside(it.step)
    wait_for(lambda: it.checkpoints == ["0-1"])
    clock.now += LASTS + 1
    with pytest.raises(LostError):
        step.result(10)


def test_pause_holds_between_two_batches_of_an_evaluation(
    supervised: Callable[..., Supervised], aside: Callable[..., Future[Any]]
) -> None:
    it = supervised()
    it.asked(paused=True)
    batch = aside(it.supervision.evaluated, 1, 2)
    time.sleep(0.05)
    assert not batch.done()
    it.asked()
    batch.result(10)


# --- limits


def test_trial_that_takes_no_step_hangs(
    supervised: Callable[..., Supervised], clock: Clock, stored: StoredTrial
) -> None:
    it = supervised(limits={"silent_minutes": 2})
    it.step()
    clock.now += 120
    it.asked()
    assert it.ended_process == 0
    it.step()
    clock.now += 121
    it.asked()
    assert it.ended_process == 1
    failure = stored.progress("").failure
    assert failure is not None
    assert failure.kind == "hung"
    assert failure.message == "no step for 121 s (limits.silent_minutes is 2)"
    assert failure.is_retried


def test_hanging_process_ends_also_where_that_cannot_be_recorded(
    clock: Clock, store: Store, trial: Trial, attempt: Attempt, tmp_path: Path
) -> None:
    it = Supervised(attempt, tmp_path, spent=0.0, policy={"limits": {"silent_minutes": 2}})
    attempt.end("lost")
    clock.now += 121
    it.asked()
    assert it.ended_process == 1


def test_hours_are_those_of_all_attempts(
    supervised: Callable[..., Supervised], clock: Clock
) -> None:
    it = supervised(spent=3000.0, limits={"hours": 1})
    clock.now += 600
    it.step()
    clock.now += 1
    with pytest.raises(TimeLimitError, match=r"^must end within 1 h \(limits.hours\)$"):
        it.step()


def test_trial_that_lost_its_lease_writes_nothing(
    supervised: Callable[..., Supervised], clock: Clock
) -> None:
    it = supervised()
    it.asked(stop=True)
    clock.now += LASTS + 1
    with pytest.raises(LostError):
        it.step()
    assert it.checkpoints == []
