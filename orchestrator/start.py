"""One start of a sweep: from the plan, over the trials that are missing, to the front."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch
from rich.console import Console

from orchestrator.extraction import Front, extract_front
from orchestrator.front import write_front
from orchestrator.holding import held
from orchestrator.interruption import Interruption, watched
from orchestrator.plan import Plan, PlannedTrial, blamed_on, make_plan
from orchestrator.progress import Display, Tally
from orchestrator.spec import Resources, SweepSpec
from orchestrator.store import LocalFiles, Store
from orchestrator.table import trials_table
from orchestrator.tracking import Tracker, open_tracker
from trainer.data import load
from trainer.training import EpochRow, new_model


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a start left."""

    plan: Plan
    front: Front
    files: tuple[Path, ...]
    signal: int | None  # that stopped it
    tracked: bool  # whether the tracker took everything


def start(spec: SweepSpec, *, address: str | None, retry_failed: bool, console: Console) -> Outcome:
    """Train and evaluate what is missing, on this machine or on the cluster at `address`; write
    the tables and the front of what there is; tell the tracker.

    Raises:
        BadInput: data, storage or resources are not there; nothing is written.
        NoClusterError: no cluster takes this driver, or none of its machines a trial; likewise.
        HeldError: another start is running the sweep.
    """
    _check_storage(spec)
    files = LocalFiles(spec.storage)
    store = Store(files)
    plan = make_plan(spec, store)
    pending = plan.pending(retry_failed=retry_failed)
    _check_content(spec, pending)
    is_here = bool(pending) and address is None
    resources = _local_resources(spec, console) if is_here else spec.resources
    with held(files, spec.name), watched() as interruption, ExitStack() as cluster:
        if pending:
            console.print(f"{spec.name}: {len(plan.trials)} trials, {len(pending)} to run")
            with interruption.outlasting():
                cluster.enter_context(_connected(address, resources))
        files.write(f"sweeps/{spec.name}/spec.yaml", spec.resolved_yaml().encode())
        tracker = open_tracker(spec.tracking, spec.storage, spec.name)
        if pending and interruption.signal is None:
            listener = _Listener(store, pending, console, tracker)
            _run(spec, pending, listener, interruption, resources)
            cluster.close()
            plan = make_plan(spec, store)
        table = trials_table(spec, plan, store)
        front, paths = _write(spec, plan, table)
        _track_trials(tracker, store, plan, table)
        tracker.sweep(
            metrics={"hypervolume": front.hypervolume, "front_size": float(len(front.points))},
            files=paths,
        )
        return Outcome(
            plan=plan,
            front=front,
            files=tuple(paths),
            signal=interruption.signal,
            tracked=tracker.close(),
        )


def _check_storage(spec: SweepSpec) -> None:
    """See that the storage can be written, without writing."""
    place = spec.storage
    while not os.access(place, os.F_OK):
        place = place.parent
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        raise spec.document.fail(
            "storage", f"must be a folder that can be written, got {spec.storage}"
        )


def _check_content(spec: SweepSpec, pending: Sequence[PlannedTrial]) -> None:
    """Load each data set and make each network once, so that what is wrong with them is known
    before Ray starts."""
    cpu = torch.device("cpu")
    trials = {(planned.trial.data, planned.trial.model): planned.trial for planned in pending}
    for data in {data for data, _ in trials}:
        with blamed_on("data", spec):
            dataset = load(data, cpu)
        for trial in (trial for (its_data, _), trial in trials.items() if its_data == data):
            with blamed_on("model", spec):
                new_model(trial, dataset, cpu)


