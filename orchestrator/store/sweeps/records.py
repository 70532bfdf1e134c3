"""Records of a sweep: what was ordered of it, and what was decided for all its starts."""

from __future__ import annotations

from typing import Annotated

from orchestrator.store.leases.owner import Owner
from orchestrator.store.records.record import Part, Plain, Record, Several
from trainer.device.precision import Precision


class GivenOrders(Record):
    """What a start of the sweep asks of its own workers."""

    stop: bool
    """After a checkpoint."""

    checkpoints: int
    """Number that was asked for so far."""


class Pause(Record):
    """Who asked every start of the sweep to pause, and when."""

    by: Owner
    since: str
    """Time in UTC (ISO 8601), by the clock there."""

    nonce: str | None = None
    """Random digits: no two ask the same."""


class RunClaim(Record):
    """Which start makes a run of the tracker's."""

    start: str
    """Folder of the start."""


class KeptPrecision(Record):
    """What `training.precision: auto` was decided to be, for all starts of the sweep."""

    precision: Precision
    why: str
    since: str
    """Time in UTC (ISO 8601), by the clock of who decided it."""


class Proposal(Part):
    """A cell that a search has chosen, and the seeds that it is to be tried with."""

    method: str
    """Its label in the sweep file."""

    point: Plain
    """Value of each axis, by the axis' key."""

    seeds: Annotated[tuple[int, ...], Several]


class Proposed(Record):
    """Cells that a search of the sweep has chosen at one time."""

    at: str
    """Time in UTC (ISO 8601), by the clock of who chose them."""

    cells: Annotated[tuple[Proposal, ...], Several]
    """In the order of their choice."""
