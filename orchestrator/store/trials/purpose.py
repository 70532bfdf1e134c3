"""What an attempt at a trial was for: its whole result, or its evaluation under one suite alone.

An attempt that was to train nothing says so in its record (`About.evaluates`). How it ended tells
of that suite, and nothing of the trial: one that is trained and was evaluated stays done, whatever
becomes of it under a harder suite.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from orchestrator.store.leases.lease import LeaseState
from orchestrator.store.leases.records import NOTHING_SAID


def came_for(attempts: Iterable[LeaseState], suite_id: str | None) -> Iterator[LeaseState]:
    """Select those of a trial's attempts, the oldest first, that were for its evaluation under a
    suite alone; for None those that were for all.

    One that says nothing of itself records the failure of a worker that could not any more: it
    came for what the attempt before it did.
    """
    purpose = None
    for attempt in attempts:
        if attempt.about != NOTHING_SAID:
            purpose = attempt.about.evaluates
        if purpose == suite_id:
            yield attempt
