"""The plan: a specification and a store to trials, each with what is still to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from orchestrator.spec import SweepSpec
from orchestrator.store import Progress, Store
from trainer.config import Trial
from trainer.data import DataSettings, fingerprint

Status = Literal["pending", "running", "done", "failed", "stopped"]


@dataclass(frozen=True, kw_only=True)
class PlannedTrial:
    """A trial of the sweep and how far it has come."""

    id: str
    trial: Trial
    method: str  # label in the sweep file
    settings: Mapping[str, Any]  # by setting that varies in the sweep; None: plays no part
    is_reference: bool  # a standard trial that scores are taken against
    progress: Progress
    evaluation: Mapping[str, Any] | None  # its record under the sweep's suite

    @property
    def status(self) -> Status:
        """As the store has it; none is `running` there."""
        if self.progress.trained and self.evaluation is not None:
            return "done"
        if self.progress.failure is not None:
            return "failed"
        return "stopped" if self.progress.trained or self.progress.epochs_done else "pending"

    @property
    def title(self) -> str:
        """For people: `pareto rho=0.4 seed=1`."""
        settings = [f"{k}={v}" for k, v in self.settings.items() if v is not None]
        return " ".join([self.method, *settings, f"seed={self.trial.seed}"])

    @property
    def todo(self) -> str:
        """What is left, in words."""
        epochs = self.trial.training.epochs
        return {
            "done": "",
            "failed": "",
            "pending": f"{epochs} epochs, evaluation",
            "stopped": "evaluation"
            if self.progress.trained
            else f"{epochs - self.progress.epochs_done} of {epochs} epochs, evaluation",
        }[self.status]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Every trial of a sweep, one seed of every cell before the second seed of any, so that a
    half-done sweep is a balanced one."""

    trials: tuple[PlannedTrial, ...]
    suite_id: str

    def counts(self) -> dict[str, int]:
        """Trials by status."""
        return dict(Counter(planned.status for planned in self.trials))

    def pending(self, *, retry_failed: bool) -> tuple[PlannedTrial, ...]:
        """Those to work on; a failed one is tried again only on request, or if it failed by no
        fault of its own (a worker lost, data not there)."""
        wanted = {"pending", "stopped"} | ({"failed"} if retry_failed else set())
        return tuple(t for t in self.trials if t.status in wanted or _may_be_luck(t))


def _may_be_luck(planned: PlannedTrial) -> bool:
    failure = planned.progress.failure
    return planned.status == "failed" and failure is not None and not failure.is_deterministic


def make_plan(spec: SweepSpec, store: Store) -> Plan:
    """Trials by seed, then cell, and their progress.

    Raises:
        BadInput: the data are not there.
    """
    suite_id = spec.suite.id
    fingerprints: dict[DataSettings, str] = {}
    trials: dict[str, PlannedTrial] = {}
    for seed in spec.seeds:
        for position, cell in enumerate(spec.cells):
            data = cell.trial.data
            if data not in fingerprints:
                try:
                    fingerprints[data] = fingerprint(data)
                except ValueError as error:
                    raise spec.document.fail("data", str(error)) from error
            trial = cell.trial.model_copy(update={"seed": seed, "fingerprint": fingerprints[data]})
            stored = store.trial(trial.id)
            progress = stored.progress()
            trials[trial.id] = PlannedTrial(
                id=trial.id,
                trial=trial,
                method=cell.method,
                settings=cell.settings,
                is_reference=position == 0,
                progress=progress,
                evaluation=stored.evaluation(suite_id) if progress.trained else None,
            )
    return Plan(trials=tuple(trials.values()), suite_id=suite_id)
