"""SIGINT and SIGTERM while a sweep runs: noted once, obeyed at once the second time."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from orchestrator.driver.signals import SIGNALS, watched
from orchestrator.sweep import app

NAMES = [number.name for number in SIGNALS]


def send(number: int) -> None:
    """To this very process; Python's handler has run when this returns."""
    signal.raise_signal(number)


def handlers() -> list[Any]:
    return [signal.getsignal(number) for number in SIGNALS]


def test_no_signal_is_no_interruption() -> None:
    before = handlers()
    with watched() as interruption, interruption.outlasting():
        pass
    assert interruption.signal is None
    assert handlers() == before


@pytest.mark.parametrize("number", SIGNALS, ids=NAMES)
def test_first_signal_is_noted_and_nothing_more(number: signal.Signals) -> None:
    before = handlers()
    with watched() as interruption:
        send(number)
        assert interruption.signal == number
    assert handlers() == before


def stop_twice(first: int, second: int) -> None:
    try:
        with watched():
            send(first)
            send(second)
    finally:
        os._exit(1)  # only where the second signal did not end the process


@pytest.mark.parametrize("second", SIGNALS, ids=NAMES)
def test_second_signal_ends_the_process_at_once(second: signal.Signals) -> None:
    process = multiprocessing.get_context("fork").Process(
        target=stop_twice, args=(signal.SIGINT, second)
    )
    process.start()
    process.join(10)
    assert process.exitcode == 128 + second


@pytest.mark.parametrize("number", SIGNALS, ids=NAMES)
def test_signals_are_noted_whoever_handles_them(number: signal.Signals) -> None:
    others: list[int] = []
    with watched() as interruption:
        own = handlers()
        with interruption.outlasting():
            for each in SIGNALS:
                signal.signal(each, lambda number, frame: others.append(number))
            send(number)
            assert interruption.signal is None
        assert (interruption.signal, others) == (number, [number])
        assert handlers() == own


def test_exit_of_another_handler_ends_the_block_alone() -> None:
    with watched() as interruption:
        with interruption.outlasting():
            signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(number))
            send(signal.SIGTERM)
            pytest.fail("the other handler exits")
        assert interruption.signal == signal.SIGTERM


def test_other_errors_of_the_block_are_not_swallowed() -> None:
    before = handlers()
    with (
        pytest.raises(ConnectionError),
        watched() as interruption,
        interruption.outlasting(),
    ):
        raise ConnectionError
    assert handlers() == before


def test_signal_while_something_is_waited_for_is_noted() -> None:
    with watched() as interruption:
        signal.setitimer(signal.ITIMER_REAL, 0)  # none is running
        previous = signal.signal(signal.SIGALRM, lambda number, frame: send(signal.SIGTERM))
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.02)
            time.sleep(0.1)
        finally:
            signal.signal(signal.SIGALRM, previous)
        assert interruption.signal == signal.SIGTERM


def test_interrupt_before_anything_was_begun(tmp_path: Path) -> None:
    pipe = tmp_path / "sweep.yaml"
    os.mkfifo(pipe)  # the command waits for somebody to write its file
    interrupt = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    interrupt.start()
    result = CliRunner().invoke(app, [str(pipe)])
    interrupt.join()
    assert (result.exit_code, result.output) == (128 + signal.SIGINT, "")
