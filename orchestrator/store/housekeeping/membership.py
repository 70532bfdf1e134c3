"""Which sweeps name which trials: trials are shared, and do not know by whom.

A sweep names its trials in `plan.json`, under a checksum, at each start, and in `trials.csv` when
a start is over. Both count: between the two a sweep may be on its way to other trials.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from orchestrator.store.files.contract import Files
from orchestrator.store.records.layout import SWEEPS, SweepFolder
from orchestrator.store.sweeps.records import ManifestRecord
from orchestrator.table.plain_rows import plain_rows
from orchestrator.table.status import FINISHED


@dataclass(frozen=True, kw_only=True)
class Member:
    """A trial as a sweep names it."""

    id: str
    method: str  # label in the sweep file
    status: str  # as of the sweep's last start

    @property
    def is_finished(self) -> bool:
        """Whether nothing was left to do of it, and nothing had gone wrong."""
        return self.status in FINISHED


def all_sweeps(files: Files) -> list[str]:
    """Names of all sweeps of which any file is there."""
    return sorted({name.split("/")[1] for name in files.sizes(SWEEPS)})


def members(files: Files, sweep: str) -> dict[str, Member] | None:
    """Return a sweep's trials by id; None where it has not named them, or its record is damaged."""
    place = SweepFolder.of(sweep)
    table, plan = files.read(place.trials_table), ManifestRecord.peek(files, place.plan)
    if plan is None and (table is None or files.read(place.plan) is not None):
        return None
    found = {} if table is None else _of_table(table)
    if plan is None:
        return found
    known = {it.id: Member(id=it.id, method=it.method, status=it.status) for it in plan.trials}
    return {**(found or {}), **known}


def sweeps_by_trial(of_sweep: Mapping[str, Iterable[str] | None]) -> dict[str, list[str]]:
    """Names of the sweeps that name a trial, by its id."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for sweep, trial_ids in of_sweep.items():
        for trial_id in trial_ids or ():
            found[trial_id].append(sweep)
    return dict(found)


def _of_table(table: bytes) -> dict[str, Member] | None:
    found = plain_rows(table)
    if found is None:
        return None
    return {
        row["trial_id"]: Member(
            id=row["trial_id"], method=row.get("method", ""), status=row.get("status", "")
        )
        for row in found
    }
