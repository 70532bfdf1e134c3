"""What a start is asked from outside reaches its workers, once, and is said."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from orchestrator.costs.budget import Meter
from orchestrator.driver.order_relay import OrderRelay
from orchestrator.execution.backend import RealTime
from orchestrator.spec.policy import BudgetSettings, Resources
from orchestrator.store import Store
from orchestrator.store.leases.lease import Lease
from orchestrator.store.sweeps import orders
from orchestrator.store.sweeps.orders import Orders
from orchestrator.store.sweeps.starts import begun
from trainer.training.signals import Requests


@pytest.fixture
def lease(store: Store) -> Iterator[Lease]:
    """A start's own, that ticks for nobody."""
    with begun(
        store.files, store.files, "front", joins=False, lasts=600.0, on_tick=lambda lease: None
    ) as found:
        yield found


@pytest.fixture
def requests() -> Requests:
    return Requests()


def relay(
    store: Store, requests: Requests, budget: BudgetSettings | None = None
) -> tuple[OrderRelay, Meter]:
    meter = Meter(Resources(), RealTime().clock)
    found = OrderRelay(
        store.files,
        "front",
        requests=requests,
        budget=budget or BudgetSettings(),
        meter=meter,
        resume="python -m orchestrator.resume front.yaml",
    )
    return found, meter


def given(store: Store, lease: Lease) -> Orders:
    return orders.read(store.files, "front", lease.folder)


def test_nothing_asked_is_no_order(store: Store, lease: Lease, requests: Requests) -> None:
    its, _ = relay(store, requests)
    its.tick(lease)
    assert not its.is_stopped()
    assert store.files.read(f"{lease.folder}/orders.json") is None


def test_signals_become_orders(store: Store, lease: Lease, requests: Requests) -> None:
    its, _ = relay(store, requests)
    requests.note(signal.SIGUSR1, None)
    its.tick(lease)
    assert given(store, lease) == Orders(checkpoints=1)
    requests.note(signal.SIGTERM, None)
    assert its.is_stopped()
    its.tick(lease)
    assert given(store, lease) == Orders(stop=True, checkpoints=1)


def test_order_is_written_once(store: Store, lease: Lease, requests: Requests) -> None:
    its, _ = relay(store, requests)
    requests.note(signal.SIGTERM, None)
    its.tick(lease)
    store.files.remove(f"{lease.folder}/orders.json")
    its.tick(lease)
    assert store.files.read(f"{lease.folder}/orders.json") is None


def test_reached_budget_stops(store: Store, lease: Lease, requests: Requests) -> None:
    its, meter = relay(store, requests, BudgetSettings(core_hours=1e-9))
    meter.started("t1")
    its.tick(lease)
    assert its.is_stopped()
    assert "budget.core_hours is 1e-09" in str(its.budget_reached)
    assert given(store, lease).stop


def test_budget_is_reached_between_two_ticks(
    store: Store, lease: Lease, requests: Requests
) -> None:
    its, meter = relay(store, requests, BudgetSettings(core_hours=1.0))
    its.tick(lease)
    meter.started("t1")
    assert not its.is_stopped()
    now = meter.clock()
    meter.clock = lambda: now + 3600 / Resources().cpu
    assert its.is_stopped()


def test_budget_is_looked_at_before_anything_runs(
    store: Store, lease: Lease, requests: Requests
) -> None:
    store.files.write("ballast", b"0" * 2_000)
    its, _ = relay(store, requests, BudgetSettings(disk_gb=1e-6))
    its.look_at_budget(lease)
    assert its.is_stopped()


def test_pause_and_resume_are_said_once_each(
    store: Store, lease: Lease, requests: Requests, caplog: pytest.LogCaptureFixture
) -> None:
    its, _ = relay(store, requests)
    orders.pause(store.files, "front")
    for _ in range(2):
        its.tick(lease)
    assert not its.is_stopped()
    orders.resume(store.files, "front")
    for _ in range(2):
        its.tick(lease)
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 2
    assert said[0].startswith("paused by process ")
    assert said[0].endswith(": python -m orchestrator.resume front.yaml goes on")
    assert said[1] == "resumed"
