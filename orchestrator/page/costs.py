"""What each method's trials took, as their table has it."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from orchestrator.page.view import CostView

SECONDS_IN_HOUR = 3600.0


def cost_views(table: pd.DataFrame) -> tuple[CostView, ...]:
    """Sum passes and hours over each method's trials; empty where the table says of none."""
    if "method" not in table or not {"seconds", "training_passes"} & set(table):
        return ()
    return tuple(_views(table))


def _views(table: pd.DataFrame) -> Iterator[CostView]:
    for method, rows in table.groupby("method", sort=False):
        seconds = _sum(rows, "seconds")
        yield CostView(
            method=str(method),
            trials=len(rows),
            training_passes=_sum(rows, "training_passes"),
            evaluation_passes=_sum(rows, "evaluation_passes"),
            hours=None if seconds is None else seconds / SECONDS_IN_HOUR,
        )


def _sum(rows: pd.DataFrame, name: str) -> float | None:
    if name not in rows or rows[name].isna().all():
        return None
    return float(pd.to_numeric(rows[name], errors="coerce").sum())
