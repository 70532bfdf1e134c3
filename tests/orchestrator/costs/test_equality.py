"""What a dry run says of how much each method is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from orchestrator.costs.equality import Equality, equality
from orchestrator.plan.plan import make_plan
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store import Store
from trainer.config import Trial

Read = Callable[..., SweepSpec]

SWEEP = """\
data: {name: digits, train_examples: 64}
training:
  epochs: 5
  batch_size: 32
  attacks: {pgd: {num_steps: 2}, flow: {num_steps: 2}, rt: {num_steps: 2}}
methods:
  flow: {vary: {natural_weight: [0.25, 0.5]}}
  pgd: {vary: {natural_weight: [0.25, 0.5]}}
seeds: [0, 1]
tracking: none
"""
AN_EPOCH = 64 * (2 * 2 + 2 * 2)


def given(read: Read, store: Store, *assignments: str) -> Equality:
    spec = read(SWEEP, *assignments)
    return equality(make_plan(spec, store, fingerprint_of=lambda data: "made up").trials)


def test_equal_methods_are_called_equal(read: Read, store: Store) -> None:
    found = given(read, store)
    assert found.cells == {"flow": 2, "pgd": 2}, "the reference is none of them"
    assert found.passes == {"flow": 5 * AN_EPOCH, "pgd": 5 * AN_EPOCH}
    assert list(found.lines()) == [
        ("methods", "epochs are equal (5); costs are equal (up to 2.56 k passes a trial)")
    ]
    assert found.record()["warnings"] == []


def test_cells_are_told_apart_without_ids_which_take_seconds_for_many(
    read: Read, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = read(SWEEP)
    trials = make_plan(spec, store, fingerprint_of=lambda data: "made up").trials
    monkeypatch.setattr(Trial, "id", property(lambda trial: pytest.fail("an id is made")))
    assert equality(trials).cells == {"flow": 2, "pgd": 2}


def test_what_differs_is_said_with_names_and_counts(read: Read, store: Store) -> None:
    found = given(
        read,
        store,
        "methods.tuned={method: pgd, training.epochs: 3, start: {from: {method: flow, "
        "natural_weight: 0.5}}}",
        "methods.again={method: replay, of: pgd}",
    )
    assert found.cells == {"flow": 2, "pgd": 2, "tuned": 1, "again": 2}
    lines = [said for _, said in found.lines()]
    tuned = 3 * 64 * (2 * 2 + 2) + 5 * AN_EPOCH
    assert found.passes["tuned"] == tuned, "its parent's are among them"
    assert lines[0].startswith(
        "epochs differ (flow 5, pgd 5, tuned 3, again 5); costs differ (flow"
    )
    assert lines[1].startswith("cells differ between methods, flow 2, pgd 2, tuned 1, again 2: ")


def test_seeds_that_differ_are_told(read: Read, store: Store) -> None:
    spec = read(SWEEP)
    trials = make_plan(spec, store, fingerprint_of=lambda data: "made up").trials
    fewer = [it for it in trials if it.method != "pgd" or it.trial.seed == 0]
    (warning,) = equality(fewer).warnings()
    assert warning == "seeds differ between methods, flow 2, pgd 1: give each the same ones"
    unknown = [replace(it, is_reference=True) for it in trials if it.method == "pgd"]
    assert list(equality(unknown).lines()) == []


def test_a_cap_makes_costs_equal_where_epochs_are_not(read: Read, store: Store) -> None:
    free = given(read, store, "methods.average={vary: {natural_weight: [0.25, 0.5]}}")
    assert "costs differ" in dict(free.lines())["methods"]
    cap = f"training.max_passes={64 * 54}"  # an epoch of pgd takes 64 * 6, of the average three
    more = "methods={pgd: {training.epochs: 99}, average: {training.epochs: 99}}"
    capped = dict(given(read, store, cap, more).lines())["methods"]
    assert capped.startswith("epochs differ (pgd 9, average 3); costs are equal")
    few = "methods={pgd: {training.epochs: 5}, average: {training.epochs: 99}}"
    below = dict(given(read, store, cap, few).lines())["methods"]
    assert below == (
        "epochs differ (pgd 5, average 3); costs differ below the cap of 3.46 k (pgd 1.92 k, "
        "average 3.46 k passes a trial)"
    ), "its epochs end a trial of pgd before the cap does"
