"""Which cell of a sweep to take: limits first, then a preference between the objectives.

A cell is a method with its settings; its numbers are means over seeds on the images that pick. With
f_k its M objectives, minimised, every cell has the value

    v = sum over k of  w_k (f_k - low_k) / (high_k - low_k),    w_k >= 0, w_1 + ... + w_M = 1

with low_k and high_k the ends of the front of all cells that may be picked, whatever the limits
say, so that a limit does not change what a share means. An objective in which that front does not
vary is scaled by all these cells instead, and one in which they do not vary either adds nothing. Of
the cells within all limits the one with the smallest value is picked; of values that differ by
rounding alone the one that is better in the first objective, then in the second, and so on, and at
last the first in the table. So no cell is picked that another within the limits dominates.

The shares w_k are those that a person asks for, or all 1 / M, which is the knee's rule: without
limits the cell picked is the knee of the front (`orchestrator.pareto.dominance.knee`), and none is
where that has none.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from orchestrator.pareto.dominance import RESOLUTION, knee, non_dominated
from trainer.input.problems import InputError

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


class PickError(InputError):
    """What a user asks of a cell means nothing, or no cell has it."""


@dataclass(frozen=True, kw_only=True)
class Limit:
    """A bound on a column, in the column's own unit."""

    column: str
    bound: float
    is_at_most: bool  # else at least

    def over(self, values: npt.ArrayLike) -> Floats:
        """Return by how much `values` are beyond the bound: above 0 where it does not hold."""
        beyond = np.asarray(values, dtype=np.float64) - self.bound
        return np.asarray(beyond if self.is_at_most else -beyond)

    def holds(self, values: npt.ArrayLike) -> Mask:
        """Mark the values within the bound; rounding breaks none, and NaN is never within."""
        return np.asarray(self.over(values) <= RESOLUTION)

    def __str__(self) -> str:
        return f"{self.column} at {'most' if self.is_at_most else 'least'} {self.bound:g}"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """By what a cell is picked."""

    limits: tuple[Limit, ...] = ()
    shares: tuple[float, ...] | None = None  # of the objectives, in their order; None: the knee's

    def within(self, values: npt.ArrayLike) -> Mask:
        """Mark the cells (C,) whose columns `values` (C, Q), one a limit, are within all limits."""
        columns = np.asarray(values, dtype=np.float64)
        held = [limit.holds(columns[:, q]) for q, limit in enumerate(self.limits)]
        return np.asarray(np.logical_and.reduce([np.ones(len(columns), dtype=np.bool_), *held]))

    def pick(
        self, points: npt.ArrayLike, values: npt.ArrayLike, *, without: int | None = None
    ) -> int | None:
        """Return the cell that is picked; None where no cell is.

        Args:
            points: objectives (C, M) of the cells that may be picked, minimised and finite.
            values: their columns (C, Q), one a limit.
            without: a cell that is passed over: the next best is the runner-up.
        """
        objectives = np.asarray(points, dtype=np.float64)
        if not len(objectives):
            return None
        is_plain_knee = self.shares is None and not self.limits
        if is_plain_knee and without is None:
            return knee(objectives)
        found = self.within(values)
        if without is not None:
            found[without] = False
        rows = np.flatnonzero(found)
        if not len(rows):
            return None
        its = self.values(objectives[rows], scale=Scale.of(objectives))
        least = rows[its <= its.min() + RESOLUTION]
        order = np.lexsort(objectives[least].T[::-1])  # stable: of equal cells the first
        return int(least[order[0]])

    def values(self, points: npt.ArrayLike, *, scale: Scale) -> Floats:
        """Return v (N,) of `points` (N, M), which the scale need not be of."""
        scaled = scale.scaled(points)
        even = np.full(scaled.shape[1], 1 / scaled.shape[1])
        return np.asarray(scaled @ (even if self.shares is None else np.array(self.shares)))

    def median(self, points: npt.ArrayLike, *, scale: Scale) -> int:
        """Return the row of `points` (S, M), trainings of one cell, that is their median by value:
        of an even number the worse of the two in the middle, for it is not to be a lucky one."""
        objectives = np.asarray(points, dtype=np.float64)
        its = np.round(self.values(objectives, scale=scale) / RESOLUTION)
        order = np.lexsort((*objectives.T[::-1], its))
        return int(order[len(order) // 2])

    def recurrence(
        self, resamples: npt.NDArray[np.floating], values: npt.NDArray[np.floating]
    ) -> Floats:
        """Return the share (C,) of resamples in which each cell is picked by the same rule; what is
        left to 1 is the share of those in which none is.

        Args:
            resamples: of the objectives, minimised, (B, C, M).
            values: of the columns of the limits, (B, C, Q).
        """
        counts = np.zeros(resamples.shape[1])
        for points, columns in zip(resamples, values, strict=True):
            if (found := self.pick(points, columns)) is not None:
                counts[found] += 1
        return counts / len(resamples)


@dataclass(frozen=True, kw_only=True)
class Scale:
    """Where each objective begins, and how wide it is, both (M,)."""

    low: Floats
    width: Floats  # 0: the objective does not vary

    @classmethod
    def of(cls, points: npt.ArrayLike) -> Scale:
        """Take the scale of the front of `points` (C, M), of which there is one at least."""
        every = np.asarray(points, dtype=np.float64)
        front = every[non_dominated(every)]
        low, width = front.min(axis=0), np.ptp(front, axis=0)
        return cls(low=low, width=np.where(width > RESOLUTION, width, np.ptp(every, axis=0)))

    def scaled(self, points: npt.ArrayLike) -> Floats:
        """Return `points` (N, M) on this scale."""
        moved = np.asarray(points, dtype=np.float64) - self.low
        varies = self.width > RESOLUTION
        return np.divide(moved, self.width, out=np.zeros_like(moved), where=varies)


def all_shares(named: Mapping[str, float], objectives: Sequence[str]) -> tuple[float, ...]:
    """Return a share for each objective, given those of some: the others share the rest evenly.

    Raises:
        PickError: a share outside [0, 1], shares that sum to more than 1, or to less with no
            objective left that could have the rest.
    """
    for name, share in named.items():
        if not 0 <= share <= 1:
            raise PickError(
                f"--prefer {name} must be a share from 0 to 1, got {share:g}; 0.7 leaves 0.3 to "
                f"the other objectives"
            )
    total, others = math.fsum(named.values()), [it for it in objectives if it not in named]
    if total > 1 + RESOLUTION or (not others and total < 1 - RESOLUTION):
        rule = "sum to 1 at most" if others else "sum to 1 where every objective has one"
        said = ", ".join(f"{name}={share:g}" for name, share in named.items())
        raise PickError(
            f"--prefer: shares must {rule}, got {total:g} of {said}; lower or raise one"
        )
    rest = max(0.0, 1 - total) / len(others) if others else 0.0
    return tuple(named.get(it, rest) for it in objectives)


def why_none(rule: Rule, values: npt.ArrayLike, cells: Sequence[str]) -> str:
    """Say why no cell is within the limits, and for each limit what comes nearest to it: of the
    cells within all others, or of all cells where there is none.

    Args:
        values: columns (C, Q) of the cells that may be picked, one a limit; C is 1 at least.
        cells: what each is called.
    """
    columns = np.asarray(values, dtype=np.float64)
    said = []
    for q, limit in enumerate(rule.limits):
        is_there = np.isfinite(columns[:, q])
        others = [it.holds(columns[:, p]) for p, it in enumerate(rule.limits) if p != q]
        is_within_others = np.logical_and.reduce([is_there, *others])
        if not is_there.any():
            said.append(f"no cell has a number in {limit.column}")
            continue
        among = is_within_others if is_within_others.any() else is_there
        nearest = int(np.where(among, limit.over(columns[:, q]), np.inf).argmin())
        within = " within the others" if others and among is is_within_others else ""
        said.append(
            f"{limit.column}: the nearest{within} is "
            f"{round(columns[nearest, q], 9) + 0.0:.4g}, of {cells[nearest]}"
        )
    return "; ".join(said)
