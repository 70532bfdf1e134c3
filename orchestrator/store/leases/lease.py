"""Leases: who works at a place of the store, and what stops one who has lost it.

    <place>/000003/lease.json    who, since when, and how long it lasts without a sign of life
    <place>/000003/beat.json     the sign of life: rewritten by its owner alone
    <place>/000003/ended.json    let go, and how

The number is the fencing token: it is created once, so of several takers one has it, and a
higher one takes the place away from every lower. What a lease's owner writes lies below its own
number, where no successor writes, and it writes only while `check` lets it.

No machine's clock is compared with another's. Who waits for a lease to expire sees, by a clock of
its own, that its beat does not change for as long as it lasts; its owner, by its own, that its
last successful beat began that long ago, which is earlier.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Unpack

from orchestrator.store.files.contract import Files, FullError
from orchestrator.store.leases.owner import Owner
from orchestrator.store.leases.records import (
    NOTHING_SAID,
    About,
    Beat,
    Cause,
    Ended,
    Facts,
    LeaseRecord,
    Signs,
)
from orchestrator.store.records.layout import LeaseFolder, numbered

logger = logging.getLogger(__name__)

BEATS = 4
"""Beats in the time that a lease lasts: three in a row may be lost."""

SECONDS_BETWEEN_TICKS = 1.0
"""Seconds between two ticks of a lease that is kept: how soon its owner notices an order."""


class LostError(RuntimeError):
    """The lease is another's, or could not be renewed in its time: stop, and write no more."""


@dataclass(frozen=True, kw_only=True)
class LeaseState:
    """A lease as the store has it."""

    number: int
    folder: str
    owner: Owner | None  # None: its record was damaged
    since: str | None  # UTC, by its owner's clock
    lasts: float | None  # seconds
    about: About
    beat: Beat | None  # None: before the first, and once it is over
    ended: Ended | None

    @property
    def is_over(self) -> bool:
        """Whether the lease was let go, or its owner is known to be gone. False may mean
        unknown."""
        return self.ended is not None or (self.owner is not None and self.owner.is_gone())

    @property
    def beats(self) -> int:
        """How many signs of life its owner has given, as far as is known."""
        return 0 if self.beat is None else self.beat.count

    @property
    def last_said(self) -> Signs:
        """What its owner last said of its work."""
        return self.ended or self.beat or Signs()

    @property
    def seconds(self) -> float:
        """Seconds for which the lease was held, as far as is known."""
        return self.last_said.elapsed


def numbers(files: Files, place: str) -> list[int]:
    """List the numbers of all leases at a place so far, in order."""
    return sorted(int(name) for name in files.names(place) if name.isdecimal())


def state(files: Files, place: str, number: int) -> LeaseState:
    """Read what the store says of one lease."""
    folder = LeaseFolder(numbered(place, number))
    record = LeaseRecord.peek(files, folder.lease)  # set aside, it could be taken again
    ended = Ended.read(files, folder.ended)
    return LeaseState(
        number=number,
        folder=folder.path,
        owner=record.owner if record else None,
        since=record.since if record else None,
        lasts=record.lasts if record else None,
        about=record.about if record else NOTHING_SAID,
        beat=None if ended else Beat.read(files, folder.beat),
        ended=ended,
    )


def newest(files: Files, place: str) -> LeaseState | None:
    """Read the lease that counts at a place; None where there never was one."""
    found = numbers(files, place)
    return state(files, place, found[-1]) if found else None


class SilenceTimer:
    """Listens to the leases of others, by this process's own clock."""

    def __init__(self) -> None:
        """Begin with nothing heard."""
        self._heard: dict[str, tuple[int, float]] = {}

    def silence(self, lease: LeaseState) -> float:
        """Seconds since a lease was first seen with the beat that it has now."""
        before = self._heard.get(lease.folder)
        if before is None or before[0] != lease.beats:
            before = self._heard[lease.folder] = (lease.beats, clock())
        return clock() - before[1]

    def is_free(self, lease: LeaseState, default: float) -> bool:
        """Whether a lease's place may be taken: it is over, or silent for longer than it lasts."""
        if lease.is_over:
            return True
        lasts = default if lease.lasts is None else lease.lasts
        return self.silence(lease) > lasts


