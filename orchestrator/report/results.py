"""What a sweep leaves for people: tables and pictures, in the storage."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from orchestrator.figures.placement import PLACEMENTS
from orchestrator.pareto.front import Front, extract_front
from orchestrator.plan.plan import Plan
from orchestrator.report.front_files import copy_into, write_front
from orchestrator.results.reevaluation import coverage
from orchestrator.results.table_files import write_csv
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store import Files


@dataclass(frozen=True, kw_only=True)
class Results:
    """The front of a sweep and the files that show it."""

    front: Front
    staged: tuple[Path, ...]  # as they were before they went into the storage


def write_results(
    spec: SweepSpec, plan: Plan, table: pd.DataFrame, files: Files, staging: Path
) -> Results:
    """Make the tables and pictures in a local folder, then copy each whole into the storage."""
    trials = staging / "trials.csv"
    write_csv(table, trials)
    front = extract_front(
        table,
        objectives=spec.objectives,
        reference_point=spec.reference_point,
        keep_collapsed=False,
    )
    facts = suite_facts(spec, plan)
    paths = write_front(
        front, staging, placement=PLACEMENTS[0], note=_note(spec, plan), facts=facts
    )
    staged = (trials, *paths)
    copy_into(staged, files, spec.folder)
    return Results(front=front, staged=staged)


def suite_facts(spec: SweepSpec, plan: Plan) -> dict[str, Any]:
    """What `front.json` says under `suite`; empty where that is the sweep's own."""
    covered = coverage(spec, plan)
    return {} if covered is None else {"suite": covered.record()}


def missing(plan: Plan) -> str:
    """Count the trials that the front is drawn without, and why: `3 of 26 trials missing: 2
    diverged, 1 pending`; empty where there are none."""
    reasons = Counter(
        failure.kind if (failure := planned.progress.failure) else planned.status
        for planned in plan.asked_for()
        if planned.status != "done"
    )
    if not reasons:
        return ""
    why = ", ".join(f"{count} {reason.replace('_', ' ')}" for reason, count in reasons.items())
    return f"{reasons.total()} of {len(plan.asked_for())} trials missing: {why}"


def _note(spec: SweepSpec, plan: Plan) -> str:
    """Small print of the picture: the data, how far each category's attack reaches, what is
    missing; for another suite a second line says on how many trials it was tried."""
    evaluations = [planned.evaluation for planned in plan.trials if planned.evaluation]
    reach = evaluations[0].reach if evaluations else {}
    said = [spec.cells[0].trial.data.name, *(f"{k} {v}" for k, v in reach.items()), missing(plan)]
    note = ", ".join(part for part in said if part)
    if (covered := coverage(spec, plan)) is not None:
        note += "\n" + "; ".join(text for _, text in covered.lines())
    return note
