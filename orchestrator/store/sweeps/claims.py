"""Which start makes the tracker's run of a trial, where several starts of a sweep share a
tracker."""

from __future__ import annotations

from contextlib import suppress

from orchestrator.store import Files
from orchestrator.store.leases.lease import state
from orchestrator.store.records.layout import SweepFolder, place_and_number
from orchestrator.store.sweeps.records import RunClaim


class RunClaims:
    """Claims of runs, one small record each."""

    def __init__(self, files: Files, sweep: str, start: str) -> None:
        """Claim runs for the start whose folder is `start`."""
        self._files = files
        self._folder = SweepFolder.of(sweep)
        self._start = start

    def is_ours(self, key: str) -> bool:
        """Whether this start is to make a run that is not there, since no other start is about
        to."""
        name = self._folder.run(key)
        with suppress(OSError):  # a tracker's trouble is never the sweep's
            if RunClaim(start=self._start).create(self._files, name):
                return True
            claim = RunClaim.read(self._files, name)
            if claim is not None and claim.start != self._start:
                return state(self._files, *place_and_number(claim.start)).is_over
        return True
