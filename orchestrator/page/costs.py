"""What each method's trials took, as their table has it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from orchestrator.page.view import CostView

SECONDS_IN_HOUR = 3600.0


def cost_views(table: pd.DataFrame) -> tuple[CostView, ...]:
    """Sum passes and hours over each method's trials, as far as they are known; empty where the
    table says of none."""
    if "method" not in table or not {"seconds", "training_passes"} & set(table):
        return ()
    return tuple(_views(table))


def _views(table: pd.DataFrame) -> Iterator[CostView]:
    for method, rows in table.groupby("method", sort=False):
        seconds, passes = _known(rows, "seconds"), _known(rows, "training_passes")
        yield CostView(
            method=str(method),
            trials=len(seconds.index.union(passes.index)),
            training_passes=_sum(passes),
            evaluation_passes=_sum(_known(rows, "evaluation_passes")),
            hours=None if seconds.empty else float(seconds.sum()) / SECONDS_IN_HOUR,
            passes_a_trial=None if passes.empty else float(passes.mean()),
        )


def _known(rows: pd.DataFrame, name: str) -> pd.Series[float]:
    """Return the finite numbers of a column; none where the table lacks it."""
    if name not in rows:
        return pd.Series(dtype=float)
    numbers = pd.to_numeric(rows[name], errors="coerce").astype(float)
    return numbers[np.isfinite(numbers)]


def _sum(known: pd.Series[float]) -> float | None:
    return None if known.empty else float(known.sum())
