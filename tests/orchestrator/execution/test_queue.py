"""The queue of one start: order, others at work, endings, retries."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from orchestrator.execution import queue as queue_module
from orchestrator.execution.backend import RealTime, no_more
from orchestrator.execution.queue import Queue
from orchestrator.plan.planned_trial import PlannedTrial
from orchestrator.store import (
    Attempt,
    Failure,
    FailureKind,
    LocalFiles,
    Progress,
    Store,
    StoredTrial,
)
from orchestrator.store.leases import lease
from orchestrator.store.leases.records import About, Pruned
from orchestrator.store.records.layout import TrialFolder
from orchestrator.store.trials.result import give_up_weights
from orchestrator.worker.trial import Ending
from tests.orchestrator.plain import read_plain, write_plain
from tests.orchestrator.working import (
    MakeTrial,
    fork,
    on_digits,
    planned,
    run,
    small_suite,
    started,
)
from trainer.config import Trial
from trainer.evaluation.suite import Suite

LEASE = 60.0


class Clock:
    """Stands still unless it is moved."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(lease, "clock", clock)
    return clock


@pytest.fixture(scope="module")
def suite() -> Suite:
    return small_suite(examples=8)


@pytest.fixture(scope="module")
def trials(small_trial: MakeTrial) -> dict[str, Trial]:
    """Three, by id."""
    made = (on_digits(small_trial, seed=seed, training={"epochs": 1}) for seed in range(3))
    return {trial.id: trial for trial in made}


@pytest.fixture
def a(trials: dict[str, Trial]) -> str:
    return next(iter(trials))


@pytest.fixture
def b(trials: dict[str, Trial]) -> str:
    return list(trials)[1]


@pytest.fixture
def make(trials: dict[str, Trial], store: Store, suite: Suite) -> Callable[..., Queue]:
    def queue(
        *ids: str,
        retries: int = 2,
        parents: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
        more: Callable[[], Sequence[PlannedTrial]] = no_more,
    ) -> Queue:
        return Queue(
            [planned(trials[each], parents=parents.get(each, ())) for each in ids or trials],
            store,
            suite_id=suite.id,
            validation_id=None,
            lease=LEASE,
            retries=retries,
            clock=RealTime().clock,
            rules={},
            more=more,
        )

    return queue


@pytest.fixture
def begin(trials: dict[str, Trial], store: Store) -> Callable[..., Attempt]:
    """Begin an attempt in this process; `elsewhere`, as if it were one of another machine."""

    def attempt(trial_id: str, number: int, *, elsewhere: bool = False) -> Attempt:
        found = store.trial(trial_id).begin(trials[trial_id], number, lasts=LEASE, about=About())
        assert found is not None
        if elsewhere:
            name = f"{found.folder}/lease.json"
            record: Any = read_plain(store.files, name)
            record["owner"]["machine"] = "another"
            write_plain(store.files, name, record)
        return found

    return attempt


def drained(queue: Queue) -> list[tuple[str, int]]:
    handed_out = []
    while (found := handed_out_by(queue)) is not None:
        handed_out.append(found)
    return handed_out


def handed_out_by(queue: Queue) -> tuple[str, int] | None:
    found = queue.next()
    return None if found is None else (found[0].id, found[1])


def died(kind: FailureKind = "worker_lost") -> Failure:
    return Failure(kind=kind, message="ActorDiedError", details="its socket", at="")


def test_trials_come_in_the_plans_order(
    make: Callable[..., Queue], trials: dict[str, Trial]
) -> None:
    queue = make()
    assert queue.is_ready()
    assert drained(queue) == [(trial_id, 1) for trial_id in trials]
    assert queue.out == set(trials)
    assert queue.is_over()
    assert not queue.is_ready()
    assert queue.next() is None


def test_asking_whether_anything_is_ready_changes_nothing(
    make: Callable[..., Queue], trials: dict[str, Trial]
) -> None:
    queue = make()
    assert [queue.is_ready() for _ in range(3)] == [True] * 3
    assert queue.out == set()
    assert drained(queue) == [(trial_id, 1) for trial_id in trials]


def test_trial_at_work_elsewhere_is_passed_over_and_looked_at_again(
    make: Callable[..., Queue], begin: Callable[..., Attempt], clock: Clock, a: str, b: str
) -> None:
    theirs = begin(a, 1)
    queue = make(a, b)
    assert drained(queue) == [(b, 1)]
    assert not queue.is_over()
    theirs.end("stopped")
    assert queue.next() is None, "it has just been looked at"
    clock.now += queue_module.SECONDS_BETWEEN_LOOKS
    assert handed_out_by(queue) == (a, 2)