class Lease:
    """A lease that this process holds."""

    def __init__(
        self,
        files: Files,
        place: str,
        number: int,
        lasts: float,
        *,
        is_shared: bool,
        direct: Files,
    ) -> None:
        """Hold the lease of a number that this process has just created: see `create`."""
        self._files = files
        self._direct = direct
        self._place = place
        self._lasts = lasts
        self._is_shared = is_shared
        self._began = self._renewed = self._in_touch_since = clock()
        self._is_full = False  # the store, as the last sign of life found it
        self._facts: Facts = {}
        self._beats = 0
        self._loss: str | None = None
        self._stops = threading.Event()
        self.number = number
        self.folder = numbered(place, number)

    @property
    def elapsed(self) -> float:
        """Seconds since the lease was taken."""
        return clock() - self._began

    @property
    def seconds_in_touch(self) -> float:
        """Seconds for which the store has taken every sign of life in time; 0 while it does not."""
        is_late = clock() - self._renewed > self._lasts / 2
        return 0.0 if is_late else clock() - self._in_touch_since

    def note(self, **facts: Unpack[Facts]) -> None:
        """Add to the next beat how the work goes."""
        self._facts |= facts

    def check(self) -> None:
        """Check that this process may go on.

        Raises:
            LostError: another has the place, or the store was out of reach for too long.
        """
        silence = clock() - self._renewed
        if self._loss is None and silence > self._lasts:
            self._loss = f"could not be renewed for {silence:.0f} s, it lasts {self._lasts:g} s"
        if self._loss is not None:
            raise LostError(f"the lease {self.folder} {self._loss}")

    def renew(self) -> None:
        """Give a sign of life, unless a successor is there."""
        began = clock()
        found = [] if self._is_shared else numbers(self._direct, self._place)
        if found and found[-1] > self.number:
            self._loss = f"is succeeded by {found[-1]:06d}"
        if self._loss is None:
            self._beats += 1
            beat = Beat(**self._facts, count=self._beats, elapsed=self.elapsed, at=utc_now())
            beat.write(self._direct, LeaseFolder(self.folder).beat)
            if began - self._renewed > self._lasts / 2:
                self._in_touch_since = began
            self._renewed = began
            if self._is_full:
                self._is_full = False
                logger.warning("%s has room again; going on", self._files.url)

    @contextmanager
    def kept(self, on_tick: Callable[[], None]) -> Iterator[None]:
        """Give signs of life from a thread of its own for the time of the block, and call
        `on_tick` there every second."""
        self.renew()
        thread = threading.Thread(target=self._keep, args=(on_tick,), name="lease", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stops.set()
            thread.join()

    def _keep(self, on_tick: Callable[[], None]) -> None:
        while not self._stops.wait(min(SECONDS_BETWEEN_TICKS, self._lasts / BEATS)):
            try:
                if clock() - self._renewed >= self._lasts / BEATS:
                    self.renew()
                on_tick()
            except FullError as error:  # who reads alone would not notice
                if not self._is_full:
                    self._is_full = True
                    logger.warning("%s; everything that writes there waits", error)
            except OSError:
                pass  # out of reach: `check` knows how long that may last
            except Exception:
                logger.exception("%s: what is done every second broke off", self.folder)

    def end(self, how: str, *, failure: Cause | None = None) -> None:
        """Let go of the lease; the first end counts."""
        ended = Ended(**self._facts, elapsed=self.elapsed, how=how, failure=failure, at=utc_now())
        ended.create(self._files, LeaseFolder(self.folder).ended)


def create(
    files: Files,
    place: str,
    number: int,
    *,
    lasts: float,
    about: About,
    is_shared: bool,
    direct: Files,
) -> Lease | None:
    """Create the lease of that number; None where the number is another's.

    Args:
        is_shared: whether it leaves the place to lower numbers as well.
        direct: the same files for signs of life, which must not wait where `files` does.
    """
    record = LeaseRecord(
        owner=Owner.here(),
        nonce=secrets.token_hex(8),
        since=utc_now(),
        lasts=lasts,
        about=about,
    )
    lease = Lease(files, place, number, lasts, is_shared=is_shared, direct=direct)
    return lease if record.create(files, LeaseFolder(lease.folder).lease) else None


def clock() -> float:
    """Read a clock, in seconds, that also runs while the machine sleeps, where there is one."""
    if not hasattr(time, "clock_gettime"):  # Windows, whose only one does
        return time.monotonic()
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def utc_now() -> str:
    """Return the time in UTC (ISO 8601), for people."""
    return datetime.now(UTC).isoformat(timespec="seconds")
