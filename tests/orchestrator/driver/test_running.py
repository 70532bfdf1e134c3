"""Trials are announced, and run by whichever back end the site has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from rich.console import Console

from orchestrator.costs.budget import Meter
from orchestrator.driver.holding import held
from orchestrator.driver.running import announce, run
from orchestrator.driver.site import Site
from orchestrator.execution.backend import Workload
from orchestrator.plan.plan import Plan, make_plan
from orchestrator.results.reevaluation import Coverage
from orchestrator.search.strategies import STRATEGIES
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store import Store
from orchestrator.tracking import NoTracker
from tests.orchestrator.conftest import Finish, Read
from tests.orchestrator.driver.test_tracked_trials import SPEC
from trainer.training.signals import Requests

COVERED = Coverage(
    suite_file="strong.yaml",
    suite_id="e1",
    trials=3,
    own=3,
    evaluated=1,
    off_front=None,
    front_of=None,
    lacking={},
)


@pytest.fixture
def spec(read: Read) -> SweepSpec:
    return read(SPEC)


@pytest.fixture
def plan(spec: SweepSpec, store: Store) -> Plan:
    """Three trials: `standard` and two of `pareto`."""
    return make_plan(spec, store)


# --- what is said before


def announced(plan: Plan, pending: int, covered: Coverage | None) -> list[str]:
    console = Console(width=300)
    with console.capture() as said:
        announce("sweep", plan, plan.trials[:pending], console, covered=covered)
    return said.get().splitlines()


def test_trials_to_run_are_counted(plan: Plan) -> None:
    assert announced(plan, 2, None) == ["sweep: 3 trials, 2 to run"]


def test_under_another_suite_its_file_is_named(plan: Plan) -> None:
    assert announced(plan, 2, COVERED) == ["sweep: 3 trials, 2 to evaluate under strong.yaml"]


def test_choice_by_a_front_of_some_trials_is_doubted(plan: Plan) -> None:
    doubtful = replace(COVERED, off_front=1, front_of=2)
    counted, doubt = announced(plan, 1, doubtful)
    assert counted.endswith("1 to evaluate under strong.yaml")
    assert doubt == doubtful.doubt
    assert doubt.startswith("they were chosen by a front of 2 of 3 trials")
    assert len(announced(plan, 1, replace(doubtful, front_of=3))) == 1, "of all of them"


# --- running


class Place(Site):
    """A site whose back end the test stands in for, in a time that leaps."""

    def __init__(self, do: Callable[[Place, Workload], None]) -> None:
        self._do = do
        self.now = 1000.0
        self.is_left = False

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def run(self, workload: Workload) -> None:
        self._do(self, workload)

    def back_end(self) -> Place:
        return self

    def leave(self) -> None:
        self.is_left = True


def run_at(place: Place, spec: SweepSpec, plan: Plan, store: Store) -> tuple[str | None, str]:
    """Run a plan's trials there: the cap that was reached, and what was said."""
    console = Console(width=200, force_terminal=False)
    with (
        console.capture() as said,
        held(
            store.files,
            store.files,
            spec.name,
            policy=spec.policy,
            meter=Meter(spec.policy.resources, place.clock),
            requests=Requests(),
            resume="",
            joins=False,
            address=None,
        ) as hold,
    ):
        run(
            spec,
            plan,
            plan.trials,
            store,
            policy=spec.policy,
            site=place,
            hold=hold,
            tracker=NoTracker(),
            console=console,
            retry_failed=False,
            is_live=False,
        )
    return hold.relay.budget_reached, said.get()


def test_back_end_is_handed_the_trials_and_the_site_is_left(
    spec: SweepSpec, plan: Plan, store: Store
) -> None:
    def look(place: Place, workload: Workload) -> None:
        assert workload.trials == plan.trials
        assert (workload.sweep, workload.suite) == (spec.name, spec.suite)
        assert workload.more() == ()
        assert workload.seconds_in_touch() >= 0
        assert not workload.is_stopped()
        assert not place.is_left

    place = Place(look)
    assert run_at(place, spec, plan, store) == (None, "")
    assert place.is_left


def test_strategy_that_waits_for_results_gives_nothing_yet(
    read: Read, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(STRATEGIES, "random", lambda known, *, most: ())
    drawn = "{rho: {min: 0.2, max: 0.4}}}}\nsearch: {strategy: random, trials: 3}"
    spec = read(SPEC.replace("{rho: [0.2, 0.4]}}}", drawn))
    plan = make_plan(spec, store)
    given: list[object] = []
    place = Place(lambda place, workload: given.append(workload.more()))
    assert run_at(place, spec, plan, store) == (None, "")
    assert given == [()]


@pytest.mark.parametrize(
    ("budget", "outcome"),
    [
        ("core_hours: 5", (2, "budget.core_hours is 5, and 6 are used")),
        ("gpu_hours: 1.5", (1, "budget.gpu_hours is 1.5, and 1.5 are used")),
        ("hours: 5.5", (2, "budget.hours is 5.5, and 6 are used")),
        ("hours: 100", (3, None)),
    ],
)
def test_leaping_time_reaches_a_budget(
    read: Read, store: Store, finish: Finish, budget: str, outcome: tuple[int, str | None]
) -> None:
    """Trials of three hours each on a core and half a GPU, one after the other."""
    spec = read(f"{SPEC}resources: {{cpu: 1, gpu: 0.5}}\nbudget: {{{budget}}}\n")
    plan = make_plan(spec, store)
    done = []

    def leap(place: Place, workload: Workload) -> None:
        for planned in workload.trials:
            if workload.is_stopped():
                return
            workload.listener.started(planned.id)
            place.sleep(3 * 3600.0)
            finish(planned.trial, spec.suite, [1, 1], {"pgd": [[1, 0]]})
            workload.listener.ended(planned.id)
            done.append(planned.id)

    found, _ = run_at(Place(leap), spec, plan, store)
    assert (len(done), found) == outcome


def test_time_left_is_told_in_the_time_of_the_back_end(
    spec: SweepSpec, plan: Plan, store: Store, finish: Finish, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.driver.progress.QUIET_SECONDS", 0.0)

    def leap(place: Place, workload: Workload) -> None:
        first = workload.trials[0]
        place.sleep(3600.0)
        finish(first.trial, spec.suite, [1, 1], {"pgd": [[1, 0]]})
        workload.listener.ended(first.id)

    _, said = run_at(Place(leap), spec, plan, store)
    assert said == "1 of 3 trials done, 0 running, about 2 h 0 min left\n"
