"""Accuracies at every rung of a ladder, counted from the bits in the store."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from orchestrator.plan.plan import make_plan
from orchestrator.results.rungs import rungs_of
from orchestrator.store import Store
from orchestrator.store.trials.records import Halves, OnImages
from tests.orchestrator.conftest import Finish, Read

SPEC = """
data: {name: digits}
methods: {pgd: {}}
seeds: [0, 1]
evaluation:
  {pgd: {ladder: [1, 10]}, flow: {ladder: [5]}, rt: null, grid: {attack: rt_grid, epsilon: 0.1}}
tracking: none
"""

BITS: dict[str, Any] = {
    "pgd": [[1, 1, 1, 0], [1, 0, 0, 0]],
    "flow": [[1, 1, 0, 0]],
    "grid": [[1, 0, 0, 0]],
}


def test_every_rung_is_counted_from_the_bits_and_no_curve_rises(
    read: Read, finish: Finish, store: Store
) -> None:
    spec = read(SPEC)
    first, second, *_ = [it.trial for it in make_plan(spec, store).trials if not it.is_reference]
    finish(first, spec.suite, [1, 1, 1, 0], BITS)
    finish(second, spec.suite, [1, 1, 0, 0], {**BITS, "pgd": [[1, 0, 0, 0], [0] * 4]})
    found: Any = SimpleNamespace(plan=make_plan(spec, store), images="suite")
    rungs = rungs_of(spec, found, {first.id, second.id}, "last")
    assert rungs.images == 4
    assert rungs.without_ladder == ("grid",)
    by = rungs.table.set_index(["trial_id", "category", "steps"])["accuracy"]
    assert by[first.id].to_dict() == {
        ("pgd", 0): 3 / 4,
        ("pgd", 1): 3 / 4,
        ("pgd", 10): 1 / 4,
        ("flow", 0): 3 / 4,
        ("flow", 5): 2 / 4,
    }
    for (_, category), curve in by.groupby(["trial_id", "category"]):
        assert (np.diff(curve.sort_index(level="steps")) <= 0).all(), category
    assert set(rungs_of(spec, found, {second.id}, "last").table["trial_id"]) == {second.id}


def test_bits_that_do_not_say_which_images_pick_are_counted_as_lacking(
    read: Read, finish: Finish, store: Store
) -> None:
    spec = read(SPEC)
    first, second, *_ = [it.trial for it in make_plan(spec, store).trials if not it.is_reference]
    halves = Halves(steering=OnImages(examples=2), picking=OnImages(examples=2))
    finish(first, spec.suite, [1] * 4, BITS, halves=halves)
    finish(second, spec.suite, [1] * 4, BITS)
    found: Any = SimpleNamespace(plan=make_plan(spec, store), images="picking")
    rungs = rungs_of(spec, found, {first.id, second.id}, "last")
    assert rungs.lacking == 1
    assert set(rungs.table["trial_id"]) == {second.id}
    assert rungs.suite.split == "validation"
