"""Signals while a library starts that puts handlers of its own in place of the command's."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from trainer.training.signals import STOPS, Requests


@contextmanager
def outlasting(requests: Requests) -> Iterator[None]:
    """Note signals that ask to stop for the time of the block even where it puts handlers of its
    own in place of ours, as Ray does when it starts. A `SystemExit` that comes of these ends the
    block."""
    handlers = {number: signal.getsignal(number) for number in STOPS}
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
            came = [number for number in numbers.read() if number in STOPS]
        if came and requests.stop is None:
            requests.stop = signal.Signals(came[0])
