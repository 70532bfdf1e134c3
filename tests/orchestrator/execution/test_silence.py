"""How a silent worker is ended."""

from __future__ import annotations

import os
import signal

import pytest

from orchestrator.execution import silence


@pytest.mark.parametrize("is_windows", [True, False])
def test_worker_is_ended_by_force(monkeypatch: pytest.MonkeyPatch, *, is_windows: bool) -> None:
    """Windows has no SIGKILL, and ends a process by force for every signal but Ctrl-C's."""
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda process, number: sent.append((process, number)))
    expected = signal.SIGTERM if is_windows else signal.SIGKILL
    if is_windows:
        monkeypatch.delattr(signal, "SIGKILL")
    silence._kill._function(4711)
    assert sent == [(4711, expected)]
