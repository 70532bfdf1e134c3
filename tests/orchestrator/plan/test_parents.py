"""Trials that start from the weights of others: ids, order, and what waits for what."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.plan.parents import with_parents
from orchestrator.plan.plan import Plan, make_plan, refreshed
from orchestrator.results.reevaluation import reevaluated
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store import Attempt, Store
from orchestrator.store.leases.records import Pruned
from trainer.config import Trial
from trainer.weights.checkpoint import Checkpoint

Read = Callable[..., SweepSpec]
Begin = Callable[[Trial], Attempt]
Finish = Callable[..., None]

SWEEP = """\
data: digits
training: {epochs: 4}
methods:
  third: {method: rt, start: {from: second}}
  second: {method: flow, start: {from: first}, training.epochs: 2}
  first: {method: pgd}
seeds: [0, 1]
evaluation: {pgd: {ladder: [1, 2]}, flow: null, rt: null}
"""
BITS = ([1, 1], {"pgd": [[1, 0], [0, 0]]})


def plan_of(spec: SweepSpec, store: Store) -> Plan:
    return make_plan(spec, store, fingerprint_of=lambda data: "some")


@pytest.fixture
def spec(read: Read) -> SweepSpec:
    return read(SWEEP)


def by_title(plan: Plan) -> dict[str, str]:
    return {planned.title: planned.id for planned in plan.trials}


def test_parents_come_first_and_have_the_same_seed(spec: SweepSpec, store: Store) -> None:
    plan = plan_of(spec, store)
    ids = by_title(plan)
    assert [planned.title for planned in plan.trials] == [
        f"{method} seed={seed}"
        for seed in (0, 1)
        for method in ("standard", "first", "second", "third")
    ]
    for planned in plan.trials:
        assert planned.trial.id == planned.id
        assert planned.parents == planned.trial.parents
    parents = {planned.title: planned.parents for planned in plan.trials}
    for seed in (0, 1):
        assert parents[f"first seed={seed}"] == ()
        assert parents[f"second seed={seed}"] == (ids[f"first seed={seed}"],)
        assert parents[f"third seed={seed}"] == (ids[f"second seed={seed}"],)


def test_a_change_of_an_ancestor_changes_all_that_descend_from_it(
    read: Read, spec: SweepSpec, store: Store
) -> None:
    before = by_title(plan_of(spec, store))
    changed = by_title(
        plan_of(read(SWEEP, "methods.first={method: pgd, pgd.epsilon: 0.05}"), store)
    )
    same = {title for title in before if before[title] == changed[title]}
    assert same == {"standard seed=0", "standard seed=1"}
    changed = by_title(plan_of(read(SWEEP, "methods.second.training.epochs=3"), store))
    same = {title.split()[0] for title in before if before[title] == changed[title]}
    assert same == {"standard", "first"}


def test_what_is_left_names_whom_it_waits_for(
    spec: SweepSpec, store: Store, begin: Begin, finish: Finish
) -> None:
    plan = plan_of(spec, store)
    first, second, third = plan.trials[1:4]
    assert second.todo == f"waits for {first.id}, then 2 epochs from its weights, evaluation"
    assert third.todo == f"waits for {second.id}, then 4 epochs from its weights, evaluation"
    finish(first.trial, spec.suite, *BITS)
    first, second, third = refreshed(plan, store, spec).trials[1:4]
    assert second.todo == f"2 epochs from the weights of {first.id}, evaluation"
    assert third.waits_for == (second.id,)
    attempt = begin(second.trial)
    attempt.keep_checkpoint(
        Checkpoint(epochs_done=1, steps_done=0, model={}, optimiser={}, weighting={}, epoch={})
    )
    attempt.end("stopped")
    second = refreshed(plan, store, spec).trials[2]
    assert second.todo == "1 of 2 epochs, evaluation", "it goes on from its own checkpoint"


def test_a_failed_parent_strands_what_descends_from_it(
    spec: SweepSpec, store: Store, begin: Begin
) -> None:
    begin(plan_of(spec, store).trials[1].trial).fail("diverged", "losses must be finite", "")
    plan = plan_of(spec, store)
    first, second, third = plan.trials[1:4]
    assert (first.status, second.status, third.status) == ("failed", "pending", "pending")
    pending = {planned.id for planned in plan.pending(retry_failed=False)}
    assert pending.isdisjoint({first.id, second.id, third.id})
    assert plan.stranded(retry_failed=False) == (second, third)
    again = {planned.id for planned in plan.pending(retry_failed=True)}
    assert again >= {first.id, second.id, third.id}
    assert plan.stranded(retry_failed=True) == ()


def test_a_pruned_parent_prunes_what_descends_from_it(
    read: Read, store: Store, begin: Begin, tmp_path: Path
) -> None:
    spec = read(SWEEP, "stopping={collapse: {epochs: 1}}")
    attempt = begin(plan_of(spec, store).trials[1].trial)
    pruned = Pruned(
        rule="collapse",
        settings={"rule": "collapse", "epochs": 1},
        reason="right on one class at most from epoch 1 to 1",
        numbers={},
    )
    attempt.note(pruned=pruned)
    attempt.end("pruned")
    plan = plan_of(spec, store)
    first, second, third = plan.trials[1:4]
    assert (first.status, second.status, third.status) == ("pruned",) * 3
    assert second.pruning is not None
    assert second.pruning.reason.startswith(f"its parent {first.id} is pruned: right on one class")
    assert {each.trial.seed for each in plan.pending(retry_failed=True)[1:]} == {1}
    free = plan_of(read(SWEEP), store)
    assert [planned.status for planned in free.trials[1:4]] == ["pending"] * 3
    assert with_parents(plan.trials) == plan.trials, "looked at twice, it is the same"
    suite = tmp_path / "suite.yaml"
    suite.write_text("{pgd: {epsilon: 0.3, ladder: [1]}}")
    other = plan_of(reevaluated(spec, str(suite), only_front=False), store)
    assert [planned.status for planned in other.trials] == [it.status for it in plan.trials]


def test_nothing_waits_where_nothing_is_trained(
    spec: SweepSpec, store: Store, tmp_path: Path
) -> None:
    """Under another suite alone, trials with weights are evaluated, whatever became of parents."""
    suite = tmp_path / "suite.yaml"
    suite.write_text("{pgd: {epsilon: 0.3, ladder: [1]}}")
    plan = plan_of(reevaluated(spec, str(suite), only_front=False), store)
    assert all(planned.waits_for == () for planned in plan.trials)
