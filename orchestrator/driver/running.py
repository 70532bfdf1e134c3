"""The trials of a start, announced and run on the back end of its site."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext

from rich.console import Console

from orchestrator.driver.growing import GrowingPlan
from orchestrator.driver.holding import Hold
from orchestrator.driver.listener import RunListener
from orchestrator.driver.live_page import LivePage
from orchestrator.driver.site import Site
from orchestrator.execution.backend import Workload
from orchestrator.plan.plan import Plan
from orchestrator.plan.planned_trial import PlannedTrial
from orchestrator.results.reevaluation import Coverage
from orchestrator.spec.policy import Policy
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store import Store
from orchestrator.tracking import Tracker
from trainer.terminal.console import print_line


def announce(
    name: str,
    plan: Plan,
    pending: Sequence[PlannedTrial],
    console: Console,
    *,
    covered: Coverage | None,
) -> None:
    """Say what is about to be run.

    Args:
        covered: what the plan covers under another suite than the sweep's own; None under its own.
    """
    to_do = "to run" if covered is None else f"to evaluate under {covered.suite_file}"
    print_line(console, f"{name}: {len(plan.every)} trials, {len(pending)} {to_do}")
    if covered is None and plan.confirmation is not None:
        print_line(console, f"confirm: {plan.confirmation}")
    if covered is not None and covered.doubt:
        print_line(console, covered.doubt, style="bold")


def run(
    spec: SweepSpec,
    plan: Plan,
    pending: Sequence[PlannedTrial],
    store: Store,
    *,
    policy: Policy,
    site: Site,
    hold: Hold,
    tracker: Tracker,
    console: Console,
    retry_failed: bool,
    is_live: bool,
) -> None:
    """Run the pending trials of a plan, and those that its search adds meanwhile, until all have
    ended or the start is to stop; then leave the site.

    Args:
        spec: by all of which the plan may grow.
        policy: the sweep's, with the resources that a trial occupies at the site.
        is_live: whether the page of the sweep is kept up to date meanwhile.
    """
    page = LivePage(spec, plan, store) if is_live else None
    listener = RunListener(
        store=store,
        plan=plan,
        pending=pending,
        console=console,
        tracker=tracker,
        meter=hold.meter,
        page=page,
    )
    workload = Workload(
        trials=pending,
        suite=spec.suite,
        validation_id=plan.validation_id,
        store=store,
        policy=policy,
        sweep=spec.name,
        start=hold.lease.folder,
        listener=listener,
        is_stopped=hold.relay.is_stopped,
        seconds_in_touch=lambda: hold.lease.seconds_in_touch,
        keep_signals=hold.requests.keep,
        more=GrowingPlan(spec, plan, store, listener, retry_failed=retry_failed).more,
    )
    with listener.shown(), nullcontext() if page is None else page.kept():
        site.back_end().run(workload)
    site.leave()
