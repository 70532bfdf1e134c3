"""One start of a sweep: from the plan, over the trials that are missing, to the front."""

from __future__ import annotations

import logging
import math
import tempfile
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from rich.console import Console

from orchestrator.costs.budget import BudgetWatch, Meter
from orchestrator.driver.growing import GrowingPlan
from orchestrator.driver.listener import Commentary
from orchestrator.driver.mending import mend
from orchestrator.driver.preflight import ready
from orchestrator.driver.retention import drop_weights
from orchestrator.driver.signals import Interruption, watched
from orchestrator.execution.backend import BackEnd, Workload
from orchestrator.pareto.front import Front
from orchestrator.plan.manifest import write_manifest
from orchestrator.plan.plan import FINISHED, Plan, PlannedTrial
from orchestrator.report.results import write_results
from orchestrator.results.reevaluation import coverage, plan_start
from orchestrator.results.trials_table import trials_table
from orchestrator.search.growth import grow
from orchestrator.spec.arguments import command
from orchestrator.spec.auto_precision import keep, told
from orchestrator.spec.policy import Policy, Resources
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store import Files, Store
from orchestrator.store.files.by_url import open_files
from orchestrator.store.files.retrying import Patient
from orchestrator.store.leases.lease import Lease
from orchestrator.store.records.version import enter
from orchestrator.store.sweeps import orders
from orchestrator.store.sweeps.claims import RunClaims
from orchestrator.store.sweeps.starts import all_starts, begun
from orchestrator.table.columns import measured_numbers
from orchestrator.tracking import TrackedTrial, Tracker, open_tracker
from trainer.terminal.console import print_line

logger = logging.getLogger(__name__)

PATIENCE_SECONDS = 600.0
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
    impatient = open_files(spec.storage)
    with watched() as interruption, ExitStack() as opened:
        files = Patient(
            impatient,
            tell=logger.warning,
            is_given_up=lambda: interruption.signal is not None,
            patience=PATIENCE_SECONDS,
        )
        store = Store(files, impatient)
        looked = ready(
            spec,
            store,
            impatient,
            address=address,
            is_local=is_local,
            retry_failed=retry_failed,
            console=console,
        )
        plan, pending, resources = looked.plan, looked.pending, looked.resources
        policy = spec.policy.model_copy(update={"resources": resources})
        meter = Meter(resources)
        budget = BudgetWatch(impatient, spec.name, policy.budget, meter)
        foreman = _Foreman(impatient, spec, interruption, budget, meter)
        cluster = opened.enter_context(ExitStack())
        is_elsewhere = bool(pending) and address is not None
        if is_elsewhere:  # which may refuse us: then nothing is written
            with interruption.outlasting():
                cluster.enter_context(_connected(address, resources))
        enter(files)
        lease = opened.enter_context(
            begun(
                files,
                impatient,
                spec.name,
                joins=joins,
                lasts=policy.lease,
                on_tick=foreman,
                address=address,
            )
        )
        _keep_precision(spec, files, console)
        files.write(f"{spec.folder}/spec.yaml", spec.resolved_yaml().encode())
        if (whole := grow(spec, looked.recorded, store)) is not looked.recorded:
            plan, pending = whole, whole.pending(retry_failed=retry_failed)
        mend(plan, store)
        write_manifest(files, spec, plan)
        budget.look(lease)
        is_to_run = bool(pending) and not foreman.is_stopped()
        if is_to_run:
            begun_with = f"{spec.name}: {len(plan.trials)} trials, {_to_do(spec, pending)}"
            print_line(console, begun_with)
            if (covered := coverage(spec, plan)) is not None and covered.hasty:
                print_line(console, covered.hasty, style="bold")
            if not is_elsewhere and not is_local:
                with interruption.outlasting():
                    cluster.enter_context(_connected(address, resources))
        claims = RunClaims(impatient, spec.name, lease.folder)
        tracker = open_tracker(spec.tracking, spec.storage, spec.name, claims.is_ours)
        if is_to_run and not foreman.is_stopped():
            commentary = Commentary(
                store=store,
                plan=plan,
                pending=pending,
                console=console,
                tracker=tracker,
                meter=meter,
            )
            _run(
                _back_end(is_local),
                spec,
                policy,
                store,
                commentary,
                growing=GrowingPlan(spec, plan, store, commentary),
                lease=lease,
                foreman=foreman,
                interruption=interruption,
            )
            cluster.close()
            plan = plan_start(spec, store)
        write_manifest(files, spec, plan)
        table = trials_table(spec, plan)
        staging = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="front-")))
        results = write_results(spec, plan, table, files, staging)
        _track_trials(tracker, store, plan, table, theirs=_at_work_elsewhere(files, spec, lease))
        front = results.front
        _drop_weights(spec, plan, front, store)
        tracker.sweep(
            metrics={"hypervolume": front.hypervolume, "front_size": float(len(front.points))},
            files=results.staged,
        )
        return Outcome(
            plan=plan,
            front=front,
            folder=f"{files.url}/{spec.folder}",
            files=tuple(path.name for path in results.staged),
            signal=interruption.signal,
            budget=budget.reached,
            tracked=tracker.close(),
        )


