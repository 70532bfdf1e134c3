"""Proposals of a sweep: the cells that its search has chosen, in the order of their choice.

A record of some is created once, so that starts that propose at the same time agree on one of their
proposals. Another search of the same sweep, over another space for instance, has records of its
own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.store import Files
from orchestrator.store.leases.lease import utc_now
from orchestrator.store.records.layout import FileKind, SweepFolder
from orchestrator.store.sweeps.records import Proposal, Proposed


@dataclass(frozen=True, kw_only=True)
class Proposals:
    """What a search has proposed so far."""

    made: tuple[Proposal, ...]
    next_number: int  # of the record of those that come next


def read_proposals(files: Files, sweep: str, search: str) -> Proposals:
    """Read what a search of a sweep has proposed; a record that is damaged is set aside."""
    folder = SweepFolder.of(sweep).proposals(search)
    names = sorted(f"{folder}/{name}" for name in files.names(folder))
    numbers = {name: int(it["number"]) for name in names if (it := FileKind.PROPOSED.match(name))}
    records = (Proposed.read(files, name) for name in numbers)
    return Proposals(
        made=tuple(cell for record in records if record is not None for cell in record.cells),
        next_number=1 + max(numbers.values(), default=0),
    )


def record_proposals(
    files: Files, sweep: str, search: str, number: int, proposals: Sequence[Proposal]
) -> bool:
    """Record what is proposed as that of a number, and return whether this call did: another start
    may have been faster."""
    record = Proposed(at=utc_now(), cells=tuple(proposals))
    return record.create(files, f"{SweepFolder.of(sweep).proposals(search)}/{number:06d}.json")
