"""Fronts of many resamples at once: which points are on each, and what each holds.

What `orchestrator.pareto.dominance` says of one set of points, said of B sets of C points without a
loop over sets where there are two objectives. Every objective is minimised.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from orchestrator.pareto.dominance import hypervolume, non_dominated

Points = npt.NDArray[np.floating]


def fronts(points: Points) -> npt.NDArray[np.bool_]:
    """Mark (B, C) which of `points` (B, C, M) no other point of their set dominates.

    Equal points stand or fall together. A point with NaN is on no front and dominates nothing.
    """
    with_nan = np.any(np.isnan(points), axis=2)
    cleared = np.where(with_nan[:, :, None], np.inf, points)
    marks = _of_two(cleared) if points.shape[2] == 2 else _of_many(cleared)
    return np.asarray(marks & ~with_nan)


def volumes(points: Points, reference_point: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Compute what each set (B,) of `points` (B, C, M) dominates below `reference_point` (M,).

    In the unit of the product of all objectives, as `dominance.hypervolume` does. A point that is
    not below the reference in every objective, or has NaN, adds nothing.
    """
    reference = np.array(reference_point, dtype=np.float64)
    inside = np.all(points < reference, axis=2)
    kept = np.where(inside[:, :, None], points, reference)
    if points.shape[2] != 2:
        return np.array([hypervolume(it, reference) for it in kept.astype(np.float64)])
    first, second = _sorted(kept)
    lowest = np.minimum.accumulate(second, axis=1)
    ends = np.full((len(points), 1), reference[0])
    widths = np.diff(np.concatenate([first, ends], axis=1), axis=1)
    heights = reference[1] - lowest
    return np.asarray(np.sum(widths * heights, axis=1, dtype=np.float64))


def _sorted(points: Points) -> tuple[Points, Points]:
    """Return both objectives (B, C) in the order of the first."""
    order = np.argsort(points[:, :, 0], axis=1)
    return (
        np.take_along_axis(points[:, :, 0], order, axis=1),
        np.take_along_axis(points[:, :, 1], order, axis=1),
    )


def _of_two(points: Points) -> npt.NDArray[np.bool_]:
    """A point is dominated where one of a smaller first objective has no larger second one, or
    one of an equal first has a smaller second."""
    order = np.lexsort((points[:, :, 1], points[:, :, 0]), axis=1)
    first = np.take_along_axis(points[:, :, 0], order, axis=1)
    second = np.take_along_axis(points[:, :, 1], order, axis=1)
    lowest = np.minimum.accumulate(second, axis=1)
    before = np.full_like(lowest, np.inf)
    before[:, 1:] = lowest[:, :-1]
    same = np.zeros(first.shape, dtype=np.bool_)
    same[:, 1:] = (first[:, 1:] == first[:, :-1]) & (second[:, 1:] == second[:, :-1])
    places = np.where(same, 0, np.arange(first.shape[1]))
    heads = np.maximum.accumulate(places, axis=1)  # of each run of equal points the first
    is_lower = second < before
    is_lower[:, 0] = True
    on_front = np.take_along_axis(is_lower, heads, axis=1)
    marks = np.empty_like(on_front)
    np.put_along_axis(marks, order, on_front, axis=1)
    return marks


def _of_many(points: Points) -> npt.NDArray[np.bool_]:
    largest = np.finfo(np.float64).max  # stands for infinity
    finite = np.nan_to_num(points.astype(np.float64), posinf=largest, neginf=-largest)
    return np.array([non_dominated(each) for each in finite])
