"""The plan: a specification and a store to trials, each with what is still to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
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
    def epochs_left(self) -> int:
        """Of training."""
        epochs = self.trial.training.epochs
        return 0 if self.progress.trained else epochs - self.progress.epochs_done

    @property
    def todo(self) -> str:
        """What is left, in words."""
        if self.status in {"done", "failed"}:
            return ""
        if not self.epochs_left:
            return "evaluation"
        epochs = self.trial.training.epochs
        of_all = "" if self.epochs_left == epochs else f" of {epochs}"
        return f"{self.epochs_left}{of_all} epochs, evaluation"


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


@contextmanager
def blamed_on(section: str, spec: SweepSpec) -> Iterator[None]:
    """What goes wrong in the block becomes a `BadInput` of a section of the sweep file."""
    try:
        yield
    except ValueError as error:  # of ours: begins with the key that it is about
        key, _, message = str(error).partition(" ")
        if not key.startswith(f"{section}."):
            key, message = section, str(error)
        raise spec.document.fail(key, message) from error
    except Exception as error:
        message = f"must be read or made without an error, got {type(error).__name__}: {error}"
        raise spec.document.fail(section, message) from error


def make_plan(spec: SweepSpec, store: Store) -> Plan:
    """Trials by seed, then cell, and their progress.

    Raises:
        BadInput: the data are not there, or cannot be read.
    """
    suite_id = spec.suite.id
    fingerprints: dict[DataSettings, str] = {}
    trials: dict[str, PlannedTrial] = {}
    for seed in spec.seeds:
        for position, cell in enumerate(spec.cells):
            data = cell.trial.data
            if data not in fingerprints:
                with blamed_on("data", spec):
                    fingerprints[data] = fingerprint(data)
            trial = cell.trial.model_copy(update={"seed": seed, "fingerprint": fingerprints[data]})
            trial_id = trial.id
            stored = store.trial(trial_id)
            progress = stored.progress()
            trials[trial_id] = PlannedTrial(
                id=trial_id,
                trial=trial,
                method=cell.method,
                settings=cell.settings,
                is_reference=position == 0,
                progress=progress,
                evaluation=stored.evaluation(suite_id) if progress.trained else None,
            )
    return Plan(trials=tuple(trials.values()), suite_id=suite_id)
