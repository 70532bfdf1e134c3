"""SIGINT and SIGTERM: the first asks a sweep to stop in good order, the second ends it at once.
SIGUSR1 asks for checkpoints now.

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
    """What a sweep was asked to do by signals."""

    def __init__(self) -> None:
        """Begin with nothing asked."""
        self.signal: int | None = None  # that asked it to stop
        self.checkpoints = 0  # asked for so far

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Note a signal that asks the sweep to stop; a second one ends the process at once."""
        del frame
        if self.signal is not None:
            os._exit(128 + number)
        self.signal = number

    def ask_for_checkpoints(self, number: int, frame: FrameType | None) -> None:
        """Note a SIGUSR1, which asks for checkpoints now."""
        del number, frame
        self.checkpoints += 1

    def keep(self) -> None:
        """Install this object's handlers, whoever had installed others."""
        for number in SIGNALS:
            signal.signal(number, self.handle)
        signal.signal(signal.SIGUSR1, self.ask_for_checkpoints)

    @contextmanager
    def outlasting(self) -> Iterator[None]:
        """Note signals for the time of the block even where it puts handlers of its own in place
        of ours, as Ray does when it starts. A `SystemExit` that comes of these ends the block."""
        handlers = {number: signal.getsignal(number) for number in SIGNALS}
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        before = signal.set_wakeup_fd(writer)  # gets every signal, whoever handles it
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
    """Handle signals by an `Interruption` for the time of the block."""
    interruption = Interruption()
    before = {number: signal.getsignal(number) for number in (*SIGNALS, signal.SIGUSR1)}
    interruption.keep()
    try:
        yield interruption
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
