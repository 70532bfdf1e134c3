"""Reports by a thread of their own: nobody waits for who receives them, and all come in order."""

from __future__ import annotations

import sys
import threading

import pytest

from orchestrator.execution.report_thread import reported_in_a_thread
from trainer.training.loop import EpochRow

ROWS: list[EpochRow] = [{"epoch": float(epoch)} for epoch in range(5)]


def test_who_reports_does_not_wait_and_at_the_end_all_has_come_in_order() -> None:
    receives = threading.Event()
    received: list[EpochRow] = []

    def receive(row: EpochRow) -> None:
        assert receives.wait(60)
        received.append(row)

    with reported_in_a_thread(receive) as report:
        for row in ROWS:
            report(row)
        assert received == []
        receives.set()
    assert received == ROWS


def test_all_has_come_before_what_went_wrong_goes_on() -> None:
    received: list[EpochRow] = []
    with pytest.raises(ZeroDivisionError), reported_in_a_thread(received.append) as report:
        for row in ROWS:
            report(row)
        raise ZeroDivisionError
    assert received == ROWS


def test_where_the_receiver_breaks_off_nobody_is_held_up() -> None:
    received: list[EpochRow] = []

    def receive_one(row: EpochRow) -> None:
        if received:
            sys.exit(0)  # as Tune ends who reports to it
        received.append(row)

    with reported_in_a_thread(receive_one) as report:
        for row in ROWS:
            report(row)
    assert received == ROWS[:1]
