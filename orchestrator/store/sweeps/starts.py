"""Starts of a sweep: who runs it, since when, and what it has used.

A start holds the sweep against others, unless it joins them: trials are shared by their own
leases, so any number of starts that join work through one sweep. All of them stay on record under
`sweeps/<name>/starts/`, each with the hours that it used.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from orchestrator.store import Files
from orchestrator.store.leases.lease import (
    Lease,
    LeaseState,
    SilenceTimer,
    create,
    numbers,
    state,
    utc_now,
)
from orchestrator.store.leases.records import About, Ended
from orchestrator.store.records.layout import StartFolder, SweepFolder

logger = logging.getLogger(__name__)

SECONDS_BETWEEN_LOOKS = 0.5
"""Seconds between two looks at a start of which it is not known whether it still runs."""


class HeldError(RuntimeError):
    """Another start of the same sweep is running it."""


def place(sweep: str) -> str:
    """Return the folder of a sweep's starts."""
    return SweepFolder.of(sweep).starts


def all_starts(files: Files, sweep: str) -> list[LeaseState]:
    """List all starts of a sweep so far, the newest last."""
    return [state(files, place(sweep), number) for number in numbers(files, place(sweep))]


@contextmanager
def begun(
    files: Files,
    direct: Files,
    sweep: str,
    *,
    joins: bool,
    lasts: float,
    on_tick: Callable[[Lease], None],
    address: str | None = None,
) -> Iterator[Lease]:
    """Begin a start of the sweep, for the time of the block.

    A start whose process is known to be gone is succeeded at once. One on another machine is
    watched for as long as its lease lasts: it gives a sign of life, or is succeeded.

    Args:
        direct: the same files for signs of life, which must not wait where `files` does.
        joins: share the sweep with whoever runs it.
        on_tick: called every second from a thread of its own.
        address: that of the cluster on which it runs, for whoever is to start it again.

    Raises:
        HeldError: who holds it, on which host, since when.
    """
    lease = None
    while lease is None:
        number = max(numbers(files, place(sweep)), default=0) + 1
        lease = create(
            files,
            place(sweep),
            number,
            lasts=lasts,
            about=About(joins=joins, address=address),
            is_shared=True,
            direct=direct,
        )
    how = "refused"
    try:
        with lease.kept(lambda: on_tick(lease)):  # alive to others also while it waits
            if not joins:
                wait_for_starts(files, sweep, lasts=lasts, below=lease.number)
            how = "over"
            yield lease
    finally:
        lease.end(how)


def wait_for_starts(files: Files, sweep: str, *, lasts: float, below: float = math.inf) -> None:
    """Wait for the starts of a sweep, those of numbers below one alone, to be over.

    Args:
        lasts: seconds for which a start lasts without a sign of life where its record is damaged.

    Raises:
        HeldError: one of them runs.
    """
    timer = SilenceTimer()
    before = [other for other in all_starts(files, sweep) if other.number < below]
    first_seen = {other.number: other.beats for other in before}
    while before:
        looked_at = [state(files, place(sweep), other.number) for other in before]
        before = [other for other in looked_at if not timer.is_free(other, lasts)]
        for other in looked_at:
            if other not in before:
                _close(files, other)
        for other in before:
            has_beaten = other.beats != first_seen[other.number]
            if has_beaten or (other.owner is not None and other.owner.is_here()):
                raise HeldError(
                    f"sweep {sweep!r} is run by {other.owner or 'another start'} since "
                    f"{other.since}; wait for it, stop it, or share its work with --join"
                )
            if timer.silence(other) < SECONDS_BETWEEN_LOOKS:
                logger.warning(
                    "sweep %r was run by %s since %s, of which nothing is known from here: "
                    "waiting up to %g s for a sign of life",
                    sweep,
                    other.owner or "another start",
                    other.since,
                    other.lasts or lasts,
                )
        if before:
            time.sleep(SECONDS_BETWEEN_LOOKS)


def _close(files: Files, start: LeaseState) -> None:
    """Record that a start which can no longer say so is over, so that nobody waits for it again."""
    if start.ended is None:
        ended = Ended.after(start.last_said, how="silent", at=utc_now())
        ended.create(files, StartFolder(start.folder).ended)
