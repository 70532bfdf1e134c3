"""Which start makes the tracker's run of a trial, where several starts of a sweep share a
tracker."""

from __future__ import annotations

from contextlib import suppress

from orchestrator.store import Files
from orchestrator.store.leases.lease import state
from orchestrator.store.records.sealed import create_record, read_record


class RunClaims:
    """Claims of runs, one small file each: `sweeps/<name>/runs/<key>.json`."""

    def __init__(self, files: Files, sweep: str, start: str) -> None:
        """Claim runs for the start whose folder is `start`."""
        self._files = files
        self._folder = f"sweeps/{sweep}/runs"
        self._start = start

    def is_ours(self, key: str) -> bool:
        """Whether this start is to make a run that is not there, since no other start is about
        to."""
        name = f"{self._folder}/{key}.json"
        with suppress(OSError):  # a tracker's trouble is never the sweep's
            if create_record(self._files, name, {"start": self._start}):
                return True
            claim = read_record(self._files, name)
            if claim is not None and claim["start"] != self._start:
                place, _, number = claim["start"].rpartition("/")
                return state(self._files, place, int(number)).is_over
        return True
