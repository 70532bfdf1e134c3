"""When a sweep that is watched is over."""

from __future__ import annotations

import pytest

from orchestrator.plan.plan import make_plan
from orchestrator.search.growth import grow
from orchestrator.status import live
from orchestrator.status.observer import Observer
from orchestrator.store import Store
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
