"""How far a sweep is, seen from outside: read from its storage alone, and nothing written.

What runs is estimated from one look, with this machine's clock: a lease whose owner's last sign of
life is three times as old as the lease lasts is called silent. Clocks may be off, so nothing is
decided by that; a start that would take over waits and listens instead.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from orchestrator.costs.budget import SECONDS_BETWEEN_WEIGHINGS, Usage, usage
from orchestrator.costs.confirmation_ahead import all_to_come
from orchestrator.costs.footprint import bytes_stored
from orchestrator.costs.forecast import Forecast, forecast, room_here
from orchestrator.pareto.front import Front, extract_front
from orchestrator.plan.manifest import grown_as_known, plan_as_stored
from orchestrator.plan.plan import Plan, confirmed_by_now, refreshed
from orchestrator.plan.planned_trial import PlannedTrial
from orchestrator.plan.proposed import since
from orchestrator.plan.search_progress import SearchProgress, search_progress
from orchestrator.report.front_files import front_record
from orchestrator.report.results import missing
from orchestrator.results.choice import Choice, choice
from orchestrator.results.confirmation import Confirmed, confirmed, confirmed_images
from orchestrator.results.shown import shown_images
from orchestrator.results.trials_table import trials_table
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store import Files, Store
from orchestrator.store.leases.lease import LeaseState, clock, utc_now
from orchestrator.store.leases.records import Signs
from orchestrator.store.sweeps import orders
from orchestrator.store.sweeps.records import Pause
from orchestrator.store.sweeps.starts import all_starts
from orchestrator.store.trials.records import Evaluation
from trainer.passes import Passes

SILENCES = 3
"""Durations of a lease after which its owner, if not heard of, is called silent."""


@dataclass(frozen=True, kw_only=True)
class TrialSnapshot:
    """How far one trial is."""

    planned: PlannedTrial
    epochs: int  # done, of training; a running one may be further than its last checkpoint
    evaluated: float | None  # share of the evaluation, while one is under way
    seconds: float  # of its own time, over all attempts
    training_passes: Passes | None  # once it is trained
    evaluation_passes: Passes | None
    attempts: int
    host: str | None  # of the newest attempt
    silent_since: str | None
    is_resting: bool  # at work, but paused

    def record(self) -> dict[str, Any]:
        """The trial's state as values of JSON."""
        planned, failure = self.planned, self.planned.progress.failure
        return {
            "trial_id": planned.id,
            "method": planned.method,
            "settings": dict(planned.settings),
            "seed": planned.trial.seed,
            "status": planned.status,
            "silent_since": self.silent_since,
            "is_resting": self.is_resting,
            "epochs_done": self.epochs,
            "epochs": planned.trial.training.epochs,
            "evaluated": self.evaluated,
            "seconds": self.seconds,
            "training_passes": _recorded(self.training_passes),
            "evaluation_passes": _recorded(self.evaluation_passes),
            "attempts": self.attempts,
            "host": self.host,
            "failure": None if failure is None else vars(failure),
            "pruned": None if planned.pruning is None else planned.pruning.record(),
            "parents": list(planned.parents),
            "waits_for": list(planned.waits_for),
            "stage": planned.stage,
        }


@dataclass(frozen=True, kw_only=True)
class SweepSnapshot:
    """How far a sweep is at one time."""

    at: str  # UTC, by the clock here
    plan: Plan
    starts: tuple[LeaseState, ...]  # but for those that were refused
    paused: Pause | None
    front: Front  # of what is done
    chosen: Choice  # what its numbers stand on
    forecast: Forecast
    kept_bytes: int  # of the weights and outcomes of its trials
    search: SearchProgress | None  # None: a grid
    confirmed: Confirmed | None  # how far what confirms it is; None: that is not asked for

    @property
    def used(self) -> Usage:
        """What the sweep has used so far, over all its starts."""
        return self.forecast.used

    @property
    def runners(self) -> tuple[LeaseState, ...]:
        """The starts that are not known to be over; some may be silent."""
        return tuple(start for start in self.starts if not start.is_over)

    @property
    def passes(self) -> dict[str, int]:
        """Passes of the trials' whole training and of evaluations, as far as they were counted."""
        results = (planned.progress.result for planned in self.plan.every)
        trained = (result.passes for result in results if result)
        evaluated = (each.passes for planned in self.plan.every for each in planned.evaluations)
        return {
            "training_passes": sum(passes.total for passes in trained if passes),
            "evaluation_passes": sum(passes.total for passes in evaluated if passes),
        }

    def record(self, spec: SweepSpec, trials: Iterable[TrialSnapshot]) -> dict[str, Any]:
        """The sweep's state as values of JSON."""
        return {
            "name": spec.name,
            "at": self.at,
            "storage": spec.storage,
            "starts": [_start_record(start, spec, self.at) for start in self.runners],
            "paused": None if self.paused is None else self.paused.model_dump(),
            "counts": self.plan.counts(),
            "search": self.search and self.search.record(),
            "confirmation": self.confirmed and self.confirmed.record(),
            "missing": missing(self.plan),
            "front": front_record(self.front) | {"selection": self.chosen.record()},
            "used": {**vars(self.used), **self.passes, "bytes": self.kept_bytes},
            "left": self.forecast.record(),
            "budget": spec.policy.budget.model_dump(),
            "trials": [trial.record() for trial in trials],
        }


