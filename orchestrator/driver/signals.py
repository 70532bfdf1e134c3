"""Signals while a library starts that puts handlers of its own in place of the command's."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from trainer.training.signals import STOPS, Requests

_MOST_SIGNALS = 4096  # that are read of those that came: the first that asks to stop counts


@contextmanager
def outlasting(requests: Requests) -> Iterator[None]:
    """Note signals that ask to stop for the time of the block even where it puts handlers of its
    own in place of ours, as Ray does when it starts. A `SystemExit` that comes of these ends the
    block."""
    handlers = {number: signal.getsignal(number) for number in STOPS}
    reader, writer = socket.socketpair()  # not a pipe, which Windows does not take
    for end in (reader, writer):
        end.setblocking(False)
    before = signal.set_wakeup_fd(writer.fileno())  # gets every signal, whoever handles it
    try:
        yield
    except SystemExit:
        pass
    finally:
        signal.set_wakeup_fd(before)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        with reader, writer, suppress(BlockingIOError):  # of nothing that came
            came = [number for number in reader.recv(_MOST_SIGNALS) if number in STOPS]
            if came and requests.stop is None:
                requests.stop = signal.Signals(came[0])
