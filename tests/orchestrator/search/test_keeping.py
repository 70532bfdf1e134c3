"""Cells that are kept to be confirmed: which, once, and as trials like any other."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import pytest

from orchestrator.pareto.dominance import hypervolume
from orchestrator.plan.plan import Plan, make_plan, refreshed
from orchestrator.plan.planned_trial import PlannedTrial
from orchestrator.search.growth import foreseen, grow, grow_to_work
from orchestrator.search.keeping import kept
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store import Store
from orchestrator.store.records.version import enter
from tests.orchestrator.conftest import Begin, Read
from tests.orchestrator.told import Numbers, tell, tell_all
from trainer.data import fingerprint

pytestmark = pytest.mark.slow

SWEEP = """\
data: digits
methods:
  pareto: {vary: {rho: [0.1, 0.3, 0.5, 0.7, 0.9]}}
  flow: {}
evaluation: {pgd: {ladder: [1]}, flow: null, rt: null}
seeds: [0, 3]
tracking: none
confirm: {keep: {per_method: 2}, seeds: 3}
"""

DERIVED = """\
data: digits
methods:
  pareto: {vary: {rho: [0.2, 0.5, 0.8]}}
  replayed: {method: replay, of: pareto}
  tuned: {method: average, start: {from: flow}}
  flow: {}
evaluation: {pgd: {ladder: [1]}, flow: null, rt: null}
seeds: [0, 1]
tracking: none
confirm: {keep: {per_method: 1}, seeds: 3}
"""

PICKING = {
    0.1: (0.99, 0.2),
    0.3: (0.98, 0.5),
    0.5: (0.97, 0.52),
    0.7: (0.93, 0.7),
    0.9: (0.92, 0.6),
}
"""Of these rho 0.3 and 0.7 hold most together; 0.9 is dominated."""


def numbers(planned: PlannedTrial) -> tuple[Numbers, Numbers]:
    """On the images that pick as `PICKING` says, alike on the test set the other way round."""
    if planned.method != "pareto":
        return ((1.0, 0.0), (1.0, 0.0)) if planned.is_reference else ((0.9, 0.05), (0.9, 0.05))
    rho = planned.settings["rho"]
    shift = 0.001 * (planned.trial.seed - 1.5)
    natural, robust = PICKING.get(rho, (1 - rho / 10, rho))
    other = PICKING.get(round(1 - rho, 1), (1 - rho / 10, 1 - rho))
    return (natural + shift, robust - shift), other


def cells_of(plan: Plan, stage: str = "confirm") -> set[tuple[str, float | None]]:
    trials = plan.of_confirmation(stage).trials
    return {(planned.method, planned.settings.get("rho")) for planned in trials}


def begun(read: Read, store: Store, text: str = SWEEP, *assignments: str) -> SweepSpec:
    enter(store.files)
    return read(text, *assignments)


def test_of_each_method_the_cells_are_kept_that_hold_most_together(
    read: Read, store: Store, begin: Begin
) -> None:
    """By the means over seeds on the images that pick; the reference is there whatever comes."""
    spec = begun(read, store)
    plan = tell_all(spec, store, begin, numbers)
    larger = grow(spec, plan, store)
    end = [0.0, spec.contrasts.largest_sacrifice]

    def held(rhos: tuple[float, ...]) -> float:
        return hypervolume([(-PICKING[rho][1], 1 - PICKING[rho][0]) for rho in rhos], end)

    best = max(combinations(PICKING, 2), key=held)
    assert best == (0.3, 0.7)
    assert cells_of(larger) == {
        ("standard", None),
        ("flow", None),
        *(("pareto", it) for it in best),
    }
    assert [planned.trial.seed for planned in larger.of_confirmation("confirm").trials] == [
        seed for seed in (4, 5, 6) for _ in range(4)
    ], "counted on from the last, one of every cell before the second of any"
    assert larger.confirmation is not None
    assert not larger.confirmation.kept.passed_over
    assert larger.trials == plan.trials, "the sweep's own are what they were"
    assert len(larger.pending(retry_failed=False)) == 12
    assert grow(spec, larger, store) is larger


def test_cells_are_kept_once_nothing_else_is_left_to_do_and_recorded_before_anything_begins(
    read: Read, store: Store, begin: Begin
) -> None:
    spec = begun(read, store)
    plan = make_plan(spec, store)
    assert grow_to_work(spec, plan, store, retry_failed=False) is plan, "nothing to keep yet"
    first, *others = plan.trials
    for planned in others:
        picking, test = numbers(planned)
        tell(planned, spec, begin, picking=picking, test=test)
    plan = refreshed(plan, store, spec)
    assert grow(spec, plan, store) is plan
    begin(first.trial).fail("exception", "it raised", "")
    plan = refreshed(plan, store, spec)
    assert grow(spec, plan, store, retry_failed=True) is plan, "it is to be tried again"
    shown = foreseen(spec, plan, store, retry_failed=False, fingerprint_of=fingerprint)
    assert make_plan(spec, store).confirmation is None, "a dry run records nothing"
    larger = grow(spec, plan, store)
    assert [it.id for it in larger.every] == [it.id for it in shown.every]
    again = make_plan(spec, store)
    assert again.confirmation == larger.confirmation, "killed now, the next start has the same"
    for planned in again.of_confirmation("confirm").trials[:5]:
        tell(planned, spec, begin, picking=(0.0, 0.0), test=(1.0, 1.0))
    later = make_plan(spec, store)
    assert [it.id for it in later.every] == [it.id for it in larger.every]
    assert len(later.pending(retry_failed=False)) == 12 - 5


def test_a_start_takes_up_what_a_faster_one_has_kept(
    read: Read, store: Store, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it would have kept itself: numbers of a GPU may differ."""
    spec = begun(read, store)
    plan = tell_all(spec, store, begin, numbers)
    theirs = grow(spec, plan, store)
    ours = replace(kept(spec, plan), cells=kept(spec, plan).cells[:1])
    monkeypatch.setattr("orchestrator.search.growth.kept", lambda spec, plan: ours)
    assert grow(spec, plan, store).confirmation == theirs.confirmation


