"""Events of running trials reach the display, the meter and the tracker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from rich.console import Console

from orchestrator.costs.budget import Meter
from orchestrator.driver import progress
from orchestrator.driver.listener import RunListener
from orchestrator.execution.backend import RealTime
from orchestrator.plan.confirmation import Confirmation, Kept
from orchestrator.plan.plan import Plan, make_plan
from orchestrator.spec.policy import Resources
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store import Attempt, Store
from tests.orchestrator.driver.test_tracked_trials import SPEC, Recorder
from trainer.config import Trial

ROW = {"epoch": 1.0, "seconds": 0.5}


@pytest.fixture
def plan(read: Callable[..., SweepSpec], store: Store) -> Plan:
    """Three trials: `standard` and two of `pareto`."""
    return make_plan(read(SPEC), store)


class Scene:
    """A listener that knows of the first trial, and whom it tells."""

    def __init__(self, plan: Plan, store: Store) -> None:
        self.tracker = Recorder()
        self.meter = Meter(Resources(), RealTime().clock)
        self.console = Console(width=200, force_terminal=False)
        self.listener = RunListener(
            store=store,
            plan=plan,
            pending=plan.trials[:1],
            console=self.console,
            tracker=self.tracker,
            meter=self.meter,
            page=None,
        )


@pytest.fixture
def scene(plan: Plan, store: Store, monkeypatch: pytest.MonkeyPatch) -> Scene:
    monkeypatch.setattr(progress, "QUIET_SECONDS", 0.0)
    return Scene(plan, store)


def test_events_are_shown_metered_and_tracked(
    scene: Scene, plan: Plan, begin: Callable[[Trial], Attempt]
) -> None:
    standard = plan.trials[0]
    with scene.console.capture() as said:
        scene.listener.started(standard.id)
        attempt = begin(standard.trial)
        scene.listener.epoch_done(standard.id, ROW)
        attempt.fail("exception", "why", "")
        scene.listener.ended(standard.id)
    first, second, third = said.get().splitlines()
    assert first.startswith("0 of 1 trials done, 1 running")
    assert second.startswith("0 of 1 trials done, 1 running, about ")
    assert third.startswith("0 of 1 trials done, 0 running, 1 failed")
    (tracked,) = scene.tracker.trials
    assert (tracked.id, tracked.name, tracked.status) == (standard.id, "standard", "running")
    assert list(tracked.rows()) == [ROW]
    used = scene.meter.read()
    assert used["core_hours"] > 0
    assert scene.meter.read() == used, "nothing runs any more"


def test_trial_that_is_let_go_waits_again(scene: Scene, plan: Plan) -> None:
    scene.listener.started(plan.trials[0].id)
    with scene.console.capture() as said:
        scene.listener.let_go(plan.trials[0].id)
    assert said.get().startswith("0 of 1 trials done, 0 running")
    used = scene.meter.read()
    assert scene.meter.read() == used


def test_trials_that_come_later_count_from_then_on(scene: Scene, plan: Plan) -> None:
    last = plan.trials[-1]
    with scene.console.capture() as said:
        scene.listener.add(plan, plan.trials[1:])
        scene.listener.started(last.id)
        scene.listener.epoch_done(last.id, ROW)
    counted = [line.partition(" trials")[0] for line in said.get().splitlines()]
    assert counted == ["0 of 3"] * 3
    assert [each.id for each in scene.tracker.trials] == [last.id]


def test_it_is_said_once_that_a_sweep_is_being_confirmed(scene: Scene, plan: Plan) -> None:
    fresh = tuple(replace(planned, stage="confirm") for planned in plan.trials[1:])
    kept = Kept(id="confirm-0", cells=(), passed_over={})
    larger = replace(plan, confirmation=Confirmation(kept=kept, trials=fresh))
    with scene.console.capture() as said:
        scene.listener.add(larger, fresh[:1])
        scene.listener.add(larger, fresh[1:])
    lines = [line for line in said.get().splitlines() if line.startswith("confirm")]
    assert lines == [
        "confirm: 2 trials with fresh seeds of the cells kept; their test numbers are shown once "
        "all are done"
    ]