def test_expired_lease_of_another_is_taken_over(
    make: Callable[..., Queue], begin: Callable[..., Attempt], clock: Clock, a: str
) -> None:
    begin(a, 1, elsewhere=True)
    queue = make(a)
    for _ in range(int(LEASE // 5)):
        assert queue.next() is None
        clock.now += 5
    assert queue.next() is None
    clock.now += 5
    assert handed_out_by(queue) == (a, 2)


def test_dead_process_of_this_machine_is_succeeded_at_once(
    make: Callable[..., Queue], begin: Callable[..., Attempt], a: str
) -> None:
    process = started(begin, a, 1)
    process.join()
    assert handed_out_by(make(a)) == (a, 2)


def test_trial_done_elsewhere_is_dropped(
    make: Callable[..., Queue], trials: dict[str, Trial], suite: Suite, store: Store, a: str
) -> None:
    queue = make()
    assert run(trials[a], suite, store)[0] is Ending.DONE
    assert drained(queue) == [(trial_id, 1) for trial_id in trials if trial_id != a]
    assert queue.is_over()


def test_trial_done_elsewhere_just_as_it_is_looked_at_is_not_begun_again(
    trials: dict[str, Trial], suite: Suite, tmp_path: Path, a: str
) -> None:
    behind = LocalFiles(tmp_path / "runs")

    class Meanwhile(LocalFiles):
        """Another start does the trial between two looks at it."""

        def sizes(self, folder: str) -> dict[str, int]:
            found = super().sizes(folder)
            if is_looking:
                is_looking.pop()
                assert run(trials[a], suite, Store(behind))[0] is Ending.DONE
            return found

    is_looking: list[bool] = []
    store = Store(Meanwhile(behind.root))
    queue = Queue(
        [planned(trials[a])],
        store,
        suite_id=suite.id,
        validation_id=None,
        lease=LEASE,
        retries=0,
        clock=RealTime().clock,
        rules={},
    )
    is_looking.append(True)
    found = queue.next()
    assert found is None or not store.trial(a).begin(
        trials[a], found[1], lasts=LEASE, about=About()
    )


def test_trial_failed_elsewhere_is_dropped(
    make: Callable[..., Queue], begin: Callable[..., Attempt], a: str, b: str
) -> None:
    queue = make(a, b)
    begin(a, 1).fail("diverged", "NaN", "")
    assert drained(queue) == [(b, 1)]


def test_failure_from_before_this_start_is_tried_again(
    make: Callable[..., Queue], begin: Callable[..., Attempt], a: str
) -> None:
    """The plan has left out those that are not to be."""
    begin(a, 1).fail("diverged", "NaN", "")
    assert handed_out_by(make(a)) == (a, 2)


def test_failure_of_whoever_was_faster_is_not_ours_to_retry(
    make: Callable[..., Queue], begin: Callable[..., Attempt], clock: Clock, a: str, b: str
) -> None:
    queue = make(a, b)
    assert handed_out_by(queue) == (a, 1)
    theirs = begin(a, 1)
    assert not queue.ended(a, Ending.BUSY)
    theirs.fail("diverged", "NaN", "")
    clock.now += queue_module.SECONDS_BETWEEN_LOOKS
    assert queue.is_ready()
    begin(b, 1).fail("exception", "KeyError", "")
    assert drained(queue) == []
    assert queue.is_over()


@pytest.mark.parametrize("kind", ["out_of_memory", "hung", "worker_lost"])
def test_trial_is_retried_so_often(
    make: Callable[..., Queue], begin: Callable[..., Attempt], a: str, kind: FailureKind
) -> None:
    queue = make(a, retries=2)
    ends = []
    for number in (1, 2, 3):
        assert handed_out_by(queue) == (a, number)
        begin(a, number).fail(kind, "failed", "")
        ends.append(queue.ended(a, Ending.FAILED))
    assert ends == [False, False, True]
    assert queue.is_over()
    assert not queue.out


@pytest.mark.parametrize("kind", ["diverged", "exception", "time_limit", "data"])
def test_what_would_fail_again_is_not_retried(
    make: Callable[..., Queue], begin: Callable[..., Attempt], a: str, kind: FailureKind
) -> None:
    queue = make(a)
    assert handed_out_by(queue) == (a, 1)
    begin(a, 1).fail(kind, "failed", "")
    assert queue.ended(a, Ending.FAILED)
    assert queue.is_over()


def test_each_start_has_retries_of_its_own(
    make: Callable[..., Queue], begin: Callable[..., Attempt], a: str
) -> None:
    for number in (1, 2):
        begin(a, number).fail("worker_lost", "lost", "")
    queue = make(a, retries=1)
    assert handed_out_by(queue) == (a, 3)
    begin(a, 3).fail("worker_lost", "lost", "")
    assert not queue.ended(a, Ending.FAILED)
    assert handed_out_by(queue) == (a, 4)


@pytest.mark.parametrize("ending", [Ending.BUSY, Ending.LOST])
def test_what_was_taken_away_uses_up_no_retry(
    make: Callable[..., Queue], clock: Clock, a: str, ending: Ending
) -> None:
    queue = make(a, retries=0)
    for _ in range(5):
        assert handed_out_by(queue) == (a, 1)
        assert not queue.ended(a, ending)
        assert not queue.out
        assert queue.next() is None
        clock.now += queue_module.SECONDS_BETWEEN_LOOKS
    assert handed_out_by(queue) == (a, 1)


def test_stopped_trial_waits_for_another_start(make: Callable[..., Queue], a: str) -> None:
    queue = make(a)
    queue.next()
    assert not queue.ended(a, Ending.STOPPED)
    assert (queue.out, queue.is_over()) == (set(), True)


def test_done_trial_is_over(make: Callable[..., Queue], a: str) -> None:
    queue = make(a)
    queue.next()
    assert queue.ended(a, Ending.DONE)
    assert (queue.out, queue.is_over()) == (set(), True)


# --- more trials while a sweep runs


class Proposals:
    """Gives what is put there, once, and counts how often it is asked."""

    def __init__(self) -> None:
        self.waiting: list[PlannedTrial] = []
        self.asked = 0

    def __call__(self) -> list[PlannedTrial]:
        self.asked += 1
        given, self.waiting = self.waiting, []
        return given


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Three trials, and what may become of them."""

    trials: dict[str, Trial]
    suite: Suite
    store: Store
    clock: Clock
    queue: Callable[..., Queue]
    begin: Callable[..., Attempt]
    proposals: Proposals

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(self.trials)

    def propose(self, trial_id: str) -> None:
        self.proposals.waiting.append(planned(self.trials[trial_id]))

    def queue_of(self, *trials: PlannedTrial) -> Queue:
        return Queue(
            trials,
            self.store,
            suite_id=self.suite.id,
            validation_id=None,
            lease=LEASE,
            retries=0,
            clock=RealTime().clock,
            rules={},
        )

    def train(self, trial_id: str, number: int = 1) -> None:
        ending, _ = run(self.trials[trial_id], self.suite, self.store, number=number)
        assert ending is Ending.DONE

    def wait(self) -> None:
        self.clock.now += queue_module.SECONDS_BETWEEN_LOOKS


@pytest.fixture
def scene(
    trials: dict[str, Trial],
    store: Store,
    suite: Suite,
    clock: Clock,
    request: pytest.FixtureRequest,
) -> Scene:
    return Scene(
        trials=trials,
        suite=suite,
        store=store,
        clock=clock,
        queue=request.getfixturevalue("make"),
        begin=request.getfixturevalue("begin"),
        proposals=Proposals(),
    )


def test_more_is_asked_for_where_nothing_can_be_handed_out(scene: Scene) -> None:
    a, b, _ = scene.ids
    scene.propose(b)
    queue = scene.queue(a, more=scene.proposals)
    assert handed_out_by(queue) == (a, 1)
    assert scene.proposals.asked == 0, "one was ready"
    assert handed_out_by(queue) == (b, 1)
    assert queue.next() is None
    assert scene.proposals.asked == 2


def test_more_comes_when_a_trial_has_ended(scene: Scene) -> None:
    a, b, _ = scene.ids
    queue = scene.queue(a, more=scene.proposals)
    assert handed_out_by(queue) == (a, 1)
    assert [queue.next() for _ in range(5)] == [None] * 5
    assert scene.proposals.asked == 1, "in vain: nothing has ended since"
    scene.propose(b)
    assert queue.ended(a, Ending.DONE)
    assert not queue.is_over()
    assert handed_out_by(queue) == (b, 1)
    assert queue.ended(b, Ending.DONE)
    assert queue.is_over()


def test_queue_may_begin_empty(scene: Scene) -> None:
    a, *_ = scene.ids
    scene.propose(a)
    queue = Queue(
        (),
        scene.store,
        suite_id=scene.suite.id,
        validation_id=None,
        lease=LEASE,
        retries=0,
        clock=RealTime().clock,
        rules={},
        more=scene.proposals,
    )
    assert not queue.is_over()
    assert handed_out_by(queue) == (a, 1)


def test_trial_that_the_queue_has_had_is_not_queued_again(scene: Scene) -> None:
    a, *_ = scene.ids
    queue = scene.queue(a, more=lambda: [planned(scene.trials[a]), planned(scene.trials[a])])
    assert handed_out_by(queue) == (a, 1)
    assert queue.next() is None
    assert queue.ended(a, Ending.DONE)
    assert queue.is_over()


# --- parents: what must be trained before


def test_trial_waits_until_its_parent_is_trained(scene: Scene) -> None:
    a, b, _ = scene.ids
    queue = scene.queue(b, a, parents={b: (a,)})
    assert handed_out_by(queue) == (a, 1)
    assert queue.next() is None
    assert not queue.is_over()
    scene.train(a)
    assert queue.ended(a, Ending.DONE)
    assert handed_out_by(queue) == (b, 1)


def test_trial_whose_parents_are_trained_is_ready_at_once(scene: Scene) -> None:
    a, b, _ = scene.ids
    scene.train(a)
    assert handed_out_by(scene.queue(b, parents={b: (a,)})) == (b, 1)


def test_trial_that_is_trained_itself_waits_for_no_parent(scene: Scene) -> None:
    a, b, _ = scene.ids
    evaluated = replace(planned(scene.trials[b], parents=(a,)), trains=False)
    scene.proposals.waiting.append(evaluated)
    assert drained(scene.queue(a, more=scene.proposals)) == [(a, 1), (b, 1)]


@pytest.mark.parametrize("kind", ["diverged", "exception"])
def test_trial_is_left_where_its_parent_failed(
    scene: Scene, caplog: pytest.LogCaptureFixture, kind: FailureKind
) -> None:
    """And so is whoever waits for that one."""
    a, b, c = scene.ids
    queue = scene.queue(c, b, a, parents={b: (a,), c: (a, b)})
    assert handed_out_by(queue) == (a, 1)
    scene.begin(a, 1).fail(kind, "NaN", "")
    assert queue.ended(a, Ending.FAILED)
    assert queue.next() is None
    assert queue.is_over()
    assert f"trial {b} is left: its parent {a} failed" in caplog.text
    assert f"trial {c} is left: its parent {a} failed" in caplog.text


@pytest.mark.parametrize("is_begun_before", [True, False])
def test_trial_with_a_checkpoint_needs_no_parent_any_more(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, is_begun_before: bool
) -> None:
    """Whether it had one when it was planned, or another start has left it meanwhile."""
    a, b, _ = scene.ids
    child = planned(scene.trials[b], parents=(a,))
    begun = replace(child.progress, epochs_done=1)
    if is_begun_before:
        child = replace(child, progress=begun)
    scene.proposals.waiting.append(child)
    queue = scene.queue(a, more=scene.proposals)
    assert handed_out_by(queue) == (a, 1)
    scene.begin(a, 1).fail("diverged", "NaN", "")
    assert queue.ended(a, Ending.FAILED)
    progress_of = StoredTrial.progress

    def progress(stored: StoredTrial, *suite_ids: str, best: str | None = None) -> Progress:
        return begun if stored.id == b else progress_of(stored, *suite_ids, best=best)

    monkeypatch.setattr(StoredTrial, "progress", progress)
    assert drained(queue) + drained(queue) == [(b, 1)]
    assert queue.ended(b, Ending.DONE)
    assert queue.is_over()


def test_trial_waits_for_weights_that_are_made_again(scene: Scene) -> None:
    a, b, _ = scene.ids
    scene.train(a)
    give_up_weights(scene.store.files, TrialFolder.of(a))
    parent = replace(planned(scene.trials[a]), again="its weights were given up")
    child = planned(scene.trials[b], parents=(a,))
    queue = scene.queue_of(parent, child)
    assert handed_out_by(queue) == (a, 2)
    assert queue.next() is None
    scene.train(a, number=2)
    assert queue.ended(a, Ending.DONE)
    assert handed_out_by(queue) == (b, 1)
    assert scene.queue_of(parent).next() is None, "another has made them again"


def test_trial_is_left_where_weights_were_given_up_meanwhile(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    a, b, _ = scene.ids
    scene.train(a)
    give_up_weights(scene.store.files, TrialFolder.of(a))
    queue = scene.queue_of(planned(scene.trials[b], parents=(a,)))
    assert queue.next() is None
    assert queue.is_over()
    assert f"its parent {a} has given up its weights meanwhile" in caplog.text


def test_trial_is_left_where_its_parent_is_left(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    a, b, c = scene.ids
    scene.begin(a, 1).fail("diverged", "NaN", "")
    queue = scene.queue(b, c, parents={b: (a,), c: (b,)})
    assert queue.next() is None
    assert queue.is_over()
    assert f"trial {c} is left: its parent {b} is left too" in caplog.text


def test_trial_waits_while_its_parent_is_tried_again(scene: Scene) -> None:
    a, b, _ = scene.ids
    queue = scene.queue(a, b, parents={b: (a,)}, retries=1)
    assert handed_out_by(queue) == (a, 1)
    scene.begin(a, 1).fail("out_of_memory", "no room", "")
    assert not queue.ended(a, Ending.FAILED)
    assert handed_out_by(queue) == (a, 2)
    assert queue.next() is None
    scene.train(a, 2)
    assert queue.ended(a, Ending.DONE)
    assert handed_out_by(queue) == (b, 1)


def test_trial_is_left_where_its_parent_was_stopped(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    a, b, _ = scene.ids
    queue = scene.queue(a, b, parents={b: (a,)})
    assert handed_out_by(queue) == (a, 1)
    scene.begin(a, 1).end("stopped")
    assert not queue.ended(a, Ending.STOPPED)
    assert queue.next() is None
    assert queue.is_over()
    assert f"trial {b} is left: its parent {a} was stopped before it was trained" in caplog.text


def test_trial_is_left_where_a_stopping_rule_ended_its_parent(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    a, b, _ = scene.ids
    queue = scene.queue(a, b, parents={b: (a,)})
    assert handed_out_by(queue) == (a, 1)
    attempt = scene.begin(a, 1)
    attempt.note(pruned=Pruned(rule="collapse", settings={}, reason="one class", numbers={}))
    attempt.end("pruned")
    assert queue.ended(a, Ending.PRUNED)
    assert queue.next() is None
    assert queue.is_over()
    assert f"trial {b} is left: its parent {a} was ended early by a stopping rule" in caplog.text


@pytest.mark.parametrize("is_queued", [True, False])
def test_trial_waits_for_a_parent_at_work_elsewhere(scene: Scene, is_queued: bool) -> None:
    a, b, _ = scene.ids
    theirs = scene.begin(a, 1)
    queue = scene.queue(*([a, b] if is_queued else [b]), parents={b: (a,)})
    for _ in range(3):
        assert queue.next() is None
        assert not queue.is_over()
        scene.wait()
    theirs.end("stopped")
    scene.train(a, 2)
    assert handed_out_by(queue) == (b, 1)


def test_trial_is_left_where_its_parent_fails_elsewhere(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    a, b, _ = scene.ids
    queue = scene.queue(a, b, parents={b: (a,)})
    theirs = scene.begin(a, 1)
    assert queue.next() is None
    theirs.fail("diverged", "NaN", "")
    scene.wait()
    assert queue.next() is None
    assert queue.is_over()
    assert f"trial {b} is left: its parent {a} failed" in caplog.text


def test_trial_is_left_where_nobody_trains_its_parent(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    """But not while others run: what comes of them may bring it."""
    a, b, _ = scene.ids
    queue = scene.queue(b, a, parents={b: ("tnowhere",)})
    assert handed_out_by(queue) == (a, 1)
    assert queue.next() is None
    assert not queue.is_over()
    assert queue.ended(a, Ending.DONE)
    assert queue.next() is None
    assert queue.is_over()
    assert f"trial {b} is left: its parent tnowhere has no result" in caplog.text


def test_parent_may_come_later(scene: Scene) -> None:
    a, b, _ = scene.ids
    scene.propose(a)
    queue = scene.queue(b, parents={b: (a,)}, more=scene.proposals)
    assert handed_out_by(queue) == (a, 1)
    scene.train(a)
    assert queue.ended(a, Ending.DONE)
    assert handed_out_by(queue) == (b, 1)


def test_trials_that_wait_for_each_other_are_left(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    """Ids are of content, parents included, so that none can; but nothing may wait for ever."""
    a, b, _ = scene.ids
    queue = scene.queue(a, b, parents={a: (b,), b: (a,)})
    assert queue.next() is None
    assert queue.is_over()
    assert caplog.text.count("is left") == 2


# --- workers that die


def begin_and_exit(begin: Callable[..., Attempt], trial_id: str, number: int) -> None:
    begin(trial_id, number)
    os._exit(1)


def test_trial_of_a_dead_worker_is_taken_up_again_and_given_up_in_the_end(
    make: Callable[..., Queue], begin: Callable[..., Attempt], store: Store, suite: Suite, a: str
) -> None:
    queue = make(a, retries=2)
    ends = []
    for number in (1, 2, 3):
        assert handed_out_by(queue) == (a, number)
        worker = started(begin_and_exit, begin, a, number)
        worker.join()
        ends.append(queue.worker_died(a, died()))
    assert ends == [False, False, True]
    assert (queue.out, queue.is_over()) == (set(), True)
    failure = store.trial(a).progress(suite.id).failure
    assert failure is not None
    assert failure.kind == "worker_lost"
    assert failure.message == "its worker died 3 times, last: ActorDiedError"
    assert failure.details == "its socket"
    assert not failure.is_deterministic


def test_worker_that_died_with_a_word_is_believed(
    make: Callable[..., Queue], begin: Callable[..., Attempt], store: Store, suite: Suite, a: str
) -> None:
    queue = make(a, retries=1)
    queue.next()
    begin(a, 1).fail("hung", "no step for 31 s", "")
    assert not queue.worker_died(a, died())
    assert handed_out_by(queue) == (a, 2)
    begin(a, 2).fail("hung", "no step for 32 s", "")
    assert queue.worker_died(a, died())
    failure = store.trial(a).progress(suite.id).failure
    assert failure is not None
    assert (failure.kind, failure.message) == ("hung", "no step for 32 s")


def test_worker_that_died_before_it_began_did_not_fail_as_the_one_before(
    make: Callable[..., Queue], begin: Callable[..., Attempt], a: str
) -> None:
    begin(a, 1).fail("exception", "KeyError", "")
    queue = make(a, retries=1)
    assert handed_out_by(queue) == (a, 2)
    assert not queue.worker_died(a, died())
    assert handed_out_by(queue) == (a, 2)


def test_trial_given_up_is_lost_to_whoever_still_works_on_it(
    make: Callable[..., Queue], begin: Callable[..., Attempt], a: str
) -> None:
    queue = make(a, retries=0)
    assert handed_out_by(queue) == (a, 1)
    cut_off = begin(a, 1, elsewhere=True)
    assert queue.worker_died(a, died())
    with cut_off.kept(lambda: None), pytest.raises(lease.LostError, match="succeeded by 000002"):
        cut_off.check()


def work_through(
    make: Callable[..., Queue], trials: dict[str, Trial], work: Any, done: Any
) -> None:
    """One of several starts that share the trials, until none is left."""
    queue = make()
    while not queue.is_over():
        found = queue.next()
        if found is None:
            continue
        ending = work(found[0].trial, found[1])
        queue.ended(found[0].id, ending)
        done.put((found[0].id, str(ending)))
    done.put(None)


@pytest.mark.slow
def test_starts_that_share_trials_do_each_once(
    make: Callable[..., Queue],
    trials: dict[str, Trial],
    store: Store,
    suite: Suite,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(queue_module, "SECONDS_BETWEEN_LOOKS", 0.02)
    done = fork.SimpleQueue()

    def work(trial: Trial, number: int) -> Ending:
        return run(trial, suite, store, number=number)[0]

    processes = [started(work_through, make, trials, work, done) for _ in range(3)]
    told = []
    while told.count(None) < 3:
        told.append(done.get())
    for process in processes:
        process.join()
    finished = [word[0] for word in told if word is not None and word[1] == "done"]
    assert sorted(finished) == sorted(trials)
    for trial_id in trials:
        assert len(store.trial(trial_id).past_attempts()) == 1
