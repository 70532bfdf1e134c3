"""Security curves: what share of the images withstands an attack, over its steps and its radius.

Every curve begins at the clean images. The rungs of a ladder are prefixes of one run and an image
once broken stays so: over steps a curve never rises. A radius has a search of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from orchestrator.figures.curves import Curve, Panel, compose_curves
from orchestrator.figures.style import MethodStyle

Y_TITLE = "accuracy (%)"
LIMITS = (-3.0, 103.0)


def compose_security(
    rungs: pd.DataFrame,
    names: Mapping[int, str],
    styles: Mapping[int, MethodStyle],
    *,
    steps: Mapping[str, str],
    radii: Sequence[tuple[str, Mapping[str, float]]],
    width: float,
    notes: Iterable[str],
) -> Figure:
    """Compose the picture, a panel an attack, which is not saved yet.

    Args:
        rungs: a row a trial and rung: `cell`, `trial_id`, `category`, `steps` (0: clean images),
            `accuracy` (a share).
        names: of the cells, in their order.
        styles: theirs.
        steps: what a ladder's rungs are, such as `steps`, by category.
        radii: attacks at several radii: a title, and each category's radius.
        width: inches.
        notes: sentences of small print.
    """
    panels = [
        Panel(
            title=category,
            x_title=unit,
            y_title=Y_TITLE,
            is_log=True,
            limits=LIMITS,
            curves=_curves(its.rename(columns={"steps": "x"}), names, styles),
        )
        for category, unit in steps.items()
        for its in [rungs[rungs["category"] == category]]
        if len(its)
    ]
    panels += [
        Panel(
            title=title,
            x_title="epsilon",
            y_title=Y_TITLE,
            limits=LIMITS,
            curves=_curves(over_radii(rungs, its), names, styles),
        )
        for title, its in radii
    ]
    return compose_curves(panels, width=width, most=3, notes=notes)


def over_radii(rungs: pd.DataFrame, radii: Mapping[str, float]) -> pd.DataFrame:
    """Return rows over an attack's radius as `x`: at 0 the clean images, at each other the most
    steps that every radius was tried with, of which there must be some."""
    its = rungs[rungs["category"].isin(list(radii))]
    steps = [set(its["steps"][its["category"] == category]) for category in radii]
    most = max(set.intersection(*steps))
    clean = its[its["steps"] == 0].drop_duplicates("trial_id").assign(x=0.0)
    attacked = its[its["steps"] == most]
    both: pd.DataFrame = pd.concat([clean, attacked.assign(x=attacked["category"].map(radii))])
    return both


def _curves(
    rows: pd.DataFrame, names: Mapping[int, str], styles: Mapping[int, MethodStyle]
) -> tuple[Curve, ...]:
    found = []
    for cell, name in names.items():
        by_x = 100 * rows[rows["cell"] == cell].groupby("x")["accuracy"].agg(["mean", "min", "max"])
        if by_x.empty:
            continue
        found.append(
            Curve(
                name=name,
                style=styles[cell],
                x=by_x.index.to_numpy(np.float64),
                mean=by_x["mean"].to_numpy(np.float64),
                low=by_x["min"].to_numpy(np.float64),
                high=by_x["max"].to_numpy(np.float64),
                seeds=rows[rows["cell"] == cell]["trial_id"].nunique(),
            )
        )
    return tuple(found)
