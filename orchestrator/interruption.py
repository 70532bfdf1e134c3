"""SIGINT and SIGTERM: the first asks a sweep to stop in good order, the second ends it at once.

A signal is noted and nothing more. An exception out of a handler would strike anywhere: in the
middle of a table's writing, or where Python swallows it, as it does in a fork.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """Whether, and by which signal, the sweep was asked to stop."""

    def __init__(self) -> None:
        """Nothing asked yet."""
        self.signal: int | None = None

    def handle(self, number: int, frame: FrameType | None) -> None:
        """A signal came."""
        del frame
        if self.signal is not None:
            os._exit(128 + number)
        self.signal = number

    @contextmanager
    def outlasting(self) -> Iterator[None]:
        """Note signals for the time of the block even where it puts handlers of its own in place
        of ours, as Ray does when it starts. A `SystemExit` that comes of these ends the block."""
        handlers = {number: signal.getsignal(number) for number in SIGNALS}
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        before = signal.set_wakeup_fd(writer)  # told of every signal, whoever handles it
        try:
            yield
        except SystemExit:
            pass
        finally:
            signal.set_wakeup_fd(before)
            for number, handler in handlers.items():
                signal.signal(number, handler)
            os.close(writer)
            with open(reader, "rb") as numbers:  # noqa: PTH123 (a descriptor has no path)
                came = [number for number in numbers.read() if number in SIGNALS]
            if came and self.signal is None:
                self.signal = came[0]


@contextmanager
def watched() -> Iterator[Interruption]:
    """SIGINT and SIGTERM go to the interruption for the time of the block."""
    interruption = Interruption()
    before = {number: signal.signal(number, interruption.handle) for number in SIGNALS}
    try:
        yield interruption
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
