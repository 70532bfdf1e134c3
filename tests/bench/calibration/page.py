"""The results of the calibration study as tables of `docs/calibration.md`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ROWS = {
    "mean": "a cell's mean",
    "mean, lowest": "&nbsp; of the worst cell",
    "difference": "a difference of two cells",
    "difference, lowest": "&nbsp; of the worst pair",
    "near-tied difference": "a difference of two near-tied cells",
    "sacrifice": "a cell's sacrificed accuracy",
    "hypervolume": "the hypervolume",
    "membership, all right": "membership, right of all cells (95)",
    "membership, said of cells": "&nbsp; cells of which it says yes or no",
    "hypervolume, seen too much by": "hypervolume seen, too large by",
    "hypervolume, estimated too much by": "&nbsp; less its optimism, too large by",
    "mean, seeds' percentiles": "*a mean, percentiles over seeds*",
    "difference, seeds' percentiles": "*a difference, percentiles over seeds*",
    "mean, product weights": "*a mean, product weights*",
    "difference, product weights": "*a difference, product weights*",
    "hypervolume, percentiles": "*the hypervolume, percentiles*",
    "hypervolume, with its optimism": "*the hypervolume, its optimism left in*",
}
"""What each row says, by the name that `judged` has for it; in italics what is not used."""


def table(found: Mapping[str, Mapping[str, Any]]) -> str:
    """Write results by number of seeds as one table, in per cent."""
    heads = [f"{seeds} seeds" for seeds in found]
    lines = [f"| | {' | '.join(heads)} |", f"| --- {'| --: ' * len(heads)}|"]
    for name, words in ROWS.items():
        shares = [f"{100 * it[name]:.1f}" for it in found.values()]
        lines.append(f"| {words} | {' | '.join(shares)} |")
    return "\n".join(lines)
