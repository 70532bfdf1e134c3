"""Orders to a sweep: stop, pause, checkpoints, through the store."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestrator.store import LocalFiles
from orchestrator.store.sweeps import orders
from orchestrator.store.sweeps.orders import Orders
from tests.orchestrator.working import started

START, OTHER = "sweeps/front/starts/000001", "sweeps/front/starts/000002"


@pytest.fixture
def files(tmp_path: Path) -> LocalFiles:
    return LocalFiles(tmp_path)


def test_nothing_is_asked_before_anybody_asks(files: LocalFiles) -> None:
    assert orders.read(files, "front", START) == Orders()
    assert orders.paused(files, "front") is None


def test_orders_are_of_one_start(files: LocalFiles) -> None:
    orders.give(files, START, stop=False, checkpoints=1)
    orders.give(files, START, stop=True, checkpoints=2)
    assert orders.read(files, "front", START) == Orders(stop=True, checkpoints=2)
    assert orders.read(files, "front", OTHER) == Orders()


def test_pause_is_of_all_starts_of_a_sweep(files: LocalFiles) -> None:
    orders.give(files, START, stop=False, checkpoints=3)
    assert orders.pause(files, "front")
    assert orders.read(files, "front", START) == Orders(checkpoints=3, paused=True)
    assert orders.read(files, "front", OTHER) == Orders(paused=True)
    assert orders.read(files, "back", OTHER) == Orders()
    assert orders.resume(files, "front")
    assert orders.read(files, "front", START) == Orders(checkpoints=3)


def test_who_pauses_or_resumes_second_is_told_so(files: LocalFiles) -> None:
    assert not orders.resume(files, "front")
    assert [orders.pause(files, "front") for _ in range(3)] == [True, False, False]
    assert [orders.resume(files, "front") for _ in range(2)] == [True, False]
    assert orders.pause(files, "front")


def test_pause_says_who_asked(files: LocalFiles, tmp_path: Path) -> None:
    process = started(orders.pause, LocalFiles(tmp_path), "front")
    process.join()
    record = orders.paused(files, "front")
    assert record is not None
    assert record.by.process == process.pid != os.getpid()


@pytest.mark.parametrize("damage", [b"", b"{", b"null", b'{"sha256": "0", "record": {}}'])
def test_damaged_order_is_none(files: LocalFiles, damage: bytes) -> None:
    orders.give(files, START, stop=True, checkpoints=1)
    orders.pause(files, "front")
    files.write(f"{START}/orders.json", damage)
    files.write("sweeps/front/paused.json", damage)
    assert orders.read(files, "front", START) == Orders()
    assert orders.pause(files, "front"), "and can be given again"
    assert orders.read(files, "front", START) == Orders(paused=True)
