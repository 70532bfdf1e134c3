"""A start holds its sweep: others see it, and its budget is known before anything runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from orchestrator.costs.budget import Meter
from orchestrator.driver.holding import Hold, held
from orchestrator.execution.backend import RealTime
from orchestrator.spec.policy import BudgetSettings, Policy
from orchestrator.store import Store
from orchestrator.store.sweeps.starts import HeldError, all_starts
from trainer.training.signals import Requests


@contextmanager
def holding(store: Store, *, joins: bool = False, **policy: object) -> Iterator[Hold]:
    settings = Policy.model_validate({"lease": 600.0, **policy})
    with held(
        store.files,
        store.files,
        "front",
        policy=settings,
        meter=Meter(settings.resources, RealTime().clock),
        requests=Requests(),
        resume="python -m orchestrator.resume front.yaml",
        joins=joins,
        address="head:6379",
    ) as found:
        yield found


def test_sweep_is_held_for_the_time_of_the_block(store: Store) -> None:
    with holding(store) as its:
        (start,) = all_starts(store.files, "front")
        assert (start.folder, start.lasts) == (its.lease.folder, 600.0)
        assert (start.about.address, start.about.joins) == ("head:6379", False)
        assert not start.is_over
        assert not its.relay.is_stopped()
        with pytest.raises(HeldError), holding(store):
            pass
        with holding(store, joins=True) as other:
            assert other.lease.number > its.lease.number
    assert [start.is_over for start in all_starts(store.files, "front")] == [True] * 3


def test_budget_that_is_used_up_is_known_from_the_beginning(store: Store) -> None:
    store.files.write("ballast", b"0" * 2_000)
    with holding(store, budget=BudgetSettings(disk_gb=1e-6).model_dump()) as its:
        assert its.relay.is_stopped()
        assert str(its.relay.budget_reached).startswith("budget.disk_gb is 1e-06, and ")


def test_signal_that_came_before_stops_it(store: Store) -> None:
    with holding(store) as its:
        its.requests.note(15, None)
        assert its.relay.is_stopped()
