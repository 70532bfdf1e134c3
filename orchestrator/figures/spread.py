"""Lines that bound what points attain: of the front, and how far those of single seeds spread.

Below eight seeds each one's own line is drawn; from eight on the surfaces that a quarter, a half
and three quarters of the seeds attain. Neither is a band of confidence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from orchestrator.figures.style import Array
from orchestrator.pareto.attainment import LEAST_SEEDS, attainment, staircases
from orchestrator.pareto.eligibility import takes_part
from orchestrator.pareto.front import Front
from orchestrator.table.objectives import Objective, minimised

LineStyle = Literal["solid", "dotted", "dashdot", "dashed"]

STYLES: dict[int, LineStyle] = {25: "dotted", 50: "dashdot", 75: "dashed"}
"""Lines of the surfaces, by the percentage of seeds that attain them."""

MOST_SEEDS_MISSING = 0.5
"""Share of its models that a seed may lack and still be drawn: of few models a line says little."""


@dataclass(frozen=True, kw_only=True, eq=False)
class SpreadLine:
    """A line that some of the seeds attain."""

    vertices: Array  # (L, 2), in the units of the axes
    style: LineStyle
    name: str  # for the legend


def staircase(points: npt.ArrayLike, reference_point: npt.ArrayLike) -> Array:
    """Vertices (2 N + 1, 2) of the line that bounds what N non-dominated points attain.

    Both coordinates minimised. The line starts above the leftmost point, at the reference's
    height, goes down to it, right and down to each next one, and from the last one right to
    the reference. Equal points count once; no point, no vertex.
    """
    distinct = np.unique(np.asarray(points, dtype=np.float64).reshape(-1, 2), axis=0)
    if not len(distinct):
        return distinct
    end_x, start_y = np.maximum(reference_point, [distinct[-1, 0], distinct[0, 1]])
    x, y = np.repeat(distinct, 2, axis=0).T
    return np.column_stack([np.append(x, end_x), np.insert(y, 0, start_y)])


def spread_lines(
    front: Front, axes: Sequence[Objective], factors: Array, reference_point: Array
) -> tuple[SpreadLine, ...]:
    """Return the lines of the seeds of a front of cells, of two objectives; none of one seed.

    Args:
        axes: the objectives in the order of the axes.
        factors: from their units to those of the axes.
        reference_point: in the units of the axes, minimised.
    """
    trials = front.measured
    part = takes_part(trials, front.objectives, keep_collapsed=front.keep_collapsed)
    trials = trials[part]
    counts = trials["seed"].value_counts().sort_index()
    seeds = counts.index[counts >= MOST_SEEDS_MISSING * counts.max()]
    if len(seeds) < 2:
        return ()
    by_seed = [minimised(trials[trials["seed"] == it], axes) * factors for it in seeds]
    if len(seeds) < LEAST_SEEDS:
        lines: list[tuple[Array, LineStyle, str]] = [
            (points, "solid", "front of each seed: their spread") for points in staircases(by_seed)
        ]
    else:
        lines = [
            (points, STYLES[share], f"attained by {share} % of seeds")
            for share, points in attainment(by_seed, tuple(STYLES)).items()
        ]
    signs = np.array([objective.sign for objective in axes])
    return tuple(
        SpreadLine(vertices=staircase(points, reference_point) * signs, style=style, name=name)
        for points, style, name in lines
    )
