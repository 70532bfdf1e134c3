"""What signals ask of a training run: noted when they come, granted between two steps.

SIGINT and SIGTERM ask it to stop with a checkpoint, and a second one ends it at once; SIGUSR1
asks for a checkpoint alone. An exception out of a handler would strike anywhere, in the middle
of a file's writing too.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Requests:
    """What signals have asked for and is not done yet."""

    def __init__(self) -> None:
        """Begin with nothing asked."""
        self.checkpoint = False  # with a stop too
        self.stop: signal.Signals | None = None

    def note(self, number: int, frame: FrameType | None) -> None:
        """Note a signal; a second one that asks to stop ends the process at once."""
        del frame
        self.checkpoint = True
        if number == signal.SIGUSR1:
            return
        if self.stop is not None:
            os._exit(128 + number)
        self.stop = signal.Signals(number)


@contextmanager
def noted() -> Iterator[Requests]:
    """Note SIGINT, SIGTERM and SIGUSR1 as requests for the time of the block."""
    requests = Requests()
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
    before = {number: signal.signal(number, requests.note) for number in numbers}
    try:
        yield requests
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
