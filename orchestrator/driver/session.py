"""One start of a sweep, stage by stage: look before writing, hold, keep what is decided, run,
write results, tell the tracker, drop weights."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from orchestrator.costs.budget import Meter
from orchestrator.driver.decisions import keep_decisions
from orchestrator.driver.growing import GrowingPlan
from orchestrator.driver.listener import RunListener
from orchestrator.driver.mending import mend
from orchestrator.driver.order_relay import OrderRelay
from orchestrator.driver.preflight import Ready, ready
from orchestrator.driver.retention import keep_front_alone
from orchestrator.driver.site import Site
from orchestrator.driver.tracked_trials import starts_elsewhere, track_front, track_trials
from orchestrator.execution.backend import Workload
from orchestrator.pareto.front import Front
from orchestrator.plan.manifest import write_manifest
from orchestrator.plan.plan import Plan
from orchestrator.plan.planned_trial import PlannedTrial
from orchestrator.report.results import Results, write_results
from orchestrator.results.reevaluation import Coverage, coverage, plan_start
from orchestrator.results.trials_table import trials_table
from orchestrator.search.growth import grow_to_work
from orchestrator.spec.arguments import command
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store import Store
from orchestrator.store.files.by_url import open_files
from orchestrator.store.files.retrying import RetryingFiles
from orchestrator.store.records.version import enter
from orchestrator.store.sweeps.claims import RunClaims
from orchestrator.store.sweeps.starts import begun
from orchestrator.tracking import Tracker, open_tracker
from trainer.terminal.console import print_line
from trainer.training.signals import noted

logger = logging.getLogger(__name__)

LONGEST_OUTAGE_SECONDS = 600.0
"""Seconds for which an unreachable storage is waited for before the start gives up."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a start of a sweep left: its results, and why it ended."""

    plan: Plan
    front: Front
    folder: str  # of its files, for people
    files: tuple[str, ...]  # their names there
    signal: int | None  # that stopped it
    budget: str | None  # the cap that stopped it
    tracked: bool  # whether the tracker took everything


def start(
    spec: SweepSpec,
    *,
    address: str | None,
    is_local: bool,
    joins: bool,
    retry_failed: bool,
    console: Console,
) -> Outcome:
    """Train and evaluate what is missing, on this machine or on the cluster at `address`; write
    the tables and the front of what there is; tell the tracker.

    Args:
        is_local: run one trial after the other in this process, without Ray.
        joins: share the work with other starts of the sweep.

    Raises:
        BadInput: data, storage or resources are not there; nothing is written.
        NoClusterError: the address leads to no cluster, none takes this driver, or none of its
            machines a trial; nothing is written.
        HeldError: another start is running the sweep.
        DecidedOtherwiseError: another start has decided what the precision is.
    """
    direct = open_files(spec.storage)
    with noted() as requests, ExitStack() as opened:
        files = RetryingFiles(
            direct,
            warn=logger.warning,
            is_cancelled=lambda: requests.stop is not None,
            longest_outage=LONGEST_OUTAGE_SECONDS,
        )
        store = Store(files, direct)
        checked = ready(
            spec,
            store,
            direct,
            address=address,
            is_local=is_local,
            retry_failed=retry_failed,
            console=console,
        )
        policy = spec.policy.model_copy(update={"resources": checked.resources})
        site = opened.enter_context(
            Site(address=address, is_local=is_local, resources=policy.resources, requests=requests)
        )
        if checked.pending:
            site.join()
        meter = Meter(policy.resources, site.clock)
        relay = OrderRelay(
            direct,
            spec.name,
            requests=requests,
            budget=policy.budget,
            meter=meter,
            resume=command("resume", spec),
        )
        enter(files)
        lease = opened.enter_context(
            begun(
                files,
                direct,
                spec.name,
                joins=joins,
                lasts=policy.lease,
                on_tick=relay.tick,
                address=address,
            )
        )
        plan, pending = keep(spec, checked, store, console, retry_failed=retry_failed)
        relay.look_at_budget(lease)
        is_to_run = bool(pending) and not relay.is_stopped()
        if is_to_run:
            announce(spec.name, plan, pending, console, covered=coverage(spec, plan))
            site.start()
        claims = RunClaims(direct, spec.name, lease.folder)
        tracker = open_tracker(spec.tracking, spec.storage, spec.name, claims.is_ours)
        if is_to_run and not relay.is_stopped():
            listener = RunListener(
                store=store,
                plan=plan,
                pending=pending,
                console=console,
                tracker=tracker,
                meter=meter,
            )
            workload = Workload(
                trials=pending,
                suite=spec.suite,
                store=store,
                policy=policy,
                sweep=spec.name,
                start=lease.folder,
                listener=listener,
                is_stopped=relay.is_stopped,
                seconds_in_touch=lambda: lease.seconds_in_touch,
                keep_signals=requests.keep,
                more=GrowingPlan(spec, plan, store, listener, retry_failed=retry_failed).more,
            )
            with listener.shown():
                site.back_end().run(workload)
            site.leave()
            plan = plan_start(spec, store)
        results, is_tracked = conclude(spec, plan, store, tracker, start=lease.folder)
        return Outcome(
            plan=plan,
            front=results.front,
            folder=f"{files.url}/{spec.folder}",
            files=tuple(path.name for path in results.staged),
            signal=requests.stop,
            budget=relay.budget_reached,
            tracked=is_tracked,
        )


