"""What a sweep has used over all its starts, and whether that is all it may use."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from orchestrator.spec.policy import BudgetSettings, Resources
from orchestrator.store import Files
from orchestrator.store.leases.lease import Lease, LeaseState, utc_now
from orchestrator.store.leases.records import Beat, Facts
from orchestrator.store.sweeps.starts import all_starts


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Hours that a sweep, or some of its starts, have used."""

    core_hours: float = 0.0
    gpu_hours: float = 0.0
    hours: float = 0.0  # in which any start ran

    def reached(self, budget: BudgetSettings) -> str | None:
        """Name the cap that is reached; None while there is room."""
        for name in ("gpu_hours", "core_hours", "hours"):
            cap, used = getattr(budget, name), getattr(self, name)
            if cap is not None and used >= cap:
                return f"budget.{name} is {cap:g}, and {used:.3g} are used"
        return None


def usage(starts: Iterable[LeaseState]) -> Usage:
    """Sum what starts said they used, with their last signs of life. Hours in which several ran
    count once, by their hosts' clocks."""
    starts = list(starts)
    spans = sorted(
        (begin, begin + timedelta(seconds=start.seconds))
        for start in starts
        if start.since is not None and (begin := datetime.fromisoformat(start.since))
    )
    covered, until = timedelta(), None
    for begin, end in spans:
        fresh = begin if until is None else max(begin, until)
        covered += max(end - fresh, timedelta())
        until = end if until is None else max(until, end)
    return Usage(
        core_hours=sum(start.last_said.core_hours for start in starts),
        gpu_hours=sum(start.last_said.gpu_hours for start in starts),
        hours=covered / timedelta(hours=1),
    )


class Meter:
    """Counts what a start uses, by the clock of the back end that runs its trials: the core-hours
    and GPU-hours that these occupy, and its own seconds."""

    def __init__(self, resources: Resources, clock: Callable[[], float]) -> None:
        """Begin to count.

        Args:
            resources: what one trial occupies.
            clock: returns the seconds since some moment.
        """
        self.clock = clock
        self._resources = resources
        self._began = clock()
        self._seconds = 0.0  # of trials that have ended
        self._since: dict[str, float] = {}  # by trial that runs

    @property
    def elapsed(self) -> float:
        """Seconds since the start began."""
        return self.clock() - self._began

    def started(self, trial_id: str) -> None:
        """Begin to count the trial: a worker took it up."""
        self._since[trial_id] = self.clock()

    def ended(self, trial_id: str) -> None:
        """Stop counting the trial: its worker let go of it."""
        self._seconds += self.clock() - self._since.pop(trial_id, self.clock())

    def read(self) -> Facts:
        """Return the core-hours and GPU-hours so far."""
        now = self.clock()
        hours = (self._seconds + sum(now - began for began in [*self._since.values()])) / 3600
        return {
            "core_hours": hours * self._resources.cpu,
            "gpu_hours": hours * self._resources.gpu,
        }


SECONDS_BETWEEN_LOOKS = 5.0
"""Seconds between two looks at what the sweep's other starts have used."""

SECONDS_BETWEEN_WEIGHINGS = 60.0
"""Seconds between two sums of the storage's bytes, for which all its files are listed."""


class BudgetWatch:
    """Notices when a running start reaches a cap.

    What other starts used, and how much the storage holds, is read by `look` from time to time.
    What this one used is counted at any moment, whether seconds pass or leap.
    """

    def __init__(self, files: Files, sweep: str, budget: BudgetSettings, meter: Meter) -> None:
        """Watch the budget of a sweep, whose other starts use it too."""
        self._files = files
        self._sweep = sweep
        self._budget = budget
        self._meter = meter
        self._looked = self._weighed = -math.inf
        self._seen: tuple[str, Sequence[LeaseState]] | None = None  # own folder, and all starts
        self._reached: str | None = None

    @property
    def reached(self) -> str | None:
        """Name the first cap that was reached, with what was used then; None while there is
        room."""
        if self._reached is None and self._seen is not None:
            self._reached = self._usage(*self._seen).reached(self._budget)
        return self._reached

    def look(self, lease: Lease) -> None:
        """Look from time to time at the storage; `lease` is that of this start."""
        if self._budget == BudgetSettings() or self.reached is not None:
            return
        now = self._meter.clock()
        if now - self._looked > SECONDS_BETWEEN_LOOKS:
            self._looked = now
            self._seen = (lease.folder, all_starts(self._files, self._sweep))
        cap = self._budget.disk_gb
        if cap is not None and now - self._weighed > SECONDS_BETWEEN_WEIGHINGS:
            self._weighed = now
            used = sum(self._files.sizes("").values()) / 1e9
            if used >= cap:
                self._reached = f"budget.disk_gb is {cap:g}, and {used:.3g} are used"

    def _usage(self, own: str, starts: Sequence[LeaseState]) -> Usage:
        """Hours of all starts: of this one as it counts now, of the others as they last said."""
        now = Beat(**self._meter.read(), elapsed=self._meter.elapsed, count=0, at=utc_now())
        return usage(replace(each, beat=now) if each.folder == own else each for each in starts)
