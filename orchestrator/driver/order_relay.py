"""What a start is asked from outside, passed on to its workers through the store."""

from __future__ import annotations

import logging

from orchestrator.costs.budget import BudgetWatch, Meter
from orchestrator.spec.policy import BudgetSettings
from orchestrator.store import Files
from orchestrator.store.leases.lease import Lease
from orchestrator.store.sweeps import orders
from trainer.training.signals import Requests

logger = logging.getLogger(__name__)


class OrderRelay:
    """Writes new orders where signals, the budget or a pause ask for them, and says so."""

    def __init__(
        self,
        files: Files,
        sweep: str,
        *,
        requests: Requests,
        budget: BudgetSettings,
        meter: Meter,
        resume: str,
    ) -> None:
        """Relay what is asked of a start of the sweep.

        Args:
            budget: what all starts of the sweep together may use.
            meter: what this one uses.
            resume: the command by which a paused sweep goes on, for people.
        """
        self._files = files
        self._sweep = sweep
        self._requests = requests
        self._budget = BudgetWatch(files, sweep, budget, meter)
        self._meter = meter
        self._resume = resume
        self._given = (False, 0)
        self._is_paused = False

    @property
    def budget_reached(self) -> str | None:
        """Name the cap that is reached; None while there is room."""
        return self._budget.reached

    def is_stopped(self) -> bool:
        """Whether the start is to end, by a signal or its budget."""
        return self._requests.stop is not None or self._budget.reached is not None

    def look_at_budget(self, lease: Lease) -> None:
        """Check whether there is room left before anything runs; `lease` is the start's."""
        self._budget.look(lease)

    def tick(self, lease: Lease) -> None:
        """Note the hours used and write new orders; called every second, by the lease's thread."""
        lease.note(**self._meter.read())
        self._budget.look(lease)
        wanted = (self.is_stopped(), self._requests.checkpoints)
        if wanted != self._given:
            stop, checkpoints = wanted
            orders.give(self._files, lease.folder, stop=stop, checkpoints=checkpoints)
            self._given = wanted
        pause = orders.paused(self._files, self._sweep)
        if self._is_paused != (pause is not None):
            self._is_paused = pause is not None
            by = "" if pause is None else f" by {pause.by} since {pause.since}"
            logger.warning("%s", f"paused{by}: {self._resume} goes on" if by else "resumed")
