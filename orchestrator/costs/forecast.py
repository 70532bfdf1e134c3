"""What the rest of a sweep will take: hours, estimated from what is done, and storage."""

from __future__ import annotations

import json
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from orchestrator.costs.budget import Usage
from orchestrator.costs.footprint import (
    Footprint,
    evaluations_by_suite,
    examples_evaluated,
    footprint,
    suites_left,
)
from orchestrator.plan.plan import Plan
from orchestrator.plan.planned_trial import PlannedTrial
from orchestrator.spec.policy import BudgetSettings, Policy, Resources
from orchestrator.store import Files
from orchestrator.store.trials.records import Evaluation
from orchestrator.terminal.units import count_text, duration, size_text
from trainer.config import Trial
from trainer.data.published import examples_trained
from trainer.evaluation.suite import Suite
from trainer.training.passes_ahead import most_passes_of_evaluation, most_passes_of_training

if TYPE_CHECKING:
    import torch
else:
    from trainer import late_torch as torch

Basis = Literal["cell", "method", "sweep"]
"""Trials from which another's time is estimated: those of its own cell, of its method, or any."""


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What a sweep will take from now on. Hours are None where nothing is done to go by."""

    trials: int  # left
    basis: Mapping[str, int]  # how many are estimated from what: see `Basis`
    used: Usage  # so far
    core_hours: float | None
    gpu_hours: float | None
    hours: float | None  # on the clock, `at_once` trials at a time
    at_once: int
    passes: PassesLeft
    footprint: Footprint
    warnings: tuple[str, ...]

    def record(self) -> dict[str, Any]:
        """The forecast as values of JSON."""
        return {
            "trials": self.trials,
            "judged_by": dict(self.basis),
            "core_hours": self.core_hours,
            "gpu_hours": self.gpu_hours,
            "hours": self.hours,
            "at_once": self.at_once,
            "in_all": self._in_all(),
            "training_passes": self.passes.training,
            "evaluation_passes": self.passes.evaluation,
            "bytes": self.footprint.bytes,
            "free_bytes": self.footprint.free,
            "warnings": list(self.warnings),
        }

    def lines(self) -> Iterator[tuple[str, str]]:
        """Yield the forecast for people: what each line is about, and what it says."""
        if self.trials:
            yield "left", self._left()
            yield "passes", self.passes.words()
            room = "unknown" if self.footprint.free is None else size_text(self.footprint.free)
            needed = self.footprint.bytes
            takes = "not known before a trial is trained" if needed is None else size_text(needed)
            yield "disk", f"to run: {takes}; free: {room}"
        for warning in self.warnings:
            yield "warning", warning

    def _in_all(self) -> dict[str, float | None]:
        """Core-hours and GPU-hours of the whole sweep, used and to come."""
        return {
            name: None if left is None else left + getattr(self.used, name)
            for name, left in (("core_hours", self.core_hours), ("gpu_hours", self.gpu_hours))
        }

    def _left(self) -> str:
        if self.core_hours is None or self.gpu_hours is None or self.hours is None:
            return f"{self.trials} trials; how long is not known before one is done"
        bases = ", ".join(f"{count} by their {basis}" for basis, count in self.basis.items())
        gpu = f", {self.gpu_hours:.3g} GPU-hours" if self.gpu_hours else ""
        in_all = self.used.core_hours + self.core_hours
        return (
            f"about {self.core_hours:.3g} core-hours{gpu}, {duration(3600 * self.hours)} with "
            f"{self.at_once} at once; in all {in_all:.3g} core-hours "
            f"({self.trials} trials, judged by those done: {bases})"
        )


@dataclass(frozen=True, kw_only=True)
class PassesLeft:
    """Passes of the trials to come, of all kinds, by their settings: known before anything is done.

    None where an attack or a data set of one's own does not say, and none of its method is done.
    """

    training: int | None  # the most: attacks that may rest are counted in full
    evaluation: int | None  # the most: as if every image withstood every attack

    def words(self) -> str:
        """Say the passes to come, for people."""
        training = "not known" if self.training is None else count_text(self.training)
        evaluation = (
            "not known" if self.evaluation is None else f"up to {count_text(self.evaluation)}"
        )
        return f"to run: {training} of training, {evaluation} of evaluation"


def forecast(
    plan: Plan,
    to_come: Iterable[PlannedTrial],
    used: Usage,
    files: Files,
    *,
    suites: Sequence[Suite],
    policy: Policy,
    folder: str,
    slots: int,
    stored: int | None,
) -> Forecast:
    """Forecast the rest of a plan as the store has it, given what the sweep has used.

    As many trials will run at once as do now, or `slots` where none does.

    Args:
        to_come: trials in the place of those that a search is still to propose.
        suites: that every trial is evaluated under: see `SweepSpec.suites`.
        folder: that of the sweep's files.
        slots: trials that a start runs at once: see `room_here`.
        stored: bytes in the storage, where the budget counts them.
    """
    pending = (*plan.pending(retry_failed=False), *to_come)
    running = plan.counts().get("running", 0)
    at_once = min(running or slots, len(pending)) if pending else 1
    basis, seconds = _seconds(suites, plan, pending)
    per_trial = policy.resources
    gpus = per_trial.gpu
    if used.core_hours and not used.gpu_hours:  # it runs where there is no GPU, as it may
        gpus = 0.0
    hours = None if seconds is None else seconds / 3600
    room = footprint(
        plan.every,
        pending,
        files,
        suites=suites,
        retention=policy.retention,
        folder=folder,
        at_once=at_once,
        stored=stored,
    )
    core_hours = None if hours is None else hours * per_trial.cpu
    gpu_hours = None if hours is None else hours * gpus
    left = {
        "core_hours": core_hours,
        "gpu_hours": gpu_hours,
        "hours": None if hours is None else hours / at_once,
    }
    return Forecast(
        trials=len(pending),
        basis=basis,
        used=used,
        **left,
        at_once=at_once,
        passes=_passes(suites, plan, pending),
        footprint=room,
        warnings=(
            *room.warnings(files.url, policy.budget.disk_gb),
            *_over_budget(policy.budget, used, left),
        ),
    )


def room_here(resources: Resources) -> int:
    """How many trials this machine has room to run at once."""
    room = (os.cpu_count() or 1) / resources.cpu
    if resources.gpu and (gpus := torch.cuda.device_count()):
        room = min(room, gpus / resources.gpu)
    return max(1, int(room))


def _over_budget(
    budget: BudgetSettings, used: Usage, left: Mapping[str, float | None]
) -> Iterator[str]:
    for name, more in left.items():
        cap, so_far = getattr(budget, name), getattr(used, name)
        if cap is not None and more is not None and so_far + more > cap:
            yield (
                f"budget.{name} is {cap:g}, {so_far:.3g} are used, and the trials to run take "
                f"about {more:.3g} more: the sweep will stop at the cap"
            )


def _seconds(
    suites: Sequence[Suite], plan: Plan, pending: Iterable[PlannedTrial]
) -> tuple[dict[str, int], float | None]:
    """How many pending trials are estimated from what, and the sum of their own seconds; None where
    one of them cannot be estimated."""
    training, evaluation = _Pace(), _PaceBySuite()
    for planned in plan.every:
        result = planned.progress.result
        if result is not None and result.seconds:
            training.add(planned, result.seconds, result.epochs)
        for suite, evaluated in _evaluations(planned, suites):
            evaluation.add(suite, planned, evaluated.seconds)
    bases: Counter[str] = Counter()
    total = 0.0
    for planned in pending:
        estimates = [evaluation.of(suite, planned) for suite in suites_left(planned, suites)]
        if planned.epochs_left:
            estimates.append(training.of(planned, planned.epochs_left))
        known = [each for each in estimates if each is not None]
        if len(known) < len(estimates):
            return {}, None
        bases[max((basis for basis, _ in known), key=_ORDER.index)] += 1
        total += sum(seconds for _, seconds in known)
    return dict(bases), total


def _passes(suites: Sequence[Suite], plan: Plan, pending: Sequence[PlannedTrial]) -> PassesLeft:
    trained, evaluated = _Pace(), _PaceBySuite()
    for planned in plan.every:
        result = planned.progress.result
        if result is not None and result.passes is not None:
            trained.add(planned, result.passes.total, result.epochs)
        for suite, evaluation in _evaluations(planned, suites):
            if evaluation.passes is not None:
                evaluated.add(suite, planned, evaluation.passes.total)
    an_epoch: dict[str, float | None] = {}  # by cell, whose trials differ in their seed alone
    a_suite: dict[str, dict[str, float | None]] = {}  # by suite, then by cell
    for planned in pending:
        (_, cell), *_ = _likenesses(planned)
        if cell not in an_epoch:
            an_epoch[cell] = _of_an_epoch(planned.trial)
            for suite in suites:
                a_suite.setdefault(suite.id, {})[cell] = _of_a_suite(planned.trial, suite)
    return PassesLeft(
        training=_sum(
            _stated_or_estimated(an_epoch, trained, planned, planned.epochs_left)
            for planned in pending
            if planned.epochs_left
        ),
        evaluation=_sum(
            _stated_or_estimated(a_suite[suite.id], evaluated.under(suite), planned, 1)
            for planned in pending
            for suite in suites_left(planned, suites)
        ),
    )


def _of_an_epoch(trial: Trial) -> float | None:
    examples = examples_trained(trial.data)
    passes = None if examples is None else most_passes_of_training(trial, examples)
    return None if passes is None else passes.total / trial.training.epochs


def _of_a_suite(trial: Trial, suite: Suite) -> float | None:
    examples = examples_evaluated(trial.data, suite)
    passes = None if examples is None else most_passes_of_evaluation(suite, examples)
    return None if passes is None else passes.total


def _stated_or_estimated(
    stated: Mapping[str, float | None], pace: _Pace, planned: PlannedTrial, units: int
) -> float | None:
    """Return what a trial's settings say, or else an estimate from its cell or its method."""
    (_, cell), *_ = _likenesses(planned)
    if (of_one := stated[cell]) is not None:
        return units * of_one
    estimate = pace.of(planned, units)
    return None if estimate is None or estimate[0] == "sweep" else estimate[1]


