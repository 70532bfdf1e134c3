"""From a sweep's storage to its recording; nothing in the storage is changed."""

from __future__ import annotations

import numpy as np
import torch
import yaml

from orchestrator.plan.manifest import plan_as_stored
from orchestrator.plan.planned_trial import PlannedTrial
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store import Store
from orchestrator.store.files.by_url import open_files
from orchestrator.store.records.read_only import only_read
from orchestrator.store.trials.records import Evaluation
from tests.bench.comparison.recording import (
    Measured,
    RecordedTrial,
    Recording,
    with_accuracies,
)
from trainer.data import load
from trainer.evaluation.outcomes import Bits
from trainer.evaluation.suite import Suite, examples_of
from trainer.weights.checkpoint import DamagedError


def exported(spec: SweepSpec, *, commit: str) -> Recording:
    """Record a sweep as its storage has it: all its trials, those without a result too.

    Args:
        commit: of the code that trained and evaluated, which no storage says.

    Raises:
        DamagedError: a trial is done, and its bits are gone or give other accuracies than those
            that its record has.
    """
    with only_read(open_files(spec.storage)) as files:
        plan = plan_as_stored(spec, store := Store(files))
        steers = _steers(spec)
        return Recording(
            spec=portable(spec),
            commit=commit,
            fingerprint=plan.trials[0].trial.fingerprint,
            steers=steers,
            trials=tuple(_recorded(planned, spec, store, steers) for planned in plan.trials),
        )


def portable(spec: SweepSpec) -> str:
    """Write a sweep file with every default, but without the places of one machine."""
    written = yaml.safe_load(spec.resolved_yaml())
    written = {key: value for key, value in written.items() if key not in {"storage", "tracking"}}
    written["data"].pop("root", None)
    return yaml.safe_dump(written, sort_keys=False)


def _steers(spec: SweepSpec) -> Bits:
    """Mark which of the validation images that the suite takes steer."""
    assert spec.choice_suite is not None, "a sweep that trains chooses on validation images"
    dataset = load(spec.cells[0].trial.data, torch.device("cpu"))
    examples = examples_of(spec.choice_suite, dataset.validation)
    return np.asarray(dataset.steers[examples].cpu().numpy(), dtype=bool)


def _recorded(planned: PlannedTrial, spec: SweepSpec, store: Store, steers: Bits) -> RecordedTrial:
    is_done = planned.status == "done"
    return RecordedTrial(
        id=planned.id,
        method=planned.method,
        settings=planned.settings,
        seed=planned.trial.seed,
        status=planned.status,
        result=planned.progress.result if is_done else None,
        on_suite=_evaluated(planned, planned.evaluation, spec.suite, store, None)
        if is_done
        else None,
        on_validation=_evaluated(planned, planned.validation, spec.choice_suite, store, steers)
        if is_done
        else None,
    )


def _evaluated(
    planned: PlannedTrial,
    record: Evaluation | None,
    suite: Suite | None,
    store: Store,
    steers: Bits | None,
) -> Measured | None:
    if record is None or suite is None:
        return None
    outcomes = store.trial(planned.id).outcomes(suite.id)
    if outcomes is None:
        raise DamagedError(f"{planned.id}: must have the bits of its evaluation, got none")
    found = with_accuracies(record.model_dump(), outcomes, steers)
    if found.accuracies != record.accuracies or found.halves != record.halves:
        raise DamagedError(f"{planned.id}: its bits give other accuracies than its record has")
    return Measured(record=found, outcomes=outcomes)
