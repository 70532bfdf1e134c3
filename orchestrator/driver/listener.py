"""What a start passes on of its trials as they run: to the display, the tracker and the meter."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from orchestrator.costs.budget import Meter
from orchestrator.driver.live_page import LivePage
from orchestrator.driver.progress import Display, Tally
from orchestrator.plan.plan import Plan
from orchestrator.plan.planned_trial import PlannedTrial
from orchestrator.store import Store
from orchestrator.tracking import TrackedTrial, Tracker
from trainer.terminal.console import print_line
from trainer.training.loop import EpochRow


class RunListener:
    """Passes events of running trials on: see `orchestrator.execution.backend.Listener`."""

    def __init__(
        self,
        *,
        store: Store,
        plan: Plan,
        pending: Sequence[PlannedTrial],
        console: Console,
        tracker: Tracker,
        meter: Meter,
        page: LivePage | None,
    ) -> None:
        """Listen to the trials `pending`, which are some of `plan`.

        Args:
            page: that is kept up to date meanwhile; None: there is none before the end.
        """
        self._store = store
        self._suite_id = plan.suite_id
        self._planned = {planned.id: planned for planned in pending}
        self._names = plan.names()
        self._tally = Tally.of(pending, meter.clock)
        self._console = console
        self._display = Display(console, self._tally)
        self._confirms = plan.confirmation is not None
        self._tracker = tracker
        self._meter = meter
        self._page = page
        self.shown = self._display.shown

    def add(self, plan: Plan, trials: Sequence[PlannedTrial]) -> None:
        """Listen to more trials of a plan that has grown; say so once, of what confirms it."""
        if plan.confirmation is not None and not self._confirms:
            self._confirms = True
            print_line(self._console, f"confirm: {plan.confirmation}")
        self._planned |= {planned.id: planned for planned in trials}
        self._names = plan.names()
        self._tally.add(trials)
        self._display.update()
        if self._page is not None:
            self._page.grown(plan)

    def started(self, trial_id: str) -> None:
        """Count the trial as running: a worker took it up."""
        self._meter.started(trial_id)
        self._tally.started(trial_id)
        self._display.update()

    def epoch_done(self, trial_id: str, row: EpochRow) -> None:
        """Show and track an epoch of the trial, whose row is in the store."""
        self._tally.epoch_done(trial_id)
        self._display.update()
        planned = self._planned[trial_id]
        self._tracker.trial(
            TrackedTrial(
                id=trial_id,
                name=self._names[trial_id],
                params=planned.trial.content(),
                scores={},
                status="running",
                pruned=None,
                rows=lambda: [row],
                began=self._store.trial(trial_id).began,
                ended=None,
            )
        )

    def let_go(self, trial_id: str) -> None:
        """Count the trial as waiting: its worker let go of it before it was over."""
        self._meter.ended(trial_id)
        self._tally.let_go(trial_id)
        self._display.update()

    def ended(self, trial_id: str) -> None:
        """Count the trial as done, pruned or failed, as the store says."""
        self._meter.ended(trial_id)
        progress = self._store.trial(trial_id).progress(self._suite_id)
        self._tally.trial_ended(
            trial_id, failed=progress.failure is not None, pruned=progress.pruned is not None
        )
        self._display.update()
        if self._page is not None:
            self._page.changed()
