"""How a plan grows: by records in the store, which all starts of a sweep agree on."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from orchestrator.plan.plan import Plan, make_plan
from orchestrator.plan.proposed import search_id
from orchestrator.plan.search_progress import search_progress
from orchestrator.search.growth import grow, observe, proposed
from orchestrator.search.strategies import STRATEGIES
from orchestrator.search.strategies.strategy import Known
from orchestrator.spec.search import SearchSettings
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store import Store
from orchestrator.store.housekeeping.verification import contents, verify
from orchestrator.store.records.version import enter
from orchestrator.store.sweeps.proposals import record_proposals
from orchestrator.store.sweeps.records import Proposal

Read = Callable[..., SweepSpec]
Finish = Callable[..., None]

SWEEP = """\
data: digits
search: {strategy: random, trials: 8}
methods:
  pgd: {vary: {pgd.epsilon: {min: 0.05, max: 0.3}}}
  average: {vary: {natural_weight: [0, 0.25, 0.5]}}
  flow: {}
seeds: [0, 1]
"""


def ids(plan: Plan) -> list[str]:
    return [planned.id for planned in plan.trials]


def rounds(store: Store) -> list[str]:
    """Names of all records of proposals."""
    return sorted(name for name in store.files.sizes("sweeps") if "/proposals/" in name)


def test_every_strategy_of_a_file_is_there() -> None:
    field = SearchSettings.model_fields["strategy"]
    assert set(STRATEGIES) == set(field.annotation.__args__)


def test_a_grid_does_not_grow(read: Read, store: Store) -> None:
    """Its trials follow from the file, are all planned from the first, and are not recorded."""
    spec = read("data: digits\nmethods: {average: {vary: {natural_weight: [0, 0.5]}}}\n")
    plan = make_plan(spec, store)
    assert grow(spec, plan, store) is plan
    assert search_progress(spec, plan) is None
    assert rounds(store) == []


def test_a_plan_that_has_grown_is_the_plan_of_what_is_recorded(read: Read, store: Store) -> None:
    spec = read(SWEEP)
    before = make_plan(spec, store)
    assert [planned.method for planned in before.trials] == ["standard", "flow"] * 2
    after = grow(spec, before, store)
    assert ids(after) == ids(make_plan(spec, store))
    assert [(it.method, it.trial.seed) for it in after.trials] == [
        (method, seed)
        for seed in (0, 1)
        for method in ("standard", "flow", "pgd", "average", "pgd")
    ]
    assert grow(spec, after, store) is after
    assert len(rounds(store)) == 1
    progress = search_progress(spec, after)
    assert progress is not None
    assert str(progress) == "random: 8 of 8 trials proposed (2 flow, 4 pgd, 2 average)"


def test_a_plan_of_trials_that_start_from_others_grows_alike(read: Read, store: Store) -> None:
    spec = read(SWEEP.replace("  pgd: {vary", "  pgd: {start: {from: flow}, vary"))
    after = grow(spec, make_plan(spec, store), store)
    assert ids(after) == ids(make_plan(spec, store))
    flow = {planned.trial.seed: planned.id for planned in after.trials if planned.method == "flow"}
    parents = [(it.parents, it.trial.seed) for it in after.trials if it.method == "pgd"]
    assert parents == [((flow[seed],), seed) for seed in (0, 0, 1, 1)]
    more = read(spec.resolved_yaml(), "search.trials=12")
    plan = make_plan(more, store)
    assert len({*ids(grow(more, plan, store))} - {*ids(plan)}) == 4


def test_more_trials_are_the_same_and_the_difference(read: Read, store: Store) -> None:
    few = grow(read(SWEEP), make_plan(read(SWEEP), store), store)
    more = read(SWEEP, "search.trials=14")
    plan = make_plan(more, store)
    assert ids(plan) == ids(few)
    assert str(search_progress(more, plan)) == (
        "random: 8 of 14 trials proposed (2 flow, 4 pgd, 2 average), 6 to come"
    )
    many = grow(more, plan, store)
    assert set(ids(few)) < set(ids(many))
    assert len(many.trials) == 14 + 2
    assert ids(make_plan(read(SWEEP), store)) == ids(few), "fewer again are the first of them"
    assert ids(make_plan(more, store)) == ids(many)


def test_all_at_once_are_those_of_two_steps(read: Read, store: Store) -> None:
    few = grow(read(SWEEP), make_plan(read(SWEEP), store), store)
    more = read(SWEEP, "search.trials=14")
    in_steps = grow(more, make_plan(more, store), store)
    other = read(SWEEP, "search.trials=14", "name=other")
    at_once = grow(other, make_plan(other, store), store)
    assert ids(at_once) == ids(in_steps)
    assert set(ids(few)) < set(ids(at_once))


@pytest.mark.parametrize(
    "change",
    [
        "search.seed=1",
        "seeds=[0, 2]",
        "methods.pgd.vary.pgd.epsilon.max=0.2",
        "methods.average.attack_names=[pgd]",
        "training.batch_size=32",
    ],
)
def test_another_search_does_not_mix_with_this_one(read: Read, store: Store, change: str) -> None:
    spec, other = read(SWEEP), read(SWEEP, change)
    grow(spec, make_plan(spec, store), store)
    assert make_plan(other, store).proposals == ()
    grow(other, make_plan(other, store), store)
    assert len({name.split("/")[3] for name in rounds(store)}) == 2
    assert len(make_plan(spec, store).proposals) == 3


@pytest.mark.parametrize(
    "change", ["search.trials=14", "storage=elsewhere", "resources.cpu=2", "evaluation.examples=9"]
)
def test_what_no_trial_stands_on_changes_no_search(read: Read, change: str) -> None:
    assert search_id(read(SWEEP, change)) == search_id(read(SWEEP))


def test_starts_that_propose_at_once_agree_on_the_faster(
    read: Read, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The slower one takes up what the other has recorded between its look and its own record."""
    spec = read(SWEEP)
    plan = make_plan(spec, store)
    drawn = STRATEGIES["random"]
    faster = Proposal(method="pgd", point={"pgd.epsilon": 0.1}, seeds=(0, 1))

    def slow(known: Known, *, most: int) -> Sequence[Proposal]:
        if len(known.trials) == 4:
            record_proposals(store.files, spec.name, search_id(spec), 1, [faster])
        return drawn(known, most=most)

    monkeypatch.setitem(STRATEGIES, "random", slow)
    joined = grow(spec, plan, store)
    assert joined.proposals == (faster,)
    whole = grow(spec, joined, store)
    assert len(whole.trials) == 8 + 2
    assert ids(grow(spec, plan, store)) == ids(whole), "a start that knows nothing takes up all"
    assert len(rounds(store)) == 2


