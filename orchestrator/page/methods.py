"""How methods are drawn on a page: the colours and marks of the sweep's pictures, as SVG paths."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.page.view import MethodView

if TYPE_CHECKING:
    from matplotlib.markers import MarkerStyle

REACH = 0.95
"""How far marks reach from 0, within a square of sides 2."""


def method_views(methods: Iterable[str]) -> tuple[MethodView, ...]:
    """Return how each method is drawn, known ones first, as the sweep's pictures draw them."""
    # Here alone, since its library takes as long to import as all that a reader needs.
    from matplotlib.markers import MarkerStyle  # noqa: PLC0415

    from orchestrator.figures.style import method_styles  # noqa: PLC0415

    return tuple(
        MethodView(name=name, color=style.color, shape=path_of(MarkerStyle(style.marker)))
        for name, style in method_styles(methods).items()
    )


def path_of(marker: MarkerStyle) -> str:
    """Write a mark of matplotlib as an SVG path within a square of sides 2 around 0."""
    outlines = marker.get_path().transformed(marker.get_transform()).to_polygons()
    points = [np.asarray(outline, dtype=np.float64) for outline in outlines]
    scale = REACH / max(np.abs(its).max() for its in points)
    parts = (
        "L".join(f"{x:.2f},{y:.2f}" for x, y in its * (scale, -scale))  # SVG counts down
        for its in points
    )
    return "".join(f"M{part}Z" for part in parts).replace("-0.00", "0.00")