def keep(
    spec: SweepSpec, checked: Ready, store: Store, console: Console, *, retry_failed: bool
) -> tuple[Plan, Sequence[PlannedTrial]]:
    """Keep what a start has decided and found, for all that come after it: the precision, the
    resolved specification, what its search proposes first, lost descriptions, the manifest. Return
    the plan that comes of it, and its trials to work on.

    Raises:
        DecidedOtherwiseError: another start has decided what the precision is.
    """
    keep_decisions(
        store.files,
        sweep=spec.name,
        folder=spec.folder,
        resolved=spec.resolved_yaml(),
        precision=spec.auto_precision if spec.reevaluation is None else None,
        console=console,
    )
    plan, pending = checked.plan, checked.pending
    larger = grow_to_work(spec, checked.recorded, store, retry_failed=retry_failed)
    if larger is not checked.recorded:
        plan, pending = larger, larger.pending(retry_failed=retry_failed)
    mend(plan, store)
    write_manifest(store.files, spec, plan)
    return plan, pending


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
    print_line(console, f"{name}: {len(plan.trials)} trials, {len(pending)} {to_do}")
    if covered is not None and covered.doubt:
        print_line(console, covered.doubt, style="bold")


def conclude(
    spec: SweepSpec, plan: Plan, store: Store, tracker: Tracker, *, start: str
) -> tuple[Results, bool]:
    """Write the results of a plan as it stands, tell the tracker of them, and drop the weights that
    the sweep does not keep. Return the results, and whether the tracker took everything.

    Args:
        start: folder of this start.
    """
    files = store.files
    write_manifest(files, spec, plan)
    table = trials_table(spec, plan)
    with tempfile.TemporaryDirectory(prefix="front-") as staging:
        results = write_results(
            plan,
            table,
            files,
            folder=spec.folder,
            staging=Path(staging),
            objectives=spec.objectives,
            reference_point=spec.reference_point,
            covered=coverage(spec, plan),
        )
        theirs = starts_elsewhere(files, spec.name, start)
        track_trials(tracker, store, plan, table, theirs=theirs)
        if spec.reevaluation is None and spec.policy.retention.weights == "front":
            on_front = set(results.front.points["trial_id"])
            keep_front_alone(store, plan, sweep=spec.name, on_front=on_front)
        track_front(tracker, results.front, results.staged)
        return results, tracker.close()  # which waits until the files are sent
