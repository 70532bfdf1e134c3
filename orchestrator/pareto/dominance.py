"""Pareto dominance over plain arrays: the non-dominated set, its hypervolume and its knee.

Every objective is minimised here; whoever calls turns the signs, once. Points are the rows of
an (N, M) array. This is the only module that imports pymoo.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from pymoo.indicators.hv import HV
from pymoo.util.nds.non_dominated_sorting import find_non_dominated

Points = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

RESOLUTION = 1e-9
"""Distance of normalised objectives below which they are equal: rounding must not pick the knee."""


def non_dominated(points: npt.ArrayLike) -> Mask:
    """Find which rows of `points` (N, M) no other row dominates; equal rows stand or fall together.

    A row dominates another if it is at most as large in every objective and smaller in one.

    Raises:
        ValueError: not of shape (N, M) with M >= 1, or a number that is not finite (pymoo
            would let a row with NaN take the front).
    """
    checked = _checked(points)
    mask = np.zeros(len(checked), dtype=np.bool_)
    mask[find_non_dominated(checked)] = True
    return mask


def hypervolume(points: npt.ArrayLike, reference_point: npt.ArrayLike) -> float:
    """Compute the volume that `points` (N, M) dominate, bounded by `reference_point` (M,).

    In the unit of the product of all objectives. A point that is not below the reference in
    every objective adds nothing; 0.0 where none is.

    Raises:
        ValueError: as `non_dominated`, or a reference of another length or not finite.
    """
    checked = _checked(points)
    reference = np.array(reference_point, dtype=np.float64)
    if reference.shape != checked.shape[1:]:
        raise ValueError(
            f"reference_point must have one number for each of the {checked.shape[1]} "
            f"objectives, got shape {reference.shape}"
        )
    if not np.isfinite(reference).all():
        raise ValueError(f"reference_point must be finite, got {reference.tolist()}")
    inside = checked[(checked < reference).all(axis=1)]
    return float(HV(ref_point=reference)(inside))


def knee(points: npt.ArrayLike) -> int | None:
    """Find the row of `points` (N, M) at which the front bends most towards the ideal point.

    Over the non-dominated rows each objective is scaled to [0, 1]; the knee has the smallest
    sum. With two objectives it is therefore the point farthest below the chord between the
    front's two ends (Das, 1999, "On characterizing the knee of the Pareto curve"). None where
    there are fewer than three distinct non-dominated points, or where the sum is no smaller
    than at one of the front's ends, as on a straight or a concave front. Among equal sums the
    lexicographically first point is taken, among equal points the first row: the choice
    depends neither on the order of rows nor on the objectives' units.

    pymoo's `HighTradeoffPoints` is not used: it looks at neighbours within 0.125 of whatever
    unit the objectives come in, may return none or several, and leaves Python's warnings
    switched off for the whole process.

    Raises:
        ValueError: as `non_dominated`.
    """
    checked = _checked(points)
    rows = np.flatnonzero(non_dominated(checked))
    front, first_rows = np.unique(checked[rows], axis=0, return_index=True)
    if len(front) < 3:
        return None
    lowest, highest = front.min(axis=0), front.max(axis=0)
    varies = highest > lowest
    sums = ((front - lowest)[:, varies] / (highest - lowest)[varies]).sum(axis=1)
    is_end = (front == lowest)[:, varies].any(axis=1)
    if sums.min() > sums[is_end].min() - RESOLUTION:
        return None
    best = int(np.flatnonzero(sums <= sums.min() + RESOLUTION)[0])
    return int(rows[first_rows[best]])


def _checked(points: npt.ArrayLike) -> Points:
    """Return a copy of `points` as floats of shape (N, M), all finite."""
    checked = np.array(points, dtype=np.float64)
    if checked.ndim != 2 or checked.shape[1] == 0:
        raise ValueError(
            f"points must be of shape (N, M) with M >= 1 objectives, got {checked.shape}"
        )
    unfit = np.flatnonzero(~np.isfinite(checked).all(axis=1))
    if len(unfit):
        raise ValueError(
            f"points must be finite, got {checked[unfit[0]].tolist()} in row {unfit[0]}; "
            "drop such rows first"
        )
    return checked
