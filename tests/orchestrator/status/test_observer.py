"""A sweep seen from outside, look after look."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from orchestrator.costs.budget import SECONDS_BETWEEN_WEIGHINGS
from orchestrator.plan.manifest import write_manifest
from orchestrator.plan.plan import grown, make_plan
from orchestrator.plan.proposed import search_id
from orchestrator.search.growth import grow, proposed
from orchestrator.status import observer as observer_module
from orchestrator.status.observer import SILENCES, Observer, silent_since
from orchestrator.store import Store
from orchestrator.store.leases.lease import LeaseState, newest
from orchestrator.store.records.layout import TrialFolder
from orchestrator.store.records.version import enter
from orchestrator.store.sweeps.proposals import record_proposals
from tests.orchestrator.conftest import Begin, Read
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
    write_manifest(store.files, few.folder, plan)
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
    write_manifest(store.files, spec.folder, before)
    observer = Observer(spec, store.files)
    observer.look()
    monkeypatch.setattr(type(DATASETS["digits"]), "missing", lambda self, settings: "all files")
    fingerprint = before.trials[0].trial.fingerprint
    record_proposals(store.files, spec.name, search_id(spec), 1, proposed(spec, before))
    assert observer.look().plan == before  # nobody knows yet what these trials are called
    write_manifest(
        store.files,
        spec.folder,
        grown(before, spec, store, proposed(spec, before), fingerprint_of=lambda _: fingerprint),
    )
    assert len(observer.look().plan.trials) == 5


def test_storage_is_weighed_now_and_then_where_a_budget_caps_it(
    read: Read, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A listing of a large bucket takes seconds, and status --watch looks every two."""
    text = "data: digits\nmethods: {pgd: {}}\n"
    free, capped = read(text), read(text, "budget.disk_gb=1")
    now, weighed, stored = [0.0], [0], []

    def weigh(_: object) -> int:
        weighed[0] += 1
        return 1000 * weighed[0]

    def forecast(*arguments: Any, **options: Any) -> Any:
        stored.append(options["stored"])
        return real(*arguments, **options)

    real = observer_module.forecast
    monkeypatch.setattr(observer_module, "bytes_stored", weigh)
    monkeypatch.setattr(observer_module, "forecast", forecast)
    monkeypatch.setattr(observer_module, "clock", lambda: now[0])
    enter(store.files)
    Observer(free, store.files).look()
    assert (stored, weighed) == ([None], [0])
    looks = Observer(capped, store.files)
    for now[0] in (0.0, SECONDS_BETWEEN_WEIGHINGS, SECONDS_BETWEEN_WEIGHINGS + 1.0):
        looks.look()
    assert stored[1:] == [1000, 1000, 2000]


def test_who_holds_a_lease_is_silent_after_three_times_its_length(
    read: Read, store: Store, begin: Begin
) -> None:
    spec = read("data: digits\nmethods: {pgd: {}}\n")
    trial = make_plan(spec, store).trials[0].trial
    attempt = begin(trial)
    lease = newest(store.files, TrialFolder.of(trial.id).attempts)
    assert lease is not None
    since, lasts = "2026-01-01T00:00:00+00:00", 60.0
    held: LeaseState = dataclasses.replace(lease, since=since, lasts=lasts)
    minutes = f"2026-01-01T00:{SILENCES:02}:"
    assert silent_since(held, spec, f"{minutes}00+00:00") is None
    assert silent_since(held, spec, f"{minutes}01+00:00") == since
    unknown = dataclasses.replace(held, since=None)  # its record is damaged
    assert silent_since(unknown, spec, f"{minutes}01+00:00") is None
    attempt.end("stopped")
    over = newest(store.files, TrialFolder.of(trial.id).attempts)
    assert over is not None
    assert silent_since(dataclasses.replace(over, since=since), spec, f"{minutes}01+00:00") is None
