"""Reports of a trial, passed on by a thread of their own to a receiver that may be slow."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue

from trainer.training.loop import EpochRow

Report = Callable[[EpochRow], None]


@contextmanager
def reported_in_a_thread(report: Report) -> Iterator[Report]:
    """Make `report` return at once; when the block ends, all has been passed on, in order.

    Where `report` breaks off, what comes after is passed on to nobody, and nobody is held up.
    """
    news: SimpleQueue[EpochRow | None] = SimpleQueue()

    def report_all() -> None:
        while (row := news.get()) is not None:
            report(row)

    thread = threading.Thread(target=report_all, name="reports", daemon=True)
    thread.start()
    try:
        yield news.put
    finally:
        news.put(None)
        thread.join()