def _sum(values: Iterable[float | None]) -> int | None:
    total = 0.0
    for value in values:
        if value is None:
            return None
        total += value
    return round(total)


_ORDER: tuple[Basis, ...] = ("cell", "method", "sweep")


def _evaluations(
    planned: PlannedTrial, suites: Sequence[Suite]
) -> Iterator[tuple[Suite, Evaluation]]:
    """Yield the evaluations that there are of a trial, with their suites."""
    found = evaluations_by_suite(planned, suites)
    yield from ((suite, record) for suite, record in found if record is not None)


class _Pace:
    """Seconds that a unit of work took in trials that are done, by cell, by method and over all."""

    def __init__(self) -> None:
        self._seconds: defaultdict[tuple[Basis, str], float] = defaultdict(float)
        self._units: defaultdict[tuple[Basis, str], float] = defaultdict(float)

    def add(self, planned: PlannedTrial, seconds: float, units: float) -> None:
        """Count `units` of work that a trial did in `seconds`."""
        for key in _likenesses(planned):
            self._seconds[key] += seconds
            self._units[key] += units

    def of(self, planned: PlannedTrial, units: float) -> tuple[Basis, float] | None:
        """Estimate the seconds of `units` of work on a trial from those that are most like it."""
        for key in _likenesses(planned):
            if self._units.get(key):
                return key[0], units * self._seconds[key] / self._units[key]
        return None


class _PaceBySuite:
    """What evaluations took, by suite; one under which nothing is done goes by the others."""

    def __init__(self) -> None:
        self._paces: defaultdict[str, _Pace] = defaultdict(_Pace)

    def add(self, suite: Suite, planned: PlannedTrial, amount: float) -> None:
        """Count what a trial's evaluation under a suite took."""
        self._paces[suite.id].add(planned, amount, 1)

    def under(self, suite: Suite) -> _Pace:
        """Return what is known of a suite, or else of the first that something is known of."""
        return self._paces.get(suite.id) or next(iter(self._paces.values()), _Pace())

    def of(self, suite: Suite, planned: PlannedTrial) -> tuple[Basis, float] | None:
        """Estimate what a trial's evaluation under a suite takes."""
        return self.under(suite).of(planned, 1)


def _likenesses(planned: PlannedTrial) -> list[tuple[Basis, str]]:
    cell = json.dumps([planned.method, dict(planned.settings)])
    return [("cell", cell), ("method", planned.method), ("sweep", "")]
