"""Training curves of the cells on a front: what was measured after each epoch, from the store."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from orchestrator.page.view import CellView, CurveView, TableView
from orchestrator.plan.planned_trial import PlannedTrial
from orchestrator.store import Store
from orchestrator.store.files.looks import mapped

MOST_CELLS, MOST_EPOCHS = 12, 60
"""Most curves that a picture has, and most epochs of each, evenly spread."""

SHOWN = ("validation/", "loss/", "weight/")
"""Beginnings of the names of facts that are drawn."""

NOT_SHOWN = ("validation/passes/", "validation/collapsed")


def curves(
    table: TableView, trials: Mapping[str, PlannedTrial], store: Store
) -> tuple[CurveView, ...]:
    """Read the epochs of the cells on a table's first front, the knee first, and take means over
    the seeds that have the epoch.

    Args:
        trials: by id, those of the table.
    """
    chosen = [cell for cell in table.cells if cell.marks[0].is_on_front]
    chosen.sort(key=lambda cell: not cell.marks[0].is_knee)
    chosen = chosen[:MOST_CELLS]
    ids = [trial.id for cell in chosen for trial in cell.trials if trial.id in trials]

    def read(trial_id: str) -> Sequence[Mapping[str, float]]:
        return store.trial(trial_id).rows(trials[trial_id].rows_of)

    rows = dict(zip(ids, mapped(read, ids, store.files), strict=True))
    found = (
        curve_of(cell, [rows[it.id] for it in cell.trials if rows.get(it.id)]) for cell in chosen
    )
    return tuple(curve for curve in found if curve is not None)


def curve_of(cell: CellView, runs: Sequence[Sequence[Mapping[str, float]]]) -> CurveView | None:
    """Return means over runs at epochs evenly spread over them; None where there is no run."""
    epochs = sorted({int(row["epoch"]) for rows in runs for row in rows})
    if not epochs:
        return None
    places = np.unique(np.linspace(0, len(epochs) - 1, min(len(epochs), MOST_EPOCHS)).astype(int))
    kept = [epochs[place] for place in places]
    numbers: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for rows in runs:
        for row in rows:
            for name, fact in row.items():
                if name.startswith(SHOWN) and not name.startswith(NOT_SHOWN):
                    numbers[name][int(row["epoch"])].append(float(fact))
    return CurveView(
        cell=" ".join(filter(None, (cell.method, cell.settings))),
        method=cell.method,
        seeds=len(runs),
        epochs=tuple(kept),
        values={
            name: tuple(_mean(by_epoch.get(epoch, ()), name) for epoch in kept)
            for name, by_epoch in sorted(numbers.items())
        },
    )


def _mean(numbers: Sequence[float], name: str) -> float | None:
    finite = [number for number in numbers if np.isfinite(number)]
    if not finite:
        return None
    factor = 100.0 if "accuracy" in name else 1.0
    return factor * float(np.mean(finite))
