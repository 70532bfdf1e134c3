"""A sweep seen from outside, look after look."""

from __future__ import annotations

from orchestrator.plan.manifest import write_manifest
from orchestrator.plan.plan import make_plan
from orchestrator.search.growth import grow
from orchestrator.status.observer import Observer
from orchestrator.store import Store
from orchestrator.store.records.version import enter
from tests.orchestrator.conftest import Read

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