def test_what_is_there_is_not_proposed_again(
    read: Read, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A strategy may be wrong about that; then nothing more comes of it."""
    spec = read(SWEEP)
    again = Proposal(method="pgd", point={"pgd.epsilon": 0.1}, seeds=(0, 1))
    monkeypatch.setitem(STRATEGIES, "random", lambda known, most: [again, again])
    plan = grow(spec, make_plan(spec, store), store)
    assert plan.proposals == (again,)
    assert grow(spec, plan, store) is plan
    assert len(rounds(store)) == 1


def test_no_more_are_taken_than_are_asked_for(
    read: Read, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = read(SWEEP)
    many = [
        Proposal(method="pgd", point={"pgd.epsilon": 0.1 + at / 100}, seeds=(0, 1))
        for at in range(9)
    ]
    monkeypatch.setitem(STRATEGIES, "random", lambda known, most: many)
    assert proposed(spec, make_plan(spec, store)) == tuple(many[:3])


def test_a_strategy_knows_all_that_came_of_its_trials(
    read: Read, store: Store, finish: Finish
) -> None:
    spec = read(SWEEP)
    enter(store.files)
    plan = grow(spec, make_plan(spec, store), store)
    for planned in plan.trials[:3]:
        robust = {label: [[1, 0]] * len(it.ladder) for label, it in spec.suite.categories.items()}
        finish(planned.trial, spec.suite, [1, 0], robust)
    known = observe(spec, make_plan(spec, store))
    assert [trial.status for trial in known.trials] == ["done"] * 3 + ["pending"] * 7
    assert [trial.method for trial in known.trials[:3]] == ["standard", "flow", "pgd"]
    done, pending = known.trials[2], known.trials[3]
    assert done.settings["pgd.epsilon"] == plan.proposals[0].point["pgd.epsilon"]
    assert {"natural_accuracy", "robustness_score", "pgd.epsilon"} <= set(done.values)
    assert set(pending.values) <= {"pgd.epsilon", "natural_weight"}
    assert len(known.cells) == 5


def test_a_damaged_record_is_told_and_proposed_again(read: Read, store: Store) -> None:
    spec = read(SWEEP)
    enter(store.files)
    before = grow(spec, make_plan(spec, store), store)
    (name,) = rounds(store)
    data = store.files.read(name)
    assert data is not None
    store.files.write(name, data[:-9])
    sizes = contents(store.files)
    (found,) = verify(store.files, sizes, dry_run=False, on_read=lambda name: None)
    assert (found.name, found.is_damage) == (name, True)
    assert found.consequence.startswith("the next start of the sweep proposes as many trials again")
    left = make_plan(spec, store)
    assert left.proposals == ()
    assert ids(grow(spec, left, store)) == ids(before)
