"""Of the parts of a cluster: who is gone, and who is merely slow."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from orchestrator.execution import address
from orchestrator.execution.cluster_watch import Part


@pytest.fixture
def mute(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a server that takes connections and never says a word."""
    monkeypatch.setattr(address, "CONNECT_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def part(address: str, *, may_be_slow: bool) -> Part:
    """One that answered a minute ago."""
    return Part("head", address, 45.0, may_be_slow, time.monotonic() - 60)


def test_what_refuses_is_gone_wherever_it_is() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        closed = f"127.0.0.1:{server.getsockname()[1]}"
    assert part(closed, may_be_slow=True).silence() >= 60
    assert part(closed, may_be_slow=False).silence() >= 60


def test_what_is_mute_is_gone_elsewhere_and_busy_here(mute: str) -> None:
    assert part(mute, may_be_slow=False).silence() >= 60
    assert part(mute, may_be_slow=True).silence() < 1
