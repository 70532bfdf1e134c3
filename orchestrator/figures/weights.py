"""Alpha and losses over training: what each loss weighed, and what it was, epoch by epoch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from orchestrator.figures.curves import Curve, Panel, compose_curves
from orchestrator.figures.style import MethodStyle, method_styles

NATURAL = "natural"
STANDARD = "standard"

ROWS = {"weight": "weight (alpha)", "loss": "loss"}
"""What is drawn of each cell, with the title of its axis."""


def compose_weights(
    epochs: pd.DataFrame, names: Mapping[int, str], *, width: float, notes: Iterable[str]
) -> Figure:
    """Compose the picture, which is not saved yet: for each cell a panel of weights, between 0 and
    1, and one of losses, whose axis all cells share.

    Args:
        epochs: a row a trial, epoch and loss: `cell`, `trial_id`, `epoch`, `branch`, `loss`,
            `weight`.
        names: of the cells, in their order.
        width: inches.
        notes: sentences of small print.
    """
    styles = branch_styles(list(dict.fromkeys(epochs["branch"])))
    panels = [
        Panel(
            title=name,
            x_title="epoch",
            y_title=title,
            limits=(-0.03, 1.03) if what == "weight" else None,
            shares_y=what,
            curves=_curves(epochs[epochs["cell"] == cell], what, styles),
        )
        for cell, name in names.items()
        for what, title in ROWS.items()
    ]
    return compose_curves(panels, width=width, most=2, notes=notes)


def branch_styles(branches: Sequence[str]) -> dict[str, MethodStyle]:
    """Return the style of each loss: of an attack's that of the training on it, of the natural one
    that of the standard training, on a line of its own."""
    as_methods = {branch: STANDARD if branch == NATURAL else branch for branch in branches}
    styles = method_styles(as_methods.values())
    return {branch: styles[method] for branch, method in as_methods.items()}


def _curves(rows: pd.DataFrame, what: str, styles: Mapping[str, MethodStyle]) -> tuple[Curve, ...]:
    found = []
    for branch, style in styles.items():
        its = rows[(rows["branch"] == branch) & rows[what].notna()]
        by_epoch = its.groupby("epoch")[what].agg(["mean", "min", "max"])
        if by_epoch.empty:
            continue
        found.append(
            Curve(
                name=branch,
                style=style,
                x=by_epoch.index.to_numpy(np.float64),
                mean=by_epoch["mean"].to_numpy(np.float64),
                low=by_epoch["min"].to_numpy(np.float64),
                high=by_epoch["max"].to_numpy(np.float64),
                seeds=its["trial_id"].nunique(),
            )
        )
    return tuple(found)
