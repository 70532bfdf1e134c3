"""How evenly a setting, such as r or rho, spaces a method's cells along their front.

The paper says of its required robustness r that it spaces the front evenly; here that is measured.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, kw_only=True)
class Evenness:
    """Steps between cells that are neighbours by their setting.

    Lengths are Euclidean, each objective divided by its range over the cells: they depend on no
    unit.
    """

    settings: tuple[float, ...]  # in order
    steps: tuple[float, ...]  # between neighbours
    unevenness: float
    """Coefficient of variation of the steps for equal changes of the setting: 0 if it spaces cells
    evenly, 1 if steps are as unequal as between random points of a line (Schott's spacing, 1995,
    over its mean)."""

    reversals: int
    """Steps that in some objective go against the way from the first cell to the last: what noise
    does, or a setting that does not order the front."""

    @property
    def largest_gap(self) -> float:
        """Longest step, as a share of the way along all cells; 1 / N at best with N steps."""
        return max(self.steps) / sum(self.steps)

    @property
    def gap_between(self) -> tuple[float, float]:
        """Settings on both sides of the longest step; the first of equal ones."""
        at = int(np.argmax(self.steps))
        return self.settings[at], self.settings[at + 1]


def evenness(settings: npt.ArrayLike, points: npt.ArrayLike) -> Evenness | None:
    """Measure the steps of cells with `settings` (N,) between their means `points` (N, M).

    Signs and units of the objectives do not matter. None with fewer than three cells, or where all
    means are equal: there is nothing to space.

    Raises:
        ValueError: shapes that do not fit, a number that is not finite, or a setting twice.
    """
    values = np.array(settings, dtype=np.float64)
    means = np.array(points, dtype=np.float64)
    if values.ndim != 1 or means.ndim != 2 or len(values) != len(means):
        raise ValueError(
            f"settings must be of shape (N,) and points (N, M), got {values.shape} and "
            f"{means.shape}"
        )
    if not (np.isfinite(values).all() and np.isfinite(means).all()):
        raise ValueError("settings and points must be finite; leave cells without a result out")
    if len(np.unique(values)) < len(values):
        raise ValueError(f"settings must be different, got {sorted(values.tolist())}")
    order = np.argsort(values)
    values, means = values[order], means[order]
    ranges = np.ptp(means, axis=0)
    if len(values) < 3 or not ranges.any():
        return None
    moves = np.diff(means[:, ranges > 0] / ranges[ranges > 0], axis=0)
    steps = np.linalg.norm(moves, axis=1)
    rates = steps / np.diff(values)
    against = moves * moves.sum(axis=0) < 0
    return Evenness(
        settings=tuple(values.tolist()),
        steps=tuple(steps.tolist()),
        unevenness=float(rates.std() / rates.mean()),
        reversals=int(against.any(axis=1).sum()),
    )
