"""The hypervolume that k random cells of a method have on average, exactly.

A method with more cells has more chances to dominate: 12 random points hold more than 3 of the same
kind do. Unequal grids are therefore compared by the mean hypervolume over all subsets of k cells,
k the smallest number of cells of those compared.

Finitely many points split the space below the reference into the boxes of a grid. A box that d of n
cells dominate is dominated by a random subset of k with probability 1 - C(n - d, k) / C(n, k), so
that the mean is a sum over boxes, and no subset is drawn.
"""

from __future__ import annotations

from math import prod

import numpy as np
import numpy.typing as npt

MOST_BOXES = 50_000_000
"""Most boxes of a grid that is laid out in memory: 7,000 points of two objectives, 360 of three."""


def volume_by_count(
    points: npt.ArrayLike, reference_point: npt.ArrayLike
) -> npt.NDArray[np.float64]:
    """Measure what exactly d of `points` (N, M) dominate below `reference_point` (M,), for each d.

    All objectives minimised. Entry d of the result (N + 1,) is the volume of the region that d
    points dominate; entry 0, which has no bounds, is 0. A point that is not below the reference in
    every objective dominates nothing.

    Raises:
        ValueError: points not of shape (N, M), a number that is not finite, a reference of another
            length, or a grid of more than `MOST_BOXES` boxes.
    """
    array = np.array(points, dtype=np.float64)
    reference = np.array(reference_point, dtype=np.float64)
    if array.ndim != 2 or reference.shape != array.shape[1:] or not len(reference):
        raise ValueError(
            f"points must be of shape (N, M) with a reference_point of shape (M,), M >= 1, "
            f"got {array.shape} and {reference.shape}"
        )
    if not (np.isfinite(array).all() and np.isfinite(reference).all()):
        raise ValueError("points and reference_point must be finite")
    inside = array[(array < reference).all(axis=1)]
    edges = [np.unique(column) for column in inside.T]
    shape = tuple(map(len, edges))
    if prod(shape) > MOST_BOXES:
        raise ValueError(
            f"points must make a grid of at most {MOST_BOXES} boxes, got {prod(shape)}; give fewer "
            f"points or objectives"
        )
    counts = np.zeros(shape, dtype=np.int64)
    places = [np.searchsorted(edge, x) for edge, x in zip(edges, inside.T, strict=True)]
    np.add.at(counts, tuple(places), 1)
    volumes = np.ones(())
    for axis, (edge, end) in enumerate(zip(edges, reference, strict=True)):
        np.cumsum(counts, axis=axis, out=counts)
        volumes = np.multiply.outer(volumes, np.diff(edge, append=end))
    by_count = np.bincount(counts.ravel(), weights=volumes.ravel(), minlength=len(array) + 1)
    by_count[0] = 0.0
    return by_count.astype(np.float64)


def covered_by_random(cells: int, chosen: int) -> npt.NDArray[np.float64]:
    """Return the probability that one of d cells is among `chosen` random ones of `cells`, for d
    from 0 to `cells`: 1 - C(n - d, k) / C(n, k).

    Raises:
        ValueError: none chosen, or more than there are.
    """
    if not 1 <= chosen <= cells:
        raise ValueError(f"chosen must be from 1 to the {cells} cells, got {chosen}")
    others = np.arange(cells, 0, -1)  # n - d, for d from 0
    missed = np.cumprod(np.maximum(others - chosen, 0) / others)  # C(n - d - 1, k) / C(n, k)
    return 1.0 - np.concatenate([[1.0], missed])


def expected_hypervolume(
    points: npt.ArrayLike, reference_point: npt.ArrayLike, *, cells: int, chosen: int
) -> float:
    """Compute the mean hypervolume of `chosen` random cells of `cells`, which have `points` (N, M).

    In the unit of the product of all objectives, all minimised. Cells without a point, as where a
    model has collapsed, are chosen as often as any and add nothing. With all cells chosen it is
    their hypervolume.

    Raises:
        ValueError: more points than cells, and as `volume_by_count` and `covered_by_random`.
    """
    by_count = volume_by_count(points, reference_point)
    if len(by_count) > cells + 1:
        raise ValueError(f"cells must be at least the {len(by_count) - 1} points, got {cells}")
    return float(by_count @ covered_by_random(cells, chosen)[: len(by_count)])
