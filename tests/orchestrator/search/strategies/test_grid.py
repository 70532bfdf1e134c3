"""The grid as a strategy: all points, in the order of the file, from whoever asks."""

from __future__ import annotations

from collections.abc import Callable

from orchestrator.plan.plan import make_plan
from orchestrator.plan.proposed import cells_with_seeds, known_of, planned_anyway
from orchestrator.search.growth import observe, proposed
from orchestrator.search.strategies.grid import propose
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store import Store

Read = Callable[..., SweepSpec]

SWEEP = """\
data: digits
training: {epochs: 5}
methods:
  tuned:
    method: average
    start: {from: {method: base, natural_weight: 0.5, pgd.epsilon: 0.2}}
  base: {method: average, vary: {natural_weight: [0, 0.5], pgd.epsilon: [0.1, 0.2]}}
  fixed: {method: average, natural_weight: 0.5, pgd.epsilon: 0.1}
  standard: {vary: {training.epochs: [2, 5]}}
seeds: [0, 1]
"""


def test_all_points_are_proposed_once_parents_first(read: Read) -> None:
    """`fixed` is a point of `base`, and one of `standard` is the reference."""
    spec = read(SWEEP)
    proposals = propose(known_of(spec, planned_anyway(spec)), most=100)
    assert [(it.method, *it.point.values()) for it in proposals] == [
        ("base", 0.5, 0.2),
        ("tuned",),
        ("base", 0, 0.1),
        ("base", 0, 0.2),
        ("base", 0.5, 0.1),
        ("standard", 2),
    ]
    assert {it.seeds for it in proposals} == {(0, 1)}
    cells = [cell for cell, _ in cells_with_seeds(spec, proposals)]
    assert [spec.cells[0], *cells] == list(spec.cells), "those that were checked with the file"


def test_a_plan_is_of_what_the_grid_proposes(read: Read, store: Store) -> None:
    spec = read(SWEEP)
    plan = make_plan(spec, store)
    assert [(it.trial.seed, it.method, it.settings) for it in plan.trials] == [
        (seed, cell.method, cell.settings) for seed in (0, 1) for cell in spec.cells
    ]
    assert len(plan.proposals) == len(spec.cells) - 1
    assert not any("proposals" in name for name in store.files.sizes("sweeps"))


def test_what_is_known_is_not_proposed_again(read: Read, store: Store) -> None:
    spec = read(SWEEP)
    plan = make_plan(spec, store)
    known = observe(spec, plan)
    assert propose(known, most=100) == []
    assert proposed(spec, plan) == ()
    some = known_of(spec, spec.cells[:3])
    assert propose(some, most=100) == list(plan.proposals[2:])
    assert propose(some, most=5) == list(plan.proposals[2:4]), "two seeds a cell: no more fit"