class Observer:
    """Looks at one sweep, once or again and again."""

    def __init__(self, spec: SweepSpec, files: Files) -> None:
        """Read nothing yet. `files` should be opened so that they cannot be changed."""
        self._spec = spec
        self.store = Store(files)
        self._files = self.store.files
        self._plan: Plan | None = None
        self._weighed, self._weight = -math.inf, 0

    def look(self) -> SweepSnapshot:
        """Read how far the sweep is now; trials that an earlier look found done are not read again.

        Raises:
            BadInput: the sweep has no manifest, and its data are not here: nobody can say what
                its trials are called.
        """
        spec, files = self._spec, self._files
        if self._plan is None:
            plan = plan_as_stored(spec, self.store)
        else:
            plan = refreshed(self._plan, self.store, spec)
            fresh = since(spec, files, plan.proposals)
            plan = grown_as_known(plan, spec, self.store, fresh)
            plan = confirmed_by_now(plan, spec, self.store)
        self._plan = plan
        starts = all_starts(files, spec.name)
        used = usage(starts)
        images = shown_images(spec, plan, files)
        table = trials_table(spec, plan, images)
        return SweepSnapshot(
            at=utc_now(),
            plan=plan,
            starts=tuple(
                each for each in starts if each.ended is None or each.ended.how != "refused"
            ),
            paused=orders.paused(files, spec.name),
            front=extract_front(
                table,
                objectives=spec.objectives,
                reference_point=spec.reference_point,
                keep_collapsed=False,
            ),
            chosen=choice(spec, plan, files, images, counts_reads=False),
            forecast=forecast(
                plan,
                all_to_come(spec, plan),
                used,
                files,
                suites=spec.suites,
                policy=spec.policy,
                folder=spec.folder,
                slots=room_here(spec.policy.resources),
                stored=self._weigh(),
            ),
            kept_bytes=_kept_bytes(plan),
            search=search_progress(spec, plan),
            confirmed=confirmed(spec, plan, files, confirmed_images(spec, plan, files)),
        )

    def trials(
        self, snapshot: SweepSnapshot, chosen: Iterable[PlannedTrial]
    ) -> Iterator[TrialSnapshot]:
        """Yield how far the chosen trials of a plan are; read again those attempted more than
        once."""
        return (self._snapshot(snapshot, planned) for planned in chosen)

    def _snapshot(self, snapshot: SweepSnapshot, planned: PlannedTrial) -> TrialSnapshot:
        progress, lease = planned.progress, planned.progress.lease
        result, evaluations = progress.result, planned.evaluations
        held = lease if planned.status == "running" else None
        said = Signs() if held is None else held.last_said
        host = None if result is None else result.provenance.host
        return TrialSnapshot(
            planned=planned,
            epochs=max(progress.epochs_done, said.epoch, result.epochs if result else 0),
            evaluated=said.evaluated,
            seconds=self._seconds(planned),
            training_passes=result.passes if result else None,
            evaluation_passes=_passes_of(evaluations),
            attempts=lease.number if lease else max((it.attempt for it in evaluations), default=0),
            host=host if lease is None or lease.owner is None else lease.owner.host,
            silent_since=None if held is None else silent_since(held, self._spec, snapshot.at),
            is_resting=said.paused,
        )

    def _seconds(self, planned: PlannedTrial) -> float:
        """Seconds that a trial took if it is done, and else those of all its attempts so far."""
        result, lease = planned.progress.result, planned.progress.lease
        if result is not None and planned.evaluation is not None:
            return result.seconds + sum(each.seconds for each in planned.evaluations)
        if lease is None or lease.number == 1:
            return 0.0 if lease is None else lease.seconds
        return sum(attempt.seconds for attempt in self.store.trial(planned.id).past_attempts())

    def _weigh(self) -> int | None:
        """Bytes in the storage, counted now and then; None where the budget does not cap them."""
        if self._spec.policy.budget.disk_gb is None:
            return None
        if clock() - self._weighed > SECONDS_BETWEEN_WEIGHINGS:
            self._weighed, self._weight = clock(), bytes_stored(self._files)
        return self._weight


def silent_since(lease: LeaseState, spec: SweepSpec, now: str) -> str | None:
    """Return when the owner of a lease that is not over was last heard of, if too long ago."""
    heard = lease.last_said.at or lease.since
    lasts = timedelta(seconds=lease.lasts or spec.policy.lease)
    if heard is None or lease.is_over:
        return None
    age = datetime.fromisoformat(now) - datetime.fromisoformat(heard)
    return str(heard) if age > SILENCES * lasts else None


def _passes_of(evaluations: Sequence[Evaluation]) -> Passes | None:
    """Sum the passes of a trial's evaluations; None where some were not counted, or none is
    there."""
    counted = [each.passes for each in evaluations if each.passes is not None]
    if not counted or len(counted) < len(evaluations):
        return None
    return sum(counted, Passes())


def _recorded(passes: Passes | None) -> dict[str, int] | None:
    return None if passes is None else passes.record()


def _start_record(start: LeaseState, spec: SweepSpec, now: str) -> dict[str, Any]:
    owner = start.owner
    return {
        "host": None if owner is None else owner.host,
        "process": None if owner is None else owner.process,
        "since": start.since,
        "joined": bool(start.about.joins),
        "silent_since": silent_since(start, spec, now),
    }


def _kept_bytes(plan: Plan) -> int:
    return sum(
        record.bytes
        for planned in plan.every
        for record in (planned.progress.result, *planned.evaluations)
        if record is not None
    )
