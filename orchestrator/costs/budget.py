"""What a sweep has used, over all its starts, and whether that is all it may."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from orchestrator.spec.policy import BudgetSettings, Resources
from orchestrator.store import Files
from orchestrator.store.leases.lease import Lease, LeaseState, clock
from orchestrator.store.sweeps.starts import all_starts


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Hours of a sweep, or of some starts of it."""

    core_hours: float = 0.0
    gpu_hours: float = 0.0
    hours: float = 0.0  # in which any start ran

    def reached(self, budget: BudgetSettings) -> str | None:
        """The cap that is reached, in words; None while there is room."""
        for name in ("gpu_hours", "core_hours", "hours"):
            cap, used = getattr(budget, name), getattr(self, name)
            if cap is not None and used >= cap:
                return f"budget.{name} is {cap:g}, and {used:.3g} are used"
        return None


def usage(starts: Iterable[LeaseState]) -> Usage:
    """As starts told it with their last signs of life. Hours in which several ran count once, by
    the clocks of their hosts."""
    told = [(start, start.ended or start.beat) for start in starts]
    spans = sorted(
        (begin, begin + timedelta(seconds=start.seconds))
        for start, _ in told
        if start.since is not None and (begin := datetime.fromisoformat(start.since))
    )
    covered, until = timedelta(), None
    for begin, end in spans:
        fresh = begin if until is None else max(begin, until)
        covered += max(end - fresh, timedelta())
        until = end if until is None else max(until, end)
    return Usage(
        core_hours=sum(facts.get("core_hours", 0.0) for _, facts in told),
        gpu_hours=sum(facts.get("gpu_hours", 0.0) for _, facts in told),
        hours=covered / timedelta(hours=1),
    )


@dataclass
class Meter:
    """Counts what the trials of this start occupy."""

    resources: Resources
    _seconds: float = 0.0
    _since: dict[str, float] = field(default_factory=dict)  # by trial that runs

    def started(self, trial_id: str) -> None:
        """A worker took the trial up."""
        self._since[trial_id] = clock()

    def ended(self, trial_id: str) -> None:
        """It let go of it."""
        self._seconds += clock() - self._since.pop(trial_id, clock())

    def read(self) -> dict[str, float]:
        """Core-hours and GPU-hours so far."""
        now = clock()
        hours = (self._seconds + sum(now - began for began in [*self._since.values()])) / 3600
        return {
            "core_hours": hours * self.resources.cpu,
            "gpu_hours": hours * self.resources.gpu,
        }


SECONDS_BETWEEN_LOOKS = 5.0
"""At what the sweep has used."""

SECONDS_BETWEEN_WEIGHINGS = 60.0
"""Of the storage, which takes a walk over all its files."""


class BudgetWatch:
    """Sees when a running start comes to a cap."""

    def __init__(self, files: Files, sweep: str, budget: BudgetSettings, meter: Meter) -> None:
        """Of a sweep, whose other starts count too."""
        self._files = files
        self._sweep = sweep
        self._budget = budget
        self._meter = meter
        self._looked = self._weighed = -math.inf
        self.reached: str | None = None

    def look(self, lease: Lease) -> None:
        """See whether there is room left, now and then; `lease` is that of this start."""
        if self._budget == BudgetSettings() or self.reached is not None:
            return
        now = clock()
        if now - self._looked > SECONDS_BETWEEN_LOOKS:
            self._looked = now
            self.reached = self._usage(lease).reached(self._budget)
        cap = self._budget.disk_gb
        if cap is not None and now - self._weighed > SECONDS_BETWEEN_WEIGHINGS:
            self._weighed = now
            used = sum(self._files.sizes("").values()) / 1e9
            if used >= cap:
                self.reached = f"budget.disk_gb is {cap:g}, and {used:.3g} are used"

    def _usage(self, lease: Lease) -> Usage:
        """This start's own part is what its last beat said, and what came since."""
        starts = [
            replace(each, beat={**each.beat, **self._meter.read(), "elapsed": lease.elapsed})
            if each.folder == lease.folder
            else each
            for each in all_starts(self._files, self._sweep)
        ]
        return usage(starts)
