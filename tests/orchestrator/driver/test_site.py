"""Where trials run: what is connected to, and when."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from orchestrator.driver import site
from orchestrator.driver.site import Site
from orchestrator.execution.in_process import InProcess
from orchestrator.execution.tuning import RayTune
from orchestrator.spec.policy import Resources
from trainer.training.signals import Requests


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is connected to and left, in place of Ray."""
    found: list[str] = []

    @contextmanager
    def connected(address: str | None, needed: Resources) -> Iterator[None]:
        found.append(f"to {address or 'here'}")
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # as Ray puts handlers of its own
        try:
            yield
        finally:
            found.append("left")

    monkeypatch.setattr(site, "_connected", connected)
    return found


def new_site(*, address: str | None = None, is_local: bool = False) -> Site:
    return Site(address=address, is_local=is_local, resources=Resources(), requests=Requests())


@pytest.mark.parametrize(
    ("address", "is_local", "joined", "started"),
    [
        (None, False, [], ["to here"]),
        (None, True, [], []),
        ("head:6379", False, ["to head:6379"], ["to head:6379"]),
    ],
)
def test_cluster_elsewhere_is_joined_early_and_ray_here_started_late(
    events: list[str], address: str | None, is_local: bool, joined: list[str], started: list[str]
) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with new_site(address=address, is_local=is_local) as its:
        assert events == []
        its.join()
        assert events == joined
        its.start()
        assert events == started
        assert signal.getsignal(signal.SIGTERM) == before
        its.leave()
        after = ["left"] if started else []
        assert events == started + after
    assert events == started + after


def test_site_is_left_at_the_end_of_the_block(events: list[str]) -> None:
    with pytest.raises(ZeroDivisionError), new_site() as its:
        its.start()
        raise ZeroDivisionError
    assert events == ["to here", "left"]


def test_back_end_is_of_the_site() -> None:
    assert isinstance(new_site(is_local=True).back_end(), InProcess)
    assert isinstance(new_site().back_end(), RayTune)


@pytest.mark.parametrize("is_local", [True, False])
def test_time_is_that_of_the_back_end(is_local: bool) -> None:
    its = new_site(is_local=is_local)
    end = its.back_end()
    times = [its.clock(), end.clock(), its.clock()]
    assert times == sorted(times)
