"""Pictures of very many points: points that look the same are drawn once.

Up to `MANY` marks of a kind each is drawn. Of more, those are drawn that are the first of their
looks in a square of a grid over the picture, fine beside a mark: under the raw and under the
logarithmic axes, and the outermost either way, so that the axes end where they would. Of means
only those on the front over means are left.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from orchestrator.figures.style import Array, signed_log

MANY = 2000
"""Number of marks of a kind above which a picture shows a crowd."""

TRIALS_ACROSS, MEANS_ACROSS = 200, 40
"""Squares of the grid along an axis: of trials about 3 pixels wide, of means 16, as their marks."""

MOST_METHODS = 40
"""Most methods that have a colour and a name of their own; the rest are drawn alike."""

OTHERS = "other methods"
PIXEL = 0.5
"""Distance in pixels below which two vertices of a line count as one."""


def points_to_draw(
    x: Array, y: Array, looks: Sequence[npt.ArrayLike], across: int
) -> npt.NDArray[np.bool_]:
    """Choose which of N points to draw: all up to `MANY`, else one of each look in each square.

    Args:
        x: (N,), in the unit of its axis.
        y: (N,), likewise.
        looks: arrays (N,) of what tells marks apart beside their place, such as the method.
        across: squares along an axis.
    """
    keep = np.full(len(x), fill_value=len(x) <= MANY)
    if keep.all():
        return keep
    for axis in (x, y):
        keep[[axis.argmin(), axis.argmax()]] = True
    for scale in (np.asarray, signed_log):
        columns = [_squares(scale(axis), across) for axis in (x, y)]
        columns += [pd.factorize(np.asarray(look))[0] for look in looks]
        seen = pd.DataFrame(dict(enumerate(columns))).duplicated().to_numpy()
        keep |= ~seen
    return keep


def few_methods(methods: pd.Series[str]) -> pd.Series[str]:
    """Return `methods` with all but the most frequent called `OTHERS`, where there are too many."""
    counts = methods.value_counts(sort=True)
    if len(counts) <= MOST_METHODS:
        return methods
    return methods.where(methods.isin(counts.index[: MOST_METHODS - 1]), OTHERS)


def fewer_vertices(vertices: Array, pixels: Array) -> Array:
    """Keep of a line's vertices (L, 2) its ends and those at which it moves on the screen.

    Args:
        pixels: the same vertices on the screen.
    """
    if len(vertices) <= MANY:
        return vertices
    rounded = np.round(pixels / PIXEL)
    moves = (rounded[1:] != rounded[:-1]).any(axis=1)
    kept: Array = vertices[np.concatenate([[True], moves[:-1] | moves[1:], [True]])]
    return kept


def _squares(values: Array, across: int) -> npt.NDArray[np.int64]:
    low, high = values.min(), values.max()
    width = (high - low) / across or 1.0
    squares: npt.NDArray[np.int64] = ((values - low) / width).astype(np.int64)
    return squares
