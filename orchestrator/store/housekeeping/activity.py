"""Whether somebody may be at work on a trial, or run a sweep: what must be left alone."""

from __future__ import annotations

from orchestrator.store.files.contract import Files
from orchestrator.store.leases.lease import LeaseState, newest, numbers, state
from orchestrator.store.records.layout import SweepFolder, TrialFolder


def at_work(files: Files, trial_id: str) -> LeaseState | None:
    """Return the trial's newest lease, unless it is known to be over."""
    lease = newest(files, TrialFolder.of(trial_id).attempts)
    return None if lease is None or lease.is_over else lease


def is_run(files: Files, sweep: str) -> bool:
    """Whether any start of the sweep is not known to be over.

    A start that does not join others goes on only once all before it are: from the last of those
    on, joined ones after it may be at work with it.
    """
    place = SweepFolder.of(sweep).starts
    for number in reversed(numbers(files, place)):
        start = state(files, place, number)
        if not start.is_over:
            return True
        if _had_it_alone(start):
            return False
    return False


def _had_it_alone(start: LeaseState) -> bool:
    is_over = start.ended is not None and start.ended.how == "over"
    return (start.beat is not None or is_over) and start.about.joins is False
