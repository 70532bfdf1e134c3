"""What signals ask of a run: noted when they come, granted where the run sees fit.

SIGINT and SIGTERM ask it to stop in good order, and a second one ends it at once; SIGUSR1, which
Windows lacks, asks for a checkpoint alone. An exception out of a handler would strike anywhere: in
the middle of a file's writing, or where Python swallows it, as it does in a fork.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

STOPS = (signal.SIGINT, signal.SIGTERM)


class Requests:
    """What signals have asked for so far."""

    def __init__(self) -> None:
        """Begin with nothing asked."""
        self.stop: signal.Signals | None = None
        self.checkpoints = 0

    def note(self, number: int, frame: FrameType | None) -> None:
        """Note a signal; a second one that asks to stop ends the process at once."""
        del frame
        if number not in STOPS:
            self.checkpoints += 1
            return
        if self.stop is not None:
            os._exit(128 + number)
        self.stop = signal.Signals(number)

    def keep(self) -> None:
        """Have the signals noted here, whoever had installed other handlers."""
        for number in _noted():
            signal.signal(number, self.note)


@contextmanager
def noted() -> Iterator[Requests]:
    """Note signals as requests for the time of the block."""
    requests = Requests()
    before = {number: signal.getsignal(number) for number in _noted()}
    requests.keep()
    try:
        yield requests
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _noted() -> list[signal.Signals]:
    asks = [signal.SIGUSR1] if hasattr(signal, "SIGUSR1") else []
    return [*STOPS, *asks]