class _Foreman:
    """Passes what a start is asked from outside on to its workers, through the store."""

    def __init__(
        self,
        files: Files,
        spec: SweepSpec,
        interruption: Interruption,
        budget: BudgetWatch,
        meter: Meter,
    ) -> None:
        self._files = files
        self._spec = spec
        self._interruption = interruption
        self._budget = budget
        self._meter = meter
        self._given = (False, 0)
        self._is_paused = False

    def is_stopped(self) -> bool:
        """Whether the start is to end, by a signal or its budget."""
        return self._interruption.signal is not None or self._budget.reached is not None

    def __call__(self, lease: Lease) -> None:
        """Note the hours used and write new orders; called every second, by the lease's thread."""
        lease.note(**self._meter.read())
        self._budget.look(lease)
        wanted = (self.is_stopped(), self._interruption.checkpoints)
        if wanted != self._given:
            stop, checkpoints = wanted
            orders.give(self._files, lease.folder, stop=stop, checkpoints=checkpoints)
            self._given = wanted
        pause = orders.paused(self._files, self._spec.name)
        if self._is_paused != (pause is not None):
            self._is_paused = pause is not None
            by = "" if pause is None else f" by {pause.by} since {pause.since}"
            go_on = command("resume", self._spec)
            logger.warning("%s", f"paused{by}: {go_on} goes on" if by else "resumed")


def _keep_precision(spec: SweepSpec, files: Files, console: Console) -> None:
    auto = spec.auto_precision
    if auto is None or auto.state == "kept" or spec.reevaluation is not None:
        return
    keep(files, spec.name, auto)
    print_line(console, f"training.precision is auto: {told(auto)}")


def _to_do(spec: SweepSpec, pending: Sequence[PlannedTrial]) -> str:
    if spec.reevaluation is None:
        return f"{len(pending)} to run"
    return f"{len(pending)} to evaluate under {spec.reevaluation.suite_file}"


def _drop_weights(spec: SweepSpec, plan: Plan, front: Front, store: Store) -> None:
    if spec.reevaluation is not None:  # its front is another, and decides nothing
        return
    is_done = all(planned.status in FINISHED for planned in plan.trials)
    if is_done and spec.policy.retention.weights == "front":
        references = {planned.id for planned in plan.trials if planned.is_reference}
        drop_weights(
            store,
            sweep=spec.name,
            keep=references | set(front.points["trial_id"]),
            candidates={planned.id for planned in plan.trials},
        )


def _connected(address: str | None, resources: Resources) -> AbstractContextManager[None]:
    # Ray and Tune take seconds to import, which a finished sweep and a mistake need not wait for.
    from orchestrator.execution.cluster import connected  # noqa: PLC0415

    return connected(address, resources)


def _back_end(is_local: bool) -> BackEnd:
    if is_local:
        from orchestrator.execution.in_process import InProcess  # noqa: PLC0415 (as above: PyTorch)

        return InProcess()
    from orchestrator.execution.tuning import RayTune  # noqa: PLC0415 (as above)

    return RayTune()


def _run(
    back_end: BackEnd,
    spec: SweepSpec,
    policy: Policy,
    store: Store,
    commentary: Commentary,
    *,
    growing: GrowingPlan,
    lease: Lease,
    foreman: _Foreman,
    interruption: Interruption,
) -> None:
    with commentary.shown():
        back_end.run(
            Workload(
                trials=commentary.pending,
                suite=spec.suite,
                store=store,
                policy=policy,
                sweep=spec.name,
                start=lease.folder,
                listener=commentary,
                is_stopped=foreman.is_stopped,
                seconds_in_touch=lambda: lease.steady,
                keep_signals=interruption.keep,
                more=growing.more,
            )
        )


def _at_work_elsewhere(files: Files, spec: SweepSpec, lease: Lease) -> set[str]:
    """Return the folders of the other starts that still run: they track their own trials."""
    others = (each for each in all_starts(files, spec.name) if each.folder != lease.folder)
    return {each.folder for each in others if not each.is_over}


def _track_trials(
    tracker: Tracker, store: Store, plan: Plan, table: pd.DataFrame, *, theirs: set[str]
) -> None:
    measured = measured_numbers(map(str, table))
    names = plan.names()
    for planned, (_, row) in zip(plan.trials, table[measured].iterrows(), strict=True):
        attempt = planned.progress.lease
        is_theirs = attempt is not None and attempt.about.start in theirs
        if planned.status == "pending" or (planned.status == "running" and is_theirs):
            continue
        stored = store.trial(planned.id)
        tracker.trial(
            TrackedTrial(
                id=planned.id,
                name=names[planned.id],
                params=planned.trial.content(),
                scores={
                    str(name): float(value)
                    for name, value in row.dropna().items()
                    if math.isfinite(value)
                },
                status=planned.status,
                pruned=None if planned.pruning is None else str(planned.pruning),
                rows=stored.rows,
                began=stored.began,
                ended=_ended(planned),
            )
        )


def _ended(planned: PlannedTrial) -> str | None:
    """Return when a trial was done, failed, stopped or pruned; None while it runs or if not
    known."""
    progress = planned.progress
    if planned.status == "done" and progress.evaluation is not None:
        return str(progress.evaluation["at"])
    if progress.lease is None or planned.status == "running":
        return None
    return progress.lease.last_said.at