def _local_resources(spec: SweepSpec, console: Console) -> Resources:
    """What a trial occupies on this machine: without a GPU here, none."""
    cores = os.cpu_count() or 1
    if spec.resources.cpu > cores:
        raise spec.document.fail(
            "resources.cpu", f"must be at most {cores} on this machine, got {spec.resources.cpu:g}"
        )
    gpus = torch.cuda.device_count()
    if spec.resources.gpu > gpus:
        if gpus:
            raise spec.document.fail(
                "resources.gpu",
                f"must be at most {gpus} on this machine, got {spec.resources.gpu:g}",
            )
        console.print(
            f"resources.gpu is {spec.resources.gpu:g}, but this machine has no GPU: "
            f"trials run on the CPU"
        )
        return spec.resources.model_copy(update={"gpu": 0.0})
    return spec.resources


def _connected(address: str | None, resources: Resources) -> AbstractContextManager[None]:
    # Ray and Tune take seconds to import, which a finished sweep and a mistake need not wait for.
    from orchestrator.execution.cluster import connected  # noqa: PLC0415

    return connected(address, resources)


def _run(
    spec: SweepSpec,
    pending: Sequence[PlannedTrial],
    listener: _Listener,
    interruption: Interruption,
    resources: Resources,
) -> None:
    from orchestrator.execution.tuning import run_trials  # noqa: PLC0415 (as above)

    with listener.shown():
        run_trials(
            pending,
            suite=spec.suite.record(),
            storage=spec.storage,
            resources=resources,
            retries=spec.retries,
            listener=listener,
            is_stopped=lambda: interruption.signal is not None,
        )


class _Listener:
    """Tells the display and the tracker of trials as they run."""

    def __init__(
        self,
        store: Store,
        pending: Sequence[PlannedTrial],
        console: Console,
        tracker: Tracker,
    ) -> None:
        self._store = store
        self._planned = {planned.id: planned for planned in pending}
        self._tally = Tally.of(pending)
        self._display = Display(console, self._tally)
        self._tracker = tracker
        self.shown = self._display.shown

    def started(self, trial_id: str) -> None:
        self._tally.started(trial_id)
        self._display.update()

    def epoch_done(self, trial_id: str, row: EpochRow) -> None:
        self._tally.epoch_done(trial_id)
        self._display.update()
        planned = self._planned[trial_id]
        self._tracker.trial(
            trial_id,
            name=planned.title,
            params=planned.trial.content(),
            rows=lambda: [row],
            scores={},
            status="running",
        )

    def ended(self, trial_id: str) -> None:
        failure = self._store.trial(trial_id).progress().failure
        self._tally.trial_ended(trial_id, failed=failure is not None)
        self._display.update()


def _write(spec: SweepSpec, plan: Plan, table: pd.DataFrame) -> tuple[Front, list[Path]]:
    staged = spec.folder / ".trials.csv"
    table.to_csv(staged, index=False)
    trials = staged.replace(spec.folder / "trials.csv")
    front = extract_front(table, objectives=spec.objectives, reference_point=spec.reference_point)
    return front, [trials, *write_front(front, table, spec.folder, note=_note(spec, plan))]


def _note(spec: SweepSpec, plan: Plan) -> str:
    """Small print of the picture: the data, and how far each category's attack reaches."""
    evaluations = [planned.evaluation for planned in plan.trials if planned.evaluation]
    reach = evaluations[0].get("reach", {}) if evaluations else {}
    return ", ".join([spec.cells[0].trial.data.name, *(f"{k} {v}" for k, v in reach.items())])


def _track_trials(tracker: Tracker, store: Store, plan: Plan, table: pd.DataFrame) -> None:
    for planned, (_, row) in zip(plan.trials, table.iterrows(), strict=True):
        if planned.status == "pending":
            continue
        others = {*planned.settings, "seconds"}  # an epoch's seconds have that name already
        scores = {
            str(name): float(value)
            for name, value in row.items()
            if isinstance(value, float) and math.isfinite(value) and name not in others
        }
        tracker.trial(
            planned.id,
            name=planned.title,
            params=planned.trial.content(),
            rows=store.trial(planned.id).rows,
            scores=scores,
            status=planned.status,
        )
