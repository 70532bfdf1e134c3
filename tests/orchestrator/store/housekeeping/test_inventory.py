"""The list of a store's trials says how far each is, also where another version knew more."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.plan.plan import make_plan
from orchestrator.store import Store
from orchestrator.store.housekeeping.inventory import Entry, UnknownSweepError, inventory
from orchestrator.store.leases.records import Pruned
from orchestrator.store.records.layout import TrialFolder
from tests.orchestrator.conftest import Begin, Finish, Read
from tests.orchestrator.plain import write_plain

SWEEP = """\
data: digits
methods: {pareto: {rho: 0.4}, flow: {}}
evaluation: {pgd: {ladder: [1]}, flow: null, rt: null}
"""


def listed(store: Store) -> dict[str, Entry]:
    return {entry.id: entry for entry in inventory(store.files, sweep=None)}


def test_states_are_those_of_attempts(
    read: Read, store: Store, begin: Begin, finish: Finish
) -> None:
    spec = read(SWEEP)
    standard, pareto, flow = (planned.trial for planned in make_plan(spec, store).trials)
    finish(standard, spec.suite, [1, 1], {"pgd": [[1, 0]]})
    pruned = begin(pareto)
    pruned.note(pruned=Pruned(rule="collapse", settings={}, reason="so", numbers={}))
    pruned.end("pruned")
    begin(flow).fail("diverged", "losses must be finite", "")
    found = listed(store)
    assert {it: entry.state for it, entry in found.items()} == {
        standard.id: "done",
        pareto.id: "pruned: collapse",
        flow.id: "failed: diverged",
    }
    assert found[pareto.id].method == "pareto rho=0.4"
    assert (found[standard.id].evaluations, found[standard.id].epochs_done) == (2, 2)
    assert found[standard.id].bytes == sum(
        store.files.sizes(TrialFolder.of(standard.id).path).values()
    )


@pytest.mark.parametrize(
    ("method", "shown"),
    [
        ({"method": "my.package:Method", "strength": 3}, "my.package:Method"),
        ({"method": "pareto", "rho": "of another version"}, "pareto"),
        ({"method": "pareto", "rho": 0.4}, "pareto rho=0.4"),
        (None, None),
    ],
)
def test_method_that_is_not_known_here_is_named_without_its_settings(
    store: Store, method: dict[str, Any] | None, shown: str | None
) -> None:
    trial = {} if method is None else {"method": method}
    place = TrialFolder.of("t0123456789abcdef")
    write_plain(store.files, place.description, {"version": 2, "trial": trial})
    (entry,) = inventory(store.files, sweep=None)
    assert (entry.method, entry.state, entry.attempts) == (shown, "pending", 0)
    assert (entry.data, entry.seed, entry.changed, entry.sweeps) == (None, None, None, ())


def test_sweep_that_is_not_there_is_refused_with_those_that_are(store: Store) -> None:
    with pytest.raises(UnknownSweepError, match=r"must be one that .*'small'; there are none"):
        inventory(store.files, sweep="small")
