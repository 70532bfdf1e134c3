"""Weights to start from, checked before anything runs: that they are there, and that they fit."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest

from orchestrator.driver import parentage
from orchestrator.driver.parentage import check_parents
from orchestrator.plan.manifest import read_manifest, write_manifest
from orchestrator.plan.plan import Plan, make_plan, refreshed
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


@pytest.fixture
def given_up(spec: SweepSpec, plan: Plan, store: Store, finish: Finish) -> str:
    """A parent that was trained and whose weights are gone, by its id."""
    parent = plan.trials[1]
    finish(parent.trial, spec.suite, [1, 1], {"pgd": [[1, 0], [0, 0]]})
    give_up_weights(store.files, TrialFolder.of(parent.id))
    return parent.id


def test_weights_that_were_given_up_are_made_again_and_that_is_said(
    spec: SweepSpec, store: Store, given_up: str, caplog: pytest.LogCaptureFixture
) -> None:
    again = make_plan(spec, store, fingerprint_of=lambda data: "some")
    parent, child = again.trials[1:]
    assert (parent.id, parent.status, child.waits_for) == (given_up, "pending", (given_up,))
    pending = again.pending(retry_failed=False)
    check_parents(again, pending, store.files, document=spec.document, away={child.trial.data})
    why = f"its weights were given up, and {child.id} needs them"
    assert f"trial {given_up} is trained once more: {why}" in caplog.text


def test_for_a_trial_that_failed_weights_are_made_again_where_it_is_tried_again(
    spec: SweepSpec, store: Store, plan: Plan, given_up: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A start without `--retry-failed` leaves both alone."""
    child = plan.trials[2]
    store.trial(child.id).describe(child.trial)
    store.trial(child.id).record_failure("exception", "no", "")
    failed = make_plan(spec, store, fingerprint_of=lambda data: "some")
    assert [each.status for each in failed.trials[1:]] == ["done", "failed"]
    again = make_plan(spec, store, fingerprint_of=lambda data: "some", retry_failed=True)
    assert [each.status for each in again.trials[1:]] == ["pending", "failed"]
    retried = again.pending(retry_failed=True)
    assert [each.id for each in retried[-2:]] == [given_up, child.id], "none before its parents"
    assert retried[-1].waits_for == (given_up,)
    check_parents(again, retried, store.files, document=spec.document, away={child.trial.data})
    why = f"its weights were given up, and {child.id} needs them"
    assert f"trial {given_up} is trained once more: {why}" in caplog.text
    assert refreshed(again, store, spec).trials[1].again == why, "as a plan that grows looks again"
    write_manifest(store.files, spec.folder, failed)
    store.files.remove(TrialFolder.of(given_up).dropped)  # as the message says
    settled = read_manifest(store.files, spec).settled
    known = make_plan(spec, store, fingerprint_of=lambda data: "some", settled=settled)
    assert known.trials[1].status == "done", "the manifest has not heard of it"
    retried = known.pending(retry_failed=True)
    check_parents(known, retried, store.files, document=spec.document, away={child.trial.data})


def test_what_a_person_has_deleted_is_untrained_whatever_the_manifest_says(
    spec: SweepSpec, store: Store, plan: Plan, finish: Finish, given_up: str
) -> None:
    child = plan.trials[2]
    finish(child.trial, spec.suite, [1, 1], {"pgd": [[1, 0], [0, 0]]})
    write_manifest(
        store.files, spec.folder, make_plan(spec, store, fingerprint_of=lambda data: "some")
    )
    for trial_id in (given_up, child.id):
        for name in ("dropped.json", "result.json"):
            store.files.remove(f"{TrialFolder.of(trial_id).path}/{name}")
    settled = read_manifest(store.files, spec).settled
    of_parent = {given_up: settled[given_up]}
    known = make_plan(spec, store, fingerprint_of=lambda data: "some", settled=of_parent)
    assert [(each.status, each.again) for each in known.trials[1:]] == [("pending", None)] * 2
