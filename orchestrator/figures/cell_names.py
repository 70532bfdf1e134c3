"""What cells are called in pictures and tables: their method, and the settings that tell one from
the method's others."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from orchestrator.figures.labels import setting_text, varying_settings
from orchestrator.pareto.front import Front, settings_columns

UNNAMED = "unnamed"
"""Method of a trial whose table says none."""


def cell_names(front: Front, rows: Sequence[int]) -> tuple[list[str], list[str]]:
    """Return the methods of some rows of `front.cells`, as their labels, and their settings in
    short: those that differ within the method; where no method is told, the trial's id."""
    cells = front.cells.reset_index(drop=True)
    if "method" not in cells:
        return [UNNAMED] * len(rows), [str(cells["trial_id"].iloc[row]) for row in rows]
    cells = cells.assign(method=cells["method"].fillna(UNNAMED))
    settings = settings_columns(front.measured, front.objectives)
    texts = dict(
        zip(
            range(len(cells)),
            map(setting_text, varying_settings(cells, settings, np.ones(len(cells), np.bool_))),
            strict=True,
        )
    )
    return [str(cells["method"].iloc[row]) for row in rows], [texts[row] for row in rows]


def full_names(front: Front, rows: Sequence[int], named: Callable[[str], str]) -> list[str]:
    """Return the names of cells in one text each, such as `Pareto AT (ours), ρ = 0.4`."""
    return [
        ", ".join(filter(None, (named(method), text)))
        for method, text in zip(*cell_names(front, rows), strict=True)
    ]
