"""When a sweep that is watched is over."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from orchestrator.plan.plan import make_plan
from orchestrator.search.growth import grow
from orchestrator.status import live
from orchestrator.status.observer import Observer, SweepSnapshot
from orchestrator.store import Store
from orchestrator.store.files.contract import UnreachableError
from orchestrator.store.records.version import enter
from tests.orchestrator.conftest import Finish, Read

SWEEP = """\
data: digits
search: {strategy: random, trials: 2}
methods: {pareto: {vary: {rho: {min: 0.1, max: 0.9}}}}
evaluation: {pgd: {ladder: [1, 2]}, flow: null, rt: null, integrated: null}
"""


class AwaitedError(Exception):
    """The sweep was looked at, and is waited for."""


def test_a_search_that_has_more_to_propose_is_waited_for(
    read: Read, store: Store, finish: Finish, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wait(seconds: float) -> None:
        raise AwaitedError(seconds)

    monkeypatch.setattr("orchestrator.status.live.time.sleep", wait)
    few, many = read(SWEEP), read(SWEEP, "search.trials=4")
    enter(store.files)
    for planned in grow(few, make_plan(few, store), store).trials:
        finish(planned.trial, few.suite, [1, 1], {"pgd": [[1, 0], [0, 0]]})
    for spec, is_over in ((few, True), (many, False)):
        observer = Observer(spec, store.files)
        looks = live._looks(spec, observer, observer.look())
        next(looks)
        with pytest.raises(StopIteration if is_over else AwaitedError):
            next(looks)


GRID = SWEEP.replace("search: {strategy: random, trials: 2}\n", "").replace(
    "pareto: {vary: {rho: {min: 0.1, max: 0.9}}}", "pareto: {rho: 0.4}"
)


def watched(
    read: Read, store: Store, finish: Finish, monkeypatch: pytest.MonkeyPatch, *, is_terminal: bool
) -> str:
    """What is shown of a sweep of two trials, of which one is done at the first look, none can be
    read at the second, and all are done at the third."""
    spec = read(GRID)
    enter(store.files)
    trials = [planned.trial for planned in make_plan(spec, store).trials]
    observer, looks = Observer(spec, store.files), [0]

    def finish_next(_: float) -> None:
        looks[0] += 1
        if looks[0] != 2:
            finish(trials.pop(0), spec.suite, [1, 1], {"pgd": [[1, 0], [0, 0]]})

    def look() -> SweepSnapshot:
        if looks[0] == 2:
            raise UnreachableError("the share is away")
        return real()

    real = observer.look
    monkeypatch.setattr("orchestrator.status.live.time.sleep", finish_next)
    monkeypatch.setattr(observer, "look", look)
    console = Console(file=io.StringIO(), width=120, height=30, force_terminal=is_terminal)
    live.keep_watching(
        spec, observer, observer.look(), damaged=(), rest="status --json", console=console
    )
    assert (looks, trials) == ([3], [])
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_where_nobody_looks_a_line_is_written_whenever_something_changes(
    read: Read, store: Store, finish: Finish, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = watched(read, store, finish, monkeypatch, is_terminal=False)
    lines = [line.split(" ", 1)[1] for line in shown.splitlines()]
    assert len(lines) == 4
    counts = [re.findall(r"\d+ (?:done|pending)", line) for line in lines]
    half = ["1 done", "1 pending"]
    assert counts == [["2 pending"], half, half, ["2 done"]]
    assert ["not seen since: the share is away" in line for line in lines] == [
        *(False, False, True, False)
    ]


def test_on_a_terminal_the_picture_is_drawn_anew(
    read: Read, store: Store, finish: Finish, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = watched(read, store, finish, monkeypatch, is_terminal=True)
    *_, last = shown.split("trial_id")
    assert last.count("done") >= 2
    assert re.search(r"front +\d trials, hypervolume [\d.]+", last)
    assert "pending" not in last
    assert "the share is away" in shown
    assert "the share is away" not in last
