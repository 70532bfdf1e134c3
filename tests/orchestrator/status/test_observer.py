"""A sweep seen from outside, look after look."""

from __future__ import annotations

import pytest

from orchestrator.plan.manifest import write_manifest
from orchestrator.plan.plan import grown, make_plan
from orchestrator.plan.proposed import search_id
from orchestrator.search.growth import grow, proposed
from orchestrator.status.observer import Observer
from orchestrator.store import Store
from orchestrator.store.records.version import enter
from orchestrator.store.sweeps.proposals import record_proposals
from tests.orchestrator.conftest import Read
from trainer.data import DATASETS

SWEEP = """\
data: digits
search: {strategy: random, trials: 4}
methods: {pareto: {vary: {rho: {min: 0.1, max: 0.9}}}}
"""


def test_what_is_proposed_meanwhile_is_seen_at_the_next_look(read: Read, store: Store) -> None:
    few, many = read(SWEEP), read(SWEEP, "search.trials=7")
    enter(store.files)
    plan = grow(few, make_plan(few, store), store)
    write_manifest(store.files, few, plan)
    observer = Observer(many, store.files)
    first = observer.look()
    assert len(first.plan.trials) == 1 + 4
    grow(many, make_plan(many, store), store)
    second = observer.look()
    assert second.plan.trials[:5] == first.plan.trials
    assert second.search is not None
    assert (second.search.proposed, second.search.by_method) == (7, {"pareto": 7})
    told = second.record(many, ())
    assert told["counts"] == {"pending": 8}
    assert told["search"]["trials"] == 7


def test_data_of_what_is_proposed_meanwhile_need_not_be_here(
    read: Read, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sweep's starts have found them, and whoever only looks downloads none."""
    spec = read(
        SWEEP.replace("rho: {min: 0.1, max: 0.9}", "data.train_examples: [50, 60, 70, 80]").replace(
            "pareto: {", "pareto: {rho: 0.4, "
        )
    )
    enter(store.files)
    before = make_plan(spec, store)
    write_manifest(store.files, spec, before)
    observer = Observer(spec, store.files)
    observer.look()
    monkeypatch.setattr(type(DATASETS["digits"]), "missing", lambda self, settings: "all files")
    fingerprint = before.trials[0].trial.fingerprint
    record_proposals(store.files, spec.name, search_id(spec), 1, proposed(spec, before))
    assert observer.look().plan == before  # nobody knows yet what these trials are called
    write_manifest(
        store.files,
        spec,
        grown(before, spec, store, proposed(spec, before), fingerprint_of=lambda _: fingerprint),
    )
    assert len(observer.look().plan.trials) == 5
