"""Weights to start from, checked before anything runs: that they are there, and that they fit."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest

from orchestrator.driver import parentage
from orchestrator.driver.parentage import check_parents
from orchestrator.plan.manifest import read_manifest, write_manifest
from orchestrator.plan.plan import Plan, make_plan
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store import Store
from orchestrator.store.records.layout import TrialFolder
from orchestrator.store.trials.result import give_up_weights
from trainer.data import DataSettings

Read = Callable[..., SweepSpec]
Finish = Callable[..., None]

SWEEP = """\
data: digits
methods:
  first: {method: pgd}
  second: {method: pgd, start: {from: first}, data.name: mnist}
evaluation: {pgd: {ladder: [1, 2]}, flow: null, rt: null}
"""
SHAPES = {"digits": ((1, 8, 8), 10), "mnist": ((1, 28, 28), 10)}


@pytest.fixture
def spec(read: Read) -> SweepSpec:
    return read(SWEEP)


@pytest.fixture
def plan(spec: SweepSpec, store: Store) -> Plan:
    return make_plan(spec, store, fingerprint_of=lambda data: "some")


def loads(monkeypatch: pytest.MonkeyPatch, shapes: dict[str, object]) -> None:
    """Data sets of these images' shapes and numbers of classes, by name."""

    def load(data: DataSettings, device: object) -> SimpleNamespace:
        del device
        shape, classes = shapes[data.name]  # type: ignore[misc]
        return SimpleNamespace(image_shape=shape, num_classes=classes)

    monkeypatch.setattr(parentage, "load", load)


def test_a_network_for_other_images_is_refused(
    spec: SweepSpec, plan: Plan, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads(monkeypatch, SHAPES)
    with pytest.raises(ValueError, match=r"sweep.yaml:4: methods.second: must start from a netw"):
        check_parents(plan, plan.trials, store.files, document=spec.document, away=())
    check_parents(
        plan, plan.trials, store.files, document=spec.document, away={plan.trials[2].trial.data}
    )
    loads(monkeypatch, {"digits": SHAPES["mnist"], "mnist": SHAPES["mnist"]})
    check_parents(plan, plan.trials, store.files, document=spec.document, away=())


def test_weights_that_were_given_up_are_none(
    spec: SweepSpec, plan: Plan, store: Store, finish: Finish
) -> None:
    parent = plan.trials[1]
    finish(parent.trial, spec.suite, [1, 1], {"pgd": [[1, 0], [0, 0]]})
    give_up_weights(store.files, TrialFolder.of(parent.id))
    again = make_plan(spec, store, fingerprint_of=lambda data: "some")
    with pytest.raises(ValueError, match=f"those of {parent.id} .* were given up"):
        check_parents(
            again, again.pending(retry_failed=False), store.files, document=spec.document, away=()
        )
    write_manifest(store.files, spec, again)
    store.files.remove(TrialFolder.of(parent.id).dropped)  # as the message says
    settled = read_manifest(store.files, spec).settled
    known = make_plan(spec, store, fingerprint_of=lambda data: "some", settled=settled)
    assert known.trials[1].status == "done"
    pending = known.pending(retry_failed=False)
    check_parents(
        known, pending, store.files, document=spec.document, away={known.trials[2].trial.data}
    )
