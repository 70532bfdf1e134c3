"""What the tracker is told once a start has run its trials: of each of them, and of the front."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence, Set
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from orchestrator.pareto.front import Front
from orchestrator.plan.planned_trial import PlannedTrial
from orchestrator.store import Files, Store
from orchestrator.store.sweeps.starts import all_starts
from orchestrator.table.columns import is_fraction, measured_numbers
from orchestrator.tracking import TrackedTrial, Tracker


def starts_elsewhere(files: Files, sweep: str, own: str) -> frozenset[str]:
    """Return the folders of the sweep's other starts that still run: they track their own trials.

    Args:
        own: folder of this start.
    """
    others = (each for each in all_starts(files, sweep) if each.folder != own)
    return frozenset(each.folder for each in others if not each.is_over)


def track_trials(
    tracker: Tracker,
    store: Store,
    trials: Sequence[PlannedTrial],
    table: pd.DataFrame,
    *,
    names: Mapping[str, str],
    theirs: Set[str],
) -> None:
    """Tell the tracker of every trial that was begun, unless one of `theirs` is at work on it.
    Accuracies on validation images, and what follows from them, have `validation_` before their
    names: a run may come to have both.

    Args:
        table: of these trials, in their order.
        names: of the plan's trials, by id.
        theirs: folders of starts that track their own trials.
    """
    measured = measured_numbers(map(str, table))
    rows = table[[*measured, "split"]].iterrows()
    for planned, (_, row) in zip(trials, rows, strict=True):
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
                scores=_scores(row),
                status=planned.status,
                pruned=None if planned.pruning is None else str(planned.pruning),
                rows=partial(stored.rows, planned.rows_of),
                began=stored.began,
                ended=_ended(planned),
                validation=planned.rows_of,
            )
        )


def _scores(row: pd.Series[Any]) -> dict[str, float]:
    """Return the numbers of a trial that are known, by the names that the tracker has of them."""
    is_validation = row["split"] == "validation"
    return {
        f"validation_{name}" if is_validation and is_fraction(str(name)) else str(name): float(
            value
        )
        for name, value in row.drop("split").dropna().items()
        if math.isfinite(value)
    }


def track_front(tracker: Tracker, front: Front, files: Sequence[Path]) -> None:
    """Tell the tracker of a sweep's front: its numbers, its tables and pictures."""
    metrics = {"hypervolume": front.hypervolume, "front_size": float(len(front.points))}
    if "split" in front.measured and front.measured["split"].eq("validation").any():
        metrics = {f"validation_{name}": value for name, value in metrics.items()}
    tracker.sweep(metrics=metrics, files=files)


def _ended(planned: PlannedTrial) -> str | None:
    """Return when a trial was done, failed, stopped or pruned; None while it runs or if not
    known."""
    progress = planned.progress
    if planned.status == "done" and progress.evaluation is not None:
        return progress.evaluation.at
    if progress.lease is None or planned.status == "running":
        return None
    return progress.lease.last_said.at
