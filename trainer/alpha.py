"""The alpha problem: how much each loss weighs in Pareto adversarial training (Eq. 11, 12)."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import cvxopt
import numpy as np
from cvxopt import solvers
from numpy.typing import ArrayLike, NDArray

FEASIBLE_SHARE = 0.999
"""Of the largest robust mean: at the whole of it alpha is one-hot, at more none exists."""

_TOLERANCES = {"abstol": 1e-20, "reltol": 1e-12, "feastol": 1e-12, "show_progress": False}
"""The relative one must decide: beside the largest loss the least spread may be next to nothing.
The absolute one is for a spread of zero, which no relative tolerance reaches."""


class NoSolutionError(ArithmeticError):
    """The solver found no optimum; the caller keeps its last alpha."""


class Alpha(NamedTuple):
    """Weights of K losses."""

    alpha: NDArray[np.float64]  # K, non-negative, sums to 1
    r: float  # in effect: as asked, or the bound that it was clipped to
    clipped: bool


def solve_alpha(second_moments: ArrayLike, means: ArrayLike, r: float) -> Alpha:
    """Weights under which the losses contribute alike, at a required robustness.

    Minimise over alpha  `sum_ij E[(alpha_i L_i - alpha_j L_j)^2] = 1/2 alpha' P alpha`, with
    `P = 4 K diag(M) - 4 M`, subject to `sum_{i >= 1} alpha_i m_i = r`, `sum alpha = 1`,
    `alpha >= 0` (Eq. 12; Proposition 1 gives the quadratic form). The natural loss, the first,
    is in the objective and not in the constraint on r.

    The problem is feasible only for r in [0, max m_1..]; beyond, the solver returns garbage
    without a word, so r is clipped first. The solver's tolerances are absolute, and unscaled its
    answer drifts as losses shrink: losses are divided by the largest, and the variables are
    `beta_i = alpha_i M_ii^(1/4)`. Over six decades between the losses alpha is then within 1e-7
    of the exact optimum, and 4 of 12,000 problems were left unsolved; over four decades, none of
    4,000. At r = 0 a robust loss that is next to nothing may be too much for the solver: one in
    60 where it is zero. With nine decades between the losses alpha may be off by 0.01 and more.
    Where no robust loss is left, r says nothing, and alpha is uniform.

    Args:
        second_moments: M, K K, uncentred: E[L_i L_j].
        means: m, K: E[L_i].
        r: required robustness, in units of the loss.

    Raises:
        ValueError: shapes that do not fit, fewer than two losses, anything not finite.
        NoSolutionError: the solver did not report an optimum.
    """
    M = np.asarray(second_moments, dtype=np.float64)
    m = np.asarray(means, dtype=np.float64)
    K = m.size
    if K < 2 or m.shape != (K,) or M.shape != (K, K):
        raise ValueError(
            f"moments must be (K, K) and (K,) of K >= 2 losses, got {M.shape} and {m.shape}"
        )
    if not (np.isfinite(M).all() and np.isfinite(m).all() and np.isfinite(r)):
        raise ValueError(
            f"moments and r must be finite, got means {m.tolist()} and r {r}; "
            f"a loss has probably diverged"
        )

    bound = FEASIBLE_SHARE * max(0.0, float(m[1:].max()))
    r_in_effect = min(max(float(r), 0.0), bound)
    clipped = r_in_effect != float(r)
    largest = float(np.sqrt(np.diag(M).clip(min=0.0).max()))
    if bound == 0.0 or largest == 0.0:
        return Alpha(np.full(K, 1 / K), r_in_effect, clipped)

    M, m = M / largest**2, m / largest
    scale = np.diag(M).clip(min=1e-24) ** 0.25
    quadratic = (4 * K * np.diag(np.diag(M)) - 4 * M) / np.outer(scale, scale)
    equalities = np.stack([np.concatenate([[0.0], m[1:]]), np.ones(K)]) / scale
    solution = solvers.qp(
        P=cvxopt.matrix(quadratic / np.abs(quadratic).max()),
        q=cvxopt.matrix(0.0, (K, 1)),
        G=cvxopt.spdiag([-1.0] * K),
        h=cvxopt.matrix(0.0, (K, 1)),
        A=cvxopt.matrix(equalities),
        b=cvxopt.matrix([r_in_effect / largest, 1.0]),
        kktsolver="ldl",  # the default gives up where losses differ by decades
        options=_TOLERANCES,
    )
    if solution["status"] != "optimal":
        raise NoSolutionError(f"no optimum at means {m * largest}, r {r}: {solution['status']}")
    alpha = (np.asarray(solution["x"], dtype=np.float64).ravel() / scale).clip(min=0.0)
    return Alpha(alpha / alpha.sum(), r_in_effect, clipped)


class LossWindow:
    """The losses of the last mini-batches, and their uncentred moments."""

    def __init__(self, size: int) -> None:
        """Keep the last `size` mini-batches."""
        self._rows: deque[list[float]] = deque(maxlen=size)

    def __len__(self) -> int:
        return len(self._rows)

    def append(self, losses: list[float]) -> None:
        """Add one mini-batch's mean losses, K numbers."""
        self._rows.append(losses)

    def moments(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """M (K, K) with `M_ij = E[L_i L_j]` and m (K,) with `m_i = E[L_i]`."""
        losses = np.array(self._rows)
        return losses.T @ losses / len(losses), losses.mean(axis=0)

    def rows(self) -> list[list[float]]:
        """What was appended and is still kept, oldest first."""
        return list(self._rows)
