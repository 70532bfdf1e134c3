"""Which cells may be on the front: what resamples say, and what simultaneous intervals rule out.

Two numbers of different kinds. *Recurrence* describes how steady the front that one sees is.
*Membership* is a claim: with probability 95 % no answer of any cell is wrong, `possible` aside.
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np
import numpy.typing as npt

from orchestrator.pareto.many_fronts import fronts

LEVEL = 0.95
"""Level at which all intervals together hold the true differences."""

MOST_RESAMPLES = 2_000
"""Resamples from which the critical value is taken; more move it by a hundredth."""


class Membership(StrEnum):
    """Whether a cell's true means are on the front of all cells' true means."""

    YES = "yes"
    POSSIBLE = "possible"
    NO = "no"


def recurrence(resamples: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Return the share (C,) of `resamples` (B, C, M), minimised, in which a cell is on the front.

    It is not the probability that the cell is truly on it: resamples vary around means that vary
    themselves, so that the front of a resample is noisier than the one seen. And it falls where
    near-duplicates stand beside a cell, which take turns; each may be as good as any.
    """
    return np.asarray(fronts(resamples).mean(axis=0))


def membership(
    points: npt.ArrayLike, resamples: npt.NDArray[np.floating], *, level: float = LEVEL
) -> list[Membership]:
    """Say of each cell whether it is on the true front, as far as simultaneous intervals tell.

    All C (C - 1) / 2 differences of two cells in each of M objectives get intervals

        d -+ q s,    d the difference of `points` (C, M), s its standard deviation in `resamples`

    with q the `level` quantile, over the resamples (B, C, M), of the largest |d* - d| / s among all
    of them (max-t; Romano and Wolf, 2005, "Exact and approximate stepdown methods for multiple
    hypothesis testing", here in one step). Where all intervals hold,

    - `no`: some cell is no worse in any objective and better in one, by the intervals;
    - `yes`: every other cell is worse in some objective, by the intervals; none can dominate it;
    - `possible`: neither is known, as of two cells with equal true means always.

    Objectives are minimised. Only cells that may be on the front belong among them.

    Raises:
        ValueError: shapes that do not fit, or a number that is not finite.
    """
    means = np.array(points, dtype=np.float64)
    if means.ndim != 2 or resamples.shape[1:] != means.shape:
        raise ValueError(
            f"points must be of shape (C, M) and resamples (B, C, M), got {means.shape} and "
            f"{resamples.shape}"
        )
    if not (np.isfinite(means).all() and np.isfinite(resamples).all()):
        raise ValueError("points and resamples must be finite; leave cells without a result out")
    reach = _reaches(means, resamples, level)
    differences = means[:, None] - means  # below 0 where the first is better
    highest, lowest = differences + reach, differences - reach
    dominates = np.all(highest <= 0, axis=2) & np.any(highest < 0, axis=2)
    cannot = np.any(lowest > 0, axis=2)  # the first cannot dominate the second
    np.fill_diagonal(cannot, val=True)
    is_out, is_in = dominates.any(axis=0), cannot.all(axis=0)
    return [
        Membership.NO if out else Membership.YES if sure else Membership.POSSIBLE
        for out, sure in zip(is_out, is_in, strict=True)
    ]


def _reaches(
    means: npt.NDArray[np.float64], resamples: npt.NDArray[np.floating], level: float
) -> npt.NDArray[np.float64]:
    """Return how far from the differences (C, C, M) their simultaneous intervals reach."""
    moved = resamples - means  # B C M
    spread = np.empty((len(means), *means.shape))
    for m in range(means.shape[1]):
        covariance = np.cov(moved[:, :, m], rowvar=False).reshape(len(means), len(means))
        own = np.diag(covariance)
        spread[:, :, m] = np.sqrt(np.maximum(own[:, None] + own - 2 * covariance, 0.0))
    parted = np.divide(1, spread, out=np.zeros_like(spread), where=spread > 0).astype(np.float32)
    some = np.moveaxis(moved[:MOST_RESAMPLES], 0, 2).astype(np.float32, order="C")  # C M B
    largest = np.zeros(some.shape[2], dtype=np.float32)
    buffer = np.empty_like(some)
    for cell in range(len(means) - 1):
        ratio = np.subtract(some[cell + 1 :], some[cell], out=buffer[cell + 1 :])
        ratio *= parted[cell, cell + 1 :, :, None]
        np.abs(ratio, out=ratio)
        np.maximum(largest, ratio.max(axis=(0, 1)), out=largest)
    return np.asarray(float(np.quantile(largest, level)) * spread)
