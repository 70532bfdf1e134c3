"""Signals while a sweep begins and runs: noted whoever handles them."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from orchestrator.driver.signals import outlasting
from orchestrator.sweep import app
from trainer.training.signals import STOPS, noted

NAMES = [number.name for number in STOPS]


def send(number: int) -> None:
    """To this very process; Python's handler has run when this returns."""
    signal.raise_signal(number)


def handlers() -> list[Any]:
    return [signal.getsignal(number) for number in STOPS]


def test_no_signal_is_no_interruption() -> None:
    before = handlers()
    with noted() as requests, outlasting(requests):
        pass
    assert requests.stop is None
    assert handlers() == before


@pytest.mark.parametrize("number", STOPS, ids=NAMES)
def test_signals_are_noted_whoever_handles_them(number: signal.Signals) -> None:
    others: list[int] = []
    with noted() as requests:
        own = handlers()
        with outlasting(requests):
            for each in STOPS:
                signal.signal(each, lambda number, frame: others.append(number))
            send(number)
            assert requests.stop is None
        assert (requests.stop, others) == (number, [number])
        assert handlers() == own


def test_signals_are_noted_where_pipes_always_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Windows, which takes nothing but sockets for this."""
    monkeypatch.delattr(os, "set_blocking")
    with noted() as requests, outlasting(requests):
        signal.signal(signal.SIGTERM, lambda number, frame: None)
        send(signal.SIGTERM)
    assert requests.stop == signal.SIGTERM


def test_exit_of_another_handler_ends_the_block_alone() -> None:
    with noted() as requests:
        with outlasting(requests):
            signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(number))
            send(signal.SIGTERM)
            pytest.fail("the other handler exits")
        assert requests.stop == signal.SIGTERM


def test_other_errors_of_the_block_are_not_swallowed() -> None:
    before = handlers()
    with (
        pytest.raises(ConnectionError),
        noted() as requests,
        outlasting(requests),
    ):
        raise ConnectionError
    assert handlers() == before


def test_signal_while_something_is_waited_for_is_noted() -> None:
    with noted() as requests:
        signal.setitimer(signal.ITIMER_REAL, 0)  # none is running
        previous = signal.signal(signal.SIGALRM, lambda number, frame: send(signal.SIGTERM))
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.02)
            time.sleep(0.1)
        finally:
            signal.signal(signal.SIGALRM, previous)
        assert requests.stop == signal.SIGTERM


def test_interrupt_before_anything_was_begun(tmp_path: Path) -> None:
    pipe = tmp_path / "sweep.yaml"
    os.mkfifo(pipe)  # the command waits for somebody to write its file
    interrupt = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    interrupt.start()
    result = CliRunner().invoke(app, [str(pipe)])
    interrupt.join()
    assert (result.exit_code, result.output) == (128 + signal.SIGINT, "")
