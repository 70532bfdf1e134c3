"""Proposals of a sweep: the cells that its search has chosen, in the order of their choice.

A record of some is created once, so that starts that propose at the same time agree on one of their
proposals. Another search of the same sweep, over another space for instance, has records of its
own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
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
    records: int  # in which these are
    passed_over: Mapping[str, int]  # cells that could not be chosen, by reason


def read_proposals(files: Files, sweep: str, search: str) -> Proposals:
    """Read what a search of a sweep has proposed; a record that is damaged is set aside."""
    folder = SweepFolder.of(sweep).proposals(search)
    names = sorted(f"{folder}/{name}" for name in files.names(folder))
    numbers = {name: int(it["number"]) for name in names if (it := FileKind.PROPOSED.match(name))}
    read = (Proposed.read(files, name) for name in numbers)
    records = [record for record in read if record is not None]
    passed_over: Counter[str] = Counter()
    for record in records:
        passed_over.update(record.passed_over or {})
    return Proposals(
        made=tuple(cell for record in records for cell in record.cells),
        next_number=1 + max(numbers.values(), default=0),
        records=len(records),
        passed_over=passed_over,
    )


def record_proposals(
    files: Files,
    sweep: str,
    search: str,
    number: int,
    proposals: Sequence[Proposal],
    *,
    passed_over: Mapping[str, int] | None = None,
) -> bool:
    """Record what is proposed as that of a number, and return whether this call did: another start
    may have been faster.

    Args:
        passed_over: cells that could not be chosen, by reason.
    """
    reasons = dict(passed_over) if passed_over else None
    record = Proposed(at=utc_now(), cells=tuple(proposals), passed_over=reasons)
    return record.create(files, f"{SweepFolder.of(sweep).proposals(search)}/{number:06d}.json")
