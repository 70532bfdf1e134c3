"""Signals are noted and nothing more; the second that asks to stop is the end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from trainer.training.signals import noted

ALL = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)


def send(number: int) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_is_noted_and_nothing_more(number: signal.Signals) -> None:
    with noted() as requests:
        assert (requests.stop, requests.checkpoints) == (None, 0)
        send(number)
        assert (requests.stop, requests.checkpoints) == (number, 0)


def test_a_checkpoint_may_be_asked_for_again_and_again() -> None:
    with noted() as requests:
        for count in range(3):
            assert (requests.stop, requests.checkpoints) == (None, count)
            send(signal.SIGUSR1)
        send(signal.SIGTERM)
        send(signal.SIGUSR1)
        assert requests.stop == signal.SIGTERM


def test_where_there_is_no_sigusr1_stops_are_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Windows."""
    monkeypatch.delattr(signal, "SIGUSR1")
    with noted() as requests:
        send(signal.SIGTERM)
        assert (requests.stop, requests.checkpoints) == (signal.SIGTERM, 0)


def test_handlers_may_be_put_back_where_another_took_their_place() -> None:
    with noted() as requests:
        for number in ALL:
            signal.signal(number, signal.SIG_IGN)
        requests.keep()
        send(signal.SIGUSR1)
        send(signal.SIGINT)
        assert (requests.stop, requests.checkpoints) == (signal.SIGINT, 1)


def test_handlers_are_given_back() -> None:
    before = [signal.getsignal(number) for number in ALL]
    with pytest.raises(ZeroDivisionError), noted():
        assert [signal.getsignal(number) for number in ALL] != before
        raise ZeroDivisionError
    assert [signal.getsignal(number) for number in ALL] == before


@pytest.mark.parametrize(
    ("first", "second", "code"),
    [(signal.SIGTERM, signal.SIGTERM, 143), (signal.SIGTERM, signal.SIGINT, 130)],
)
def test_a_second_stop_ends_the_process_at_once(
    first: signal.Signals, second: signal.Signals, code: int
) -> None:
    """In a process of its own, which would else go on to say so."""
    script = (
        f"import os\n"
        f"from trainer.training.signals import noted\n"
        f"with noted():\n"
        f"    os.kill(os.getpid(), {first:d})\n"
        f"    print('noted', flush=True)\n"
        f"    os.kill(os.getpid(), {second:d})\n"
        f"    print('still here', flush=True)\n"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (code, "noted\n")
