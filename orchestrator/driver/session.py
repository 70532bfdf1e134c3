"""One start of a sweep, stage by stage: look before writing, hold, keep what is decided, run,
write results, tell the tracker, drop weights."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from rich.console import Console

from orchestrator.costs.budget import Meter
from orchestrator.driver.conclusion import conclude
from orchestrator.driver.decisions import keep_decisions
from orchestrator.driver.holding import held
from orchestrator.driver.live_page import PageWhen, leave_page
from orchestrator.driver.mending import mend
from orchestrator.driver.preflight import Ready, ready
from orchestrator.driver.running import announce, run
from orchestrator.driver.site import Site
from orchestrator.pareto.front import Front
from orchestrator.plan.manifest import write_manifest
from orchestrator.plan.plan import Plan
from orchestrator.plan.planned_trial import PlannedTrial
from orchestrator.report.contrasts import Comparison
from orchestrator.results.choice import Choice
from orchestrator.results.confirmation import Confirmed
from orchestrator.results.few_steps import FewSteps
from orchestrator.results.images import is_complete
from orchestrator.results.reevaluation import coverage, plan_start
from orchestrator.search.growth import grow_to_work
from orchestrator.spec.arguments import command
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store import Files, Store
from orchestrator.store.files.by_url import open_files
from orchestrator.store.files.retrying import RetryingFiles
from orchestrator.store.sweeps.claims import RunClaims
from orchestrator.tracking import open_tracker
from trainer.training.signals import Requests, noted

logger = logging.getLogger(__name__)

LONGEST_OUTAGE_SECONDS = 600.0
"""Seconds for which an unreachable storage is waited for before the start gives up."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a start of a sweep left: its results, and why it ended."""

    plan: Plan
    front: Front
    comparison: Comparison  # of the methods
    chosen: Choice  # what its numbers stand on
    few: FewSteps  # what of them is made by rungs that hardly attack
    confirmed: Confirmed | None  # how far what confirms it is; None: that is not asked for
    folder: str  # of its files, for people
    files: tuple[str, ...]  # their names there
    signal: int | None  # that stopped it
    budget: str | None  # the cap that stopped it before all was done
    tracked: bool  # whether the tracker took everything


def start(
    spec: SweepSpec,
    *,
    address: str | None,
    is_local: bool,
    joins: bool,
    retry_failed: bool,
    page: PageWhen,
    console: Console,
) -> Outcome:
    """Train and evaluate what is missing, on this machine or on the cluster at `address`; write
    the tables and the front of what there is; tell the tracker.

    Args:
        is_local: run one trial after the other in this process, without Ray.
        joins: share the work with other starts of the sweep.
        page: when the sweep's page is written.

    Raises:
        BadInput: data, storage or resources are not there; nothing is written.
        NoClusterError: the address leads to no cluster, none takes this driver, or none of its
            machines a trial; nothing is written.
        HeldError: another start is running the sweep.
        DecidedOtherwiseError: another start has decided what the precision is.
    """
    direct = open_files(spec.storage)
    with noted() as requests, ExitStack() as opened:
        store = Store(patient(direct, requests), direct)
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
        hold = opened.enter_context(
            held(
                store.files,
                direct,
                spec.name,
                policy=policy,
                meter=Meter(policy.resources, site.clock),
                requests=requests,
                resume=command("resume", spec),
                joins=joins,
                address=address,
            )
        )
        plan, pending = keep(spec, checked, store, console, retry_failed=retry_failed)
        is_to_run = bool(pending) and not hold.relay.is_stopped()
        if is_to_run:
            announce(spec.name, plan, pending, console, covered=coverage(spec, plan))
            site.start()
        claims = RunClaims(direct, spec.name, hold.lease.folder)
        tracker = open_tracker(
            spec.tracking, spec.storage, spec.name, claims.is_ours, store.ids.present
        )
        if is_to_run and not hold.relay.is_stopped():
            run(
                spec,
                plan,
                pending,
                store,
                policy=policy,
                site=site,
                hold=hold,
                tracker=tracker,
                console=console,
                retry_failed=retry_failed,
                is_live=page == "live",
            )
            plan = plan_start(spec, store)
        results, is_tracked = conclude(spec, plan, store, tracker, start=hold.lease.folder)
        left = [path.name for path in results.staged]
        left += [] if page == "none" else [leave_page(spec, plan, store, results)]
        is_over = is_complete(spec, plan) and not plan.pending(retry_failed=retry_failed)
        return Outcome(
            plan=plan,
            front=results.front,
            comparison=results.comparison,
            chosen=results.chosen,
            few=results.few,
            confirmed=results.confirmed,
            folder=f"{store.files.url}/{spec.folder}",
            files=tuple(left),
            signal=requests.stop,
            budget=None if is_over else hold.relay.budget_reached,
            tracked=is_tracked,
        )


def patient(direct: Files, requests: Requests) -> Files:
    """Return files that wait for a storage that does not answer, until it was away for too long or
    a signal asks to stop."""
    return RetryingFiles(
        direct,
        warn=logger.warning,
        is_cancelled=lambda: requests.stop is not None,
        longest_outage=LONGEST_OUTAGE_SECONDS,
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
    write_manifest(store.files, spec.folder, plan)
    return plan, pending
