"""The page while a sweep runs: written seldom, after something came, and never to its harm."""

from __future__ import annotations

import threading

import pytest

from orchestrator.driver.live_page import SECONDS_BETWEEN, LivePage, paced
from orchestrator.plan.plan import Plan, make_plan
from orchestrator.store import Store
from tests.orchestrator.conftest import Read


@pytest.fixture(autouse=True)
def _no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which takes a second to make."""
    monkeypatch.setattr("orchestrator.driver.live_page.charting_library", lambda: "")


@pytest.mark.parametrize(("took", "rests"), [(0.1, SECONDS_BETWEEN), (2.0, 38.0)])
def test_writing_takes_no_more_than_a_twentieth_of_the_time(took: float, rests: float) -> None:
    now, waited = [100.0], []

    def write() -> None:
        now[0] += took

    paced(waited.append, lambda: now[0])(write)
    assert waited == [pytest.approx(rests)]


def test_a_page_that_cannot_be_written_is_told_once_and_harms_nothing(
    read: Read, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    spec = read("data: digits\nmethods: {pgd: {}}\ntracking: none\n")
    told = threading.Event()

    class Broken(LivePage):
        def write(self) -> None:
            told.set()
            raise OSError("no room")

    page = Broken(spec, make_plan(spec, store), store)
    with page.kept():
        assert told.wait(60)
        page.changed()
    (record,) = [it for it in caplog.records if "live page" in it.getMessage()]
    assert record.getMessage().endswith("no room")


def test_it_is_written_at_once_and_left_alone_at_the_end(read: Read, store: Store) -> None:
    spec = read("data: digits\nmethods: {pgd: {}}\ntracking: none\n")
    written: list[Plan] = []

    class Told(LivePage):
        def write(self) -> None:
            written.append(self._plan)
            there.set()

    there = threading.Event()
    page = Told(spec, make_plan(spec, store), store)
    with page.kept():
        assert there.wait(60)
        page.changed()
    page.changed()
    assert len(written) == 1, "the next one is not due before its end"
