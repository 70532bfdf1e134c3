"""What the terminal shows: how far the work is, and for how long yet."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from rich.console import Console

from orchestrator.driver import progress
from orchestrator.driver.progress import Display, Tally
from orchestrator.plan.plan import make_plan
from orchestrator.plan.planned_trial import PlannedTrial
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store import Progress, Store
from orchestrator.store.trials.records import Result
from orchestrator.terminal.units import duration


@pytest.fixture
def trials(read: Callable[..., SweepSpec], store: Store) -> tuple[PlannedTrial, ...]:
    """Two trials of three epochs."""
    text = "data: digits\ntraining: {epochs: 3}\nmethods: {flow: {}}\n"
    return make_plan(read(text), store).trials


def at(planned: PlannedTrial, *, epochs_done: int, trained: bool) -> PlannedTrial:
    """The same trial, farther."""
    state = Progress(
        result=Result(attempt=1, bytes=1, epochs=2, seconds=1.0) if trained else None,
        evaluation=None,
        epochs_done=epochs_done,
        steps_done=0,
        lease=None,
    )
    return PlannedTrial(**{**vars(planned), "progress": state})


class Clock:
    """Stands still unless it is moved."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


# --- tally: an evaluation counts as an epoch


def test_work_is_what_is_left(trials: tuple[PlannedTrial, ...], clock: Clock) -> None:
    first, second = trials
    begun = at(first, epochs_done=2, trained=False)
    trained = at(second, epochs_done=0, trained=True)
    assert Tally.of(trials, clock).todo == {first.id: 4, second.id: 4}
    assert Tally.of([begun, trained], clock).todo == {first.id: 2, second.id: 1}


def test_share_goes_from_none_to_all(clock: Clock) -> None:
    tally = Tally({"a": 3, "b": 1}, clock)
    assert tally.share == 0
    tally.started("a")
    tally.epoch_done("a")
    assert tally.share == 1 / 4
    tally.epoch_done("a")
    tally.trial_ended("b", failed=False, pruned=False)
    assert tally.share == 3 / 4
    tally.trial_ended("a", failed=True, pruned=False)
    assert tally.share == 1
    assert (tally.ended, tally.failed, tally.running) == (2, 1, set())


def test_epochs_run_twice_count_once(clock: Clock) -> None:
    tally = Tally({"a": 3}, clock)
    for _ in range(5):  # a worker died and another ran some again
        tally.epoch_done("a")
    assert tally.share == 2 / 3


def test_time_left_goes_by_the_pace_so_far(clock: Clock) -> None:
    tally = Tally({"a": 6, "b": 2}, clock)
    clock.now += 30
    assert tally.seconds_left() is None
    tally.epoch_done("a")
    assert tally.seconds_left() == pytest.approx(7 * 30)
    tally.trial_ended("b", failed=False, pruned=False)
    assert tally.seconds_left() == pytest.approx(5 * 10)
    tally.trial_ended("a", failed=False, pruned=False)
    assert tally.seconds_left() == 0


def test_tally_in_words(clock: Clock) -> None:
    tally = Tally({"a": 2, "b": 2, "c": 2}, clock)
    clock.now += 1200
    tally.started("a")
    tally.started("b")
    assert str(tally) == "0 of 3 trials done, 2 running, time left not known yet"
    tally.trial_ended("a", failed=False, pruned=False)
    tally.trial_ended("b", failed=True, pruned=False)
    tally.started("c")
    assert str(tally) == "1 of 3 trials done, 1 running, 1 failed, about 10 min left"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0 s"),
        (45, "45 s"),
        (89.4, "89 s"),
        (90, "2 min"),
        (150, "2 min"),
        (5300, "88 min"),
        (5400, "1 h 30 min"),
        (12_000, "3 h 20 min"),
        (360_000, "100 h 0 min"),
    ],
)
def test_durations_are_for_people(seconds: float, text: str) -> None:
    assert duration(seconds) == text


# --- display


def test_elsewhere_lines_are_few(clock: Clock) -> None:
    shown = io.StringIO()
    tally = Tally({"a": 9}, clock)
    display = Display(Console(file=shown, width=200), tally)
    with display.shown():
        for _ in range(5):
            tally.epoch_done("a")
            display.update()
    assert shown.getvalue() == ""


def test_elsewhere_a_line_says_how_far_it_is(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    monkeypatch.setattr(progress, "QUIET_SECONDS", 0.0)
    shown = io.StringIO()
    tally = Tally({"a": 4}, clock)
    clock.now += 600
    display = Display(Console(file=shown, width=200), tally)
    with display.shown():
        for _ in range(2):
            tally.epoch_done("a")
            display.update()
    assert shown.getvalue().splitlines() == [
        "0 of 1 trials done, 0 running, about 30 min left",
        "0 of 1 trials done, 0 running, about 10 min left",
    ]


def test_terminal_has_a_bar_and_keeps_nothing_of_it(clock: Clock) -> None:
    shown = io.StringIO()
    tally = Tally({"a": 2}, clock)
    display = Display(Console(file=shown, force_terminal=True, width=200), tally)
    with display.shown():
        tally.started("a")
        display.update()
    assert "0 of 1 trials done, 1 running" in shown.getvalue()
    assert shown.getvalue().endswith("\x1b[2K"), "the bar is erased"
