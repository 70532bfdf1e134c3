"""News told apart: nobody waits for who listens, and all is told in order."""

from __future__ import annotations

import sys
import threading

import pytest

from orchestrator.execution.report_thread import told_in_a_thread
from trainer.training.loop import EpochRow

ROWS: list[EpochRow] = [{"epoch": float(epoch)} for epoch in range(5)]


def test_who_tells_does_not_wait_for_who_listens_and_at_the_end_all_is_told_in_order() -> None:
    listens = threading.Event()
    heard: list[EpochRow] = []

    def hear(row: EpochRow) -> None:
        assert listens.wait(60)
        heard.append(row)

    with told_in_a_thread(hear) as tell:
        for row in ROWS:
            tell(row)
        assert heard == []
        listens.set()
    assert heard == ROWS


def test_all_is_told_before_what_went_wrong_goes_on() -> None:
    heard: list[EpochRow] = []
    with pytest.raises(ZeroDivisionError), told_in_a_thread(heard.append) as tell:
        for row in ROWS:
            tell(row)
        raise ZeroDivisionError
    assert heard == ROWS


def test_where_the_telling_breaks_off_nobody_is_held_up() -> None:
    heard: list[EpochRow] = []

    def hear_one(row: EpochRow) -> None:
        if heard:
            sys.exit(0)  # as Tune ends who reports to it
        heard.append(row)

    with told_in_a_thread(hear_one) as tell:
        for row in ROWS:
            tell(row)
    assert heard == ROWS[:1]