def test_another_sweep_is_confirmed_anew(read: Read, store: Store, begin: Begin) -> None:
    spec = begun(read, store)
    plan = grow(spec, tell_all(spec, store, begin, numbers), store)
    for change in (
        "confirm.keep.per_method=1",
        "confirm.seeds=2",
        "methods.pareto.vary.rho=[0.1,0.3]",
        "evaluation.pgd.epsilon=0.1",
        "contrasts.largest_sacrifice=0.3",
        "seeds=[0]",
    ):
        assert make_plan(read(SWEEP, change), store).confirmation is None, change
    assert make_plan(read(SWEEP, "resources.cpu=2"), store).confirmation == plan.confirmation


def test_cells_that_went_wrong_are_passed_over_and_said(
    read: Read, store: Store, begin: Begin
) -> None:
    spec = begun(read, store)
    for planned in make_plan(spec, store).trials:
        picking, test = numbers(planned)
        rho = planned.settings["rho"]
        if rho == 0.7 and planned.trial.seed == 3:
            begin(planned.trial).fail("diverged", "NaN", "")
            continue
        collapsed = rho == 0.3 and planned.trial.seed == 0
        tell(planned, spec, begin, picking=picking, test=test, collapsed=collapsed)
    found = kept(spec, make_plan(spec, store))
    assert [it.point for it in found.cells] == [{"rho": 0.5}, {"rho": 0.9}, {}]
    assert found.passed_over == {"collapsed": 1, "failed": 1}


def test_trials_that_confirm_are_those_of_a_sweep_of_these_cells_and_seeds(
    read: Read, store: Store, begin: Begin
) -> None:
    """By their ids, derived ones too: a schedule that is replayed is another fresh seed's, and what
    a kept cell stands on is trained, though it was not kept itself."""
    spec = begun(read, store, DERIVED)

    def told(planned: PlannedTrial) -> tuple[Numbers, Numbers]:
        if planned.method == "replayed" and planned.settings["rho"] == 0.8:
            return (0.99, 0.9), (0.99, 0.9)
        return numbers(planned)

    plan = grow(spec, tell_all(spec, store, begin, told), store)
    ids = {planned.id: planned for planned in plan.every}
    labels = {method for method, _ in cells_of(plan)}
    assert labels == {"standard", "flow", "tuned", "pareto", "replayed"}
    assert ("replayed", 0.8) in cells_of(plan)
    assert ("pareto", 0.8) not in cells_of(plan)
    assert cells_of(plan, "parent") == {("pareto", 0.8)}
    plain = make_plan(read(DERIVED.replace("confirm:", "#"), "seeds=[2, 3, 4]"), store)
    assert {it for it in ids if ids[it].stage != "sweep"} < {it.id for it in plain.trials}
    for planned in plan.of_confirmation("confirm", "parent").trials:
        assert all(ids[parent].stage != "sweep" for parent in planned.parents)
        if planned.method == "replayed":
            (parent,) = planned.parents
            assert ids[parent].trial.seed in {2, 3, 4} - {planned.trial.seed}
    order = [planned.id for planned in plan.every]
    assert all(
        order.index(parent) < order.index(planned.id)
        for planned in plan.every
        for parent in planned.parents
    )
