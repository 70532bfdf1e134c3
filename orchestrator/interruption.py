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
    """Whether, and by which signal, the sweep was asked to stop."""

    def __init__(self) -> None:
        """Nothing asked yet."""
        self.signal: int | None = None
        self._is_tuning = False

    @contextmanager
    def tuning(self) -> Iterator[None]:
        """While Ray Tune runs: it stops in good order on SIGUSR1, the one signal it listens to."""
        self._is_tuning = True
        try:
            yield
        finally:
            self._is_tuning = False

    def handle(self, number: int, frame: FrameType | None) -> None:
        """A signal came."""
        del frame
        if self.signal is not None:
            os._exit(128 + number)
        self.signal = number
        if not self._is_tuning:
            raise Interrupted
        signal.raise_signal(signal.SIGUSR1)


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
