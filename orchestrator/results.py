"""What a sweep leaves for people: tables and pictures, in the storage."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from orchestrator.extraction import Front, extract_front
from orchestrator.front_files import put, write_front
from orchestrator.plan import Plan
from orchestrator.spec import SweepSpec
from orchestrator.store import Files


@dataclass(frozen=True, kw_only=True)
class Results:
    """The front and its files."""

    front: Front
    staged: tuple[Path, ...]  # as they were before they went into the storage


def write_results(
    spec: SweepSpec, plan: Plan, table: pd.DataFrame, files: Files, staging: Path
) -> Results:
    """Make the tables and pictures in a local folder, then put each whole into the storage."""
    trials = staging / "trials.csv"
    table.to_csv(trials, index=False)
    front = extract_front(table, objectives=spec.objectives, reference_point=spec.reference_point)
    staged = (trials, *write_front(front, table, staging, note=_note(spec, plan)))
    put(staged, files, spec.folder)
    return Results(front=front, staged=staged)


def missing(plan: Plan) -> str:
    """Trials that the front is drawn without, and why: `3 of 26 trials missing: 2 diverged, 1
    pending`; empty where there are none."""
    reasons = Counter(
        failure.kind if (failure := planned.progress.failure) else planned.status
        for planned in plan.trials
        if planned.status != "done"
    )
    if not reasons:
        return ""
    why = ", ".join(f"{count} {reason.replace('_', ' ')}" for reason, count in reasons.items())
    return f"{reasons.total()} of {len(plan.trials)} trials missing: {why}"


def _note(spec: SweepSpec, plan: Plan) -> str:
    """Small print of the picture: the data, how far each category's attack reaches, and what is
    missing."""
    evaluations = [planned.evaluation for planned in plan.trials if planned.evaluation]
    reach = evaluations[0].get("reach", {}) if evaluations else {}
    said = [spec.cells[0].trial.data.name, *(f"{k} {v}" for k, v in reach.items()), missing(plan)]
    return ", ".join(part for part in said if part)
