"""Back ends by their protocol: a workload that grows, trials that wait for others, and a time of
its own."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping

import pytest

from orchestrator.execution.backend import BackEnd, Workload
from orchestrator.execution.in_process import InProcess
from orchestrator.execution.queue import SECONDS_BETWEEN_LOOKS, Queue
from orchestrator.execution.tuning import RayTune
from orchestrator.plan.planned_trial import PlannedTrial
from orchestrator.store import Store
from orchestrator.worker.trial import Ending
from tests.orchestrator.execution.workloads import Recorder, workload
from tests.orchestrator.working import MakeTrial, mission, on_digits, planned, run, small_suite
from trainer.evaluation.suite import Suite


@pytest.fixture(scope="module")
def suite() -> Suite:
    return small_suite(examples=8)


@pytest.fixture(scope="module")
def trials(small_trial: MakeTrial) -> list[PlannedTrial]:
    """Three, of one epoch."""
    made = (on_digits(small_trial, seed=seed, training={"epochs": 1}) for seed in range(3))
    return [planned(trial) for trial in made]


class Replay:
    """Trials that take the seconds that were recorded of them, under a clock that leaps from one
    event to the next; their results are put into the store as they end."""

    def __init__(
        self, seconds: Mapping[str, float], finish: Callable[[PlannedTrial], None], *, slots: int
    ) -> None:
        self._seconds = seconds
        self._finish = finish
        self._slots = slots
        self._now = 0.0
        self._running: list[tuple[float, str, PlannedTrial]] = []
        self.ended_at: dict[str, float] = {}

    def clock(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        self._now += seconds

    def run(self, workload: Workload) -> None:
        queue = Queue.of(workload, self.clock)
        while self._running or not (queue.is_over() or workload.is_stopped()):
            while len(self._running) < self._slots and (found := queue.next()) is not None:
                trial = found[0]
                workload.listener.started(trial.id)
                until = self._now + self._seconds[trial.id]
                heapq.heappush(self._running, (until, trial.id, trial))
            if not self._running:
                self.sleep(SECONDS_BETWEEN_LOOKS)
                continue
            until, trial_id, trial = heapq.heappop(self._running)
            self.sleep(until - self._now)
            self._finish(trial)
            self.ended_at[trial_id] = self._now
            assert queue.ended(trial_id, Ending.DONE)
            workload.listener.ended(trial_id)


def test_all_are_back_ends() -> None:
    """As mypy sees it too, whichever of them the driver is given."""
    ends: list[BackEnd] = [RayTune(), InProcess(), Replay({}, lambda trial: None, slots=1)]
    for end in ends:
        before = end.clock()
        end.sleep(0.01)
        assert end.clock() >= before + 0.01


def test_workload_grows_in_process(trials: list[PlannedTrial], suite: Suite, store: Store) -> None:
    first, second, third = trials
    heard = Recorder()
    ended_when_asked = []

    def more() -> list[PlannedTrial]:
        """One after another, each in the light of those before."""
        ended_when_asked.append(len(heard.of("ended")))
        return [[second], [third], []][len(heard.of("ended")) - 1]

    InProcess().run(workload([first], suite=suite, store=store, listener=heard, more=more))
    assert heard.of("ended") == [first.id, second.id, third.id]
    assert ended_when_asked == [1, 2, 3]
    for each in trials:
        assert store.trial(each.id).progress(suite.id).evaluation is not None


def test_time_may_leap(trials: list[PlannedTrial], suite: Suite, store: Store) -> None:
    """Hours of trials, two at once, of which one waits for another and one is proposed later."""
    hour = 3600.0
    first, second, third = trials
    child = PlannedTrial(**{**vars(second), "parents": (first.id,)})
    seconds = {first.id: hour, second.id: 2 * hour, third.id: 4 * hour}

    def finish(trial: PlannedTrial) -> None:
        assert run(trial.trial, suite, store, mission())[0] is Ending.DONE

    heard = Recorder()
    end = Replay(seconds, finish, slots=2)
    proposals = [third]

    def more() -> list[PlannedTrial]:
        return [proposals.pop()] if proposals else []

    end.run(workload([child, first], suite=suite, store=store, listener=heard, more=more))
    assert heard.of("started") == [first.id, third.id, child.id]
    assert end.ended_at == {first.id: hour, child.id: 3 * hour, third.id: 4 * hour}
