"""What a search strategy is: from what is known of a sweep to the cells to try next.

A strategy is a function without a memory of its own. What was proposed, and what came of it, is in
the store: each call is given all of it again, whichever start asks, and whatever has been stopped
since. One that draws at random seeds its draws by `Known.seed`, and gives the same proposals for
the same knowledge. The grid's proposals are the same whatever is known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from orchestrator.spec.space import Space
from orchestrator.store.sweeps.records import Proposal
from orchestrator.table.objectives import Objective
from orchestrator.table.status import Status


@dataclass(frozen=True, kw_only=True)
class KnownTrial:
    """A trial of the sweep, as a strategy sees it."""

    method: str  # label in the sweep file
    settings: Mapping[str, Any]  # by setting that varies in the sweep; None: plays no part
    seed: int
    status: Status
    values: Mapping[str, float]  # by column, of numbers known; on validation images that steer


@dataclass(frozen=True, kw_only=True)
class Known:
    """All that a strategy may know when it is asked."""

    space: Space
    seed: int  # of what it draws
    seeds: tuple[int, ...]  # with which each cell is tried
    objectives: tuple[Objective, ...]
    cells: frozenset[str]  # ids of those that the sweep has by now
    trials: tuple[KnownTrial, ...]  # of these, done or not


class Strategy(Protocol):
    """Chooses the cells to try next."""

    def __call__(self, known: Known, *, most: int) -> Sequence[Proposal]:
        """Propose at least one cell that is not known, unless there is none; or nothing before more
        is known.

        It is asked at the beginning of a start, and again whenever a worker is idle.

        Args:
            most: trials, cells times seeds, that may still be proposed.
        """
