"""The page of a sweep: left at the end of a start, and written anew while it runs where that is
asked for, in a thread of its own, seldom enough not to slow the sweep."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Literal

from orchestrator.page.at_hand import AtHand, as_concluded, as_stored
from orchestrator.page.document import FILE, charting_library, document
from orchestrator.page.of_sweep import page_of_sweep
from orchestrator.page.versions import versions
from orchestrator.plan.plan import Plan, refreshed
from orchestrator.report.results import Results
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store import Store

logger = logging.getLogger(__name__)

PageWhen = Literal["end", "live", "none"]
"""When a start writes its page: at its end, meanwhile too, or never."""

SECONDS_BETWEEN = 10.0
"""Fewest seconds from one writing of a page to the next."""

SHARE_OF_TIME = 0.05
"""Largest share of the time that goes into writing pages while the sweep runs."""

LATER = "told once the sweep is over"
"""Why a page has no intervals while its sweep runs: bits of all models would be read each time."""


def leave_page(spec: SweepSpec, plan: Plan, store: Store, results: Results) -> str:
    """Write the page of what a start leaves beside its other files, and return its name."""
    _write(as_concluded(spec, plan, store, results), is_live=False)
    return FILE


class LivePage:
    """The page of a sweep that runs, written anew once something came of its trials."""

    def __init__(self, spec: SweepSpec, plan: Plan, store: Store) -> None:
        """Be ready to write the page of a plan, which may grow."""
        self._spec = spec
        self._store = store
        self._plan = plan
        self._grown: Plan | None = None
        self._lock = threading.Lock()
        self._changed = threading.Event()
        self._over = threading.Event()

    def grown(self, plan: Plan) -> None:
        """Go on with a plan of more trials."""
        with self._lock:
            self._grown = plan
        self._changed.set()

    def changed(self) -> None:
        """Have the page written anew: something came of a trial."""
        self._changed.set()

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Keep the page up to date for the time of the block, and leave it alone thereafter."""
        thread = threading.Thread(target=self._keep, name="live page", daemon=True)
        self._changed.set()
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            self._changed.set()
            thread.join()

    def _keep(self) -> None:
        rest = paced(self._over.wait, time.thread_time)
        try:
            charting_library()  # made once, and no part of what each page takes
            while self._changed.wait() and not self._over.is_set():
                self._changed.clear()
                rest(self.write)
        except Exception as error:  # whatever it is, the sweep must go on
            logger.warning(
                "the live page was not written, and is not tried again until the sweep is over: %s",
                error,
            )

    def write(self) -> None:
        """Write the page as the storage is now."""
        with self._lock:
            plan, self._grown = self._grown or self._plan, None
        self._plan = refreshed(plan, self._store, self._spec)
        found = as_stored(self._spec, self._plan, self._store, unread=LATER)
        _write(found, is_live=True)


def paced(
    wait: Callable[[float], object], clock: Callable[[], float]
) -> Callable[[Callable[[], None]], None]:
    """Return a function that does something and then rests, so long that doing takes no more than
    `SHARE_OF_TIME`, and at least `SECONDS_BETWEEN`.

    Args:
        wait: rests for so many seconds.
        clock: seconds of processor that this thread has taken so far.
    """

    def do(something: Callable[[], None]) -> None:
        began = clock()
        something()
        took = clock() - began
        wait(max(SECONDS_BETWEEN, took * (1 / SHARE_OF_TIME - 1)))

    return do


def _write(found: AtHand, *, is_live: bool) -> None:
    written = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    page = page_of_sweep(found, versions=versions(), is_live=is_live, written=written)
    found.store.files.write(f"{found.spec.folder}/{FILE}", document(page))
