"""Both back ends take the same ending of an attempt for the same, recorded endings in hand."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from ray.exceptions import ActorDiedError, OutOfMemoryError, RayTaskError

from orchestrator.execution import in_process
from orchestrator.execution.backend import RealTime, Workload
from orchestrator.execution.in_process import InProcess
from orchestrator.execution.queue import Queue
from orchestrator.execution.tuning import _Relay, failure_of
from orchestrator.plan.planned_trial import PlannedTrial
from orchestrator.spec.policy import Policy
from orchestrator.store import FailureKind, Store
from orchestrator.store.leases.records import About
from orchestrator.worker.trial import Ending
from tests.orchestrator.execution.workloads import Recorder, workload
from tests.orchestrator.working import MakeTrial, on_digits, planned, small_suite
from trainer.config import Trial
from trainer.data import MissingData

Attempted = Callable[[PlannedTrial, Store, int], Ending]
"""What becomes of the attempt of that number: how it ends, or what it raises."""


def recorded(kind: FailureKind) -> Attempted:
    """An attempt that says in the store how it failed."""

    def attempt(trial: PlannedTrial, store: Store, number: int) -> Ending:
        begun(trial, store, number).fail(kind, "as recorded", "")
        return Ending.FAILED

    return attempt


def ending(how: Ending) -> Attempted:
    """An attempt that ends as it is asked to."""

    def attempt(trial: PlannedTrial, store: Store, number: int) -> Ending:
        begun(trial, store, number).end(str(how))
        return how

    return attempt


def raising(error: Exception) -> Attempted:
    """A worker that breaks off before it has begun."""

    def attempt(trial: PlannedTrial, store: Store, number: int) -> Ending:
        raise error

    return attempt


def begun(trial: PlannedTrial, store: Store, number: int) -> Any:
    attempt = store.trial(trial.id).begin(trial.trial, number, lasts=600.0, about=About())
    assert attempt is not None
    return attempt


ENDINGS: dict[str, Attempted] = {
    "exception": recorded("exception"),
    "diverged": recorded("diverged"),
    "out_of_memory": recorded("out_of_memory"),
    "data": recorded("data"),
    "time_limit": recorded("time_limit"),
    "stopped": ending(Ending.STOPPED),
    "left": ending(Ending.LEFT),
    "raises": raising(LookupError("no such weight")),
    "raises for memory": raising(MemoryError("no room")),
    "raises for data": raising(MissingData("data.root must hold the files")),
}


def in_this_process(its_workload: Workload, attempted: Attempted) -> None:
    """The workload's one trial by `InProcess`, each attempt as it is recorded."""

    def carry_out(trial: Trial, suite: Any, store: Store, *_: Any, **options: Any) -> Ending:
        return attempted(its_workload.trials[0], store, options["number"])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(in_process, "carry_out", carry_out)
        InProcess().run(its_workload)


def on_ray(its_workload: Workload, attempted: Attempted) -> None:
    """The same as `RayTune` hears of it, by Tune's events."""
    time = RealTime()
    queue = Queue.of(its_workload, time.clock)
    relay = _Relay(its_workload, queue, time.clock)
    while not queue.is_over():
        found = queue.next()
        assert found is not None
        trial, number = found
        event = SimpleNamespace(config={"trial_id": trial.id}, last_result={})
        relay.on_trial_start(0, [], event)
        try:
            how = attempted(trial, its_workload.store, number)
        except Exception as error:
            raised = RayTaskError("work_on_trial", traceback.format_exc(), error)
            event.get_pickled_error = raised.as_instanceof_cause
            relay.on_trial_error(0, [], event)
        else:
            event.last_result["ending"] = str(how)
            relay.on_trial_complete(0, [], event)


@pytest.mark.parametrize("name", ENDINGS)
def test_back_ends_agree(name: str, small_trial: MakeTrial, store: Store) -> None:
    suite = small_suite(examples=8)
    heard, failures = [], []
    for run, seed in ((in_this_process, 0), (on_ray, 1)):
        trial = planned(on_digits(small_trial, seed=seed))
        recorder = Recorder()
        policy = Policy(lease=600.0, retries=1)
        run(
            workload([trial], suite=suite, store=store, listener=recorder, policy=policy),
            ENDINGS[name],
        )
        heard.append([event for event, _ in recorder.events])
        failure = store.trial(trial.id).progress(suite.id).failure
        failures.append(failure and (failure.kind, failure.message))
    assert heard[0] == heard[1]
    assert failures[0] == failures[1]


def test_worker_that_raises_is_tried_again_and_given_up(
    small_trial: MakeTrial, store: Store
) -> None:
    suite = small_suite(examples=8)
    trial, recorder = planned(on_digits(small_trial)), Recorder()
    policy = Policy(lease=600.0, retries=2)
    in_this_process(
        workload([trial], suite=suite, store=store, listener=recorder, policy=policy),
        raising(LookupError("no such weight")),
    )
    assert [event for event, _ in recorder.events] == ["started", "let_go"] * 2 + [
        "started",
        "ended",
    ]
    failure = store.trial(trial.id).progress(suite.id).failure
    assert failure is not None
    assert failure.kind == "exception"
    assert failure.message == "its worker died 3 times, last: LookupError: no such weight"
    assert "Traceback" in failure.details


def test_worker_that_said_nothing_was_lost() -> None:
    """For memory, where Ray says that it ended it for that."""
    assert failure_of(ActorDiedError()).kind == "worker_lost"
    assert failure_of(OutOfMemoryError("the node ran low")).kind == "out_of_memory"
