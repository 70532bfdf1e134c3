"""SIGINT and SIGTERM: the first asks a sweep to stop in good order, the second ends it at once."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupted(BaseException):
    """A signal came while no trial ran yet."""


class Interruption:
    """Whether, and by which signal, the sweep was asked to stop.

    Outside of the blocks below a signal is noted and nothing more: tables are written to their
    end, however the trials before them ended.
    """

    def __init__(self) -> None:
        """Nothing asked yet."""
        self.signal: int | None = None
        self._is_starting = False
        self._is_tuning = False

    @contextmanager
    def starting(self) -> Iterator[None]:
        """Until Ray Tune runs there is nothing to stop in good order.

        Raises:
            Interrupted: a signal came, in the block or before it.
        """
        self._is_starting = True
        try:
            if self.signal is not None:
                raise Interrupted
            yield
        finally:
            self._is_starting = False

    @contextmanager
    def tuning(self) -> Iterator[None]:
        """While Ray Tune runs: it stops in good order on SIGUSR1, the one signal it listens to.

        Raises:
            Interrupted: a signal came before it listened, when SIGUSR1 would kill the process.
        """
        before = signal.signal(signal.SIGUSR1, _break_off)
        self._is_tuning = True
        try:
            yield
        finally:
            self._is_starting = self._is_tuning = False
            signal.signal(signal.SIGUSR1, before)

    def handle(self, number: int, frame: FrameType | None) -> None:
        """A signal came."""
        del frame
        if self.signal is not None:
            os._exit(128 + number)
        self.signal = number
        if self._is_tuning:
            signal.raise_signal(signal.SIGUSR1)
        elif self._is_starting:
            raise Interrupted


@contextmanager
def watched() -> Iterator[Interruption]:
    """SIGINT and SIGTERM go to the interruption for the time of the block."""
    interruption = Interruption()
    before = {
        number: signal.signal(number, interruption.handle)
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield interruption
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _break_off(number: int, frame: FrameType | None) -> None:
    raise Interrupted
