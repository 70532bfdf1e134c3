"""The k points that hold most together: the subset of that size with the largest hypervolume.

Of two objectives the best subset follows without a search: what a point of the front adds depends
on its neighbours in the subset alone, so the best of j points that begin with one is found from the
best of j - 1 that begin further on (Bringmann, Friedrich and Klitzke, 2014, "Two-dimensional subset
selection for hypervolume and epsilon-indicator", in its plain form of k n^2 steps).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from orchestrator.pareto.dominance import non_dominated


def best_subset(points: npt.ArrayLike, reference_point: npt.ArrayLike, *, size: int) -> list[int]:
    """Choose `size` rows of `points` (N, 2), all where there are no more, with the largest
    hypervolume below `reference_point` (2,), both objectives minimised; in rising order.

    A point that is not below the reference in both objectives holds nothing. Where subsets hold
    equally much, earlier rows go before later ones.

    Raises:
        ValueError: points not of shape (N, 2), a number that is not finite, or a size below 1.
    """
    array = np.array(points, dtype=np.float64)
    reference = np.array(reference_point, dtype=np.float64)
    if array.ndim != 2 or array.shape[1:] != (2,) or reference.shape != (2,):
        raise ValueError(
            f"points must be of shape (N, 2) and reference_point of shape (2,), "
            f"got {array.shape} and {reference.shape}"
        )
    if not (np.isfinite(array).all() and np.isfinite(reference).all()):
        raise ValueError("points and reference_point must be finite")
    if size < 1:
        raise ValueError(f"size must be at least 1, got {size}")
    front = _front(array, reference)
    chosen = front if len(front) <= size else _best_of_front(front, array, reference, size)
    others = (row for row in range(len(array)) if row not in set(chosen))
    fill = [row for row, _ in zip(others, range(size - len(chosen)), strict=False)]
    return sorted([*chosen, *fill])


def _front(points: npt.NDArray[np.float64], reference: npt.NDArray[np.float64]) -> list[int]:
    """Return the rows that no other dominates and that lie below the reference, by their first
    objective; of equal ones the first."""
    inside = np.flatnonzero((points < reference).all(axis=1))
    if not len(inside):
        return []
    rows = inside[non_dominated(points[inside])]
    first_of = {tuple(points[row]): int(row) for row in rows[::-1]}
    return [first_of[key] for key in sorted(first_of)]


def _best_of_front(
    front: list[int],
    points: npt.NDArray[np.float64],
    reference: npt.NDArray[np.float64],
    size: int,
) -> list[int]:
    """Return the rows of the best `size` points of a front, which has more.

    Below, `best[i]` is what the best subset of some size holds that begins with point i: the
    rectangles between each point's first objective and the next one's.
    """
    x = np.append(points[front, 0], reference[0])
    height = reference[1] - points[front, 1]
    count = len(front)
    widths = np.maximum(x[None, :] - x[:count, None], 0.0)  # from each point to each further one
    further = np.triu(np.ones((count, count), dtype=bool), k=1)
    best = widths[:, count] * height
    followers = []
    for _ in range(size - 1):
        held = np.where(further, widths[:, :count] * height[:, None] + best[None, :], -np.inf)
        follower = held.argmax(axis=1)
        followers.append(follower)
        best = held[np.arange(count), follower]
    at = int(best.argmax())
    chosen = [at]
    for follower in reversed(followers):
        at = int(follower[at])
        chosen.append(at)
    return [front[each] for each in chosen]
