"""The alpha problem: how much each loss weighs in Pareto adversarial training (Eq. 11, 12)."""

from __future__ import annotations

import itertools
from collections import deque
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

FEASIBLE_SHARE = 0.999
"""Share of the largest robust mean that r is clipped to: at 1 alpha is one-hot, above it none."""

_TOLERANCES = {"abstol": 1e-20, "reltol": 1e-12, "feastol": 1e-12, "show_progress": False}
"""Tolerances of CVXOPT. The relative one must decide: beside the largest loss the least spread may
be next to nothing. The absolute one is for a spread of zero, which no relative tolerance
reaches."""

_FEASIBLE = 1e-11
"""Share of the largest robust mean by which an accepted answer of the solver may miss r: ten times
the solver's tolerance."""

_GAP = 1e-8
"""Largest gap of an accepted answer: no feasible weights have a spread that is less by more than
this share of what the losses' own second moments add to it. Of answers that the solver reports as
optimal those to losses within six decades have gaps of at most 2e-9; nine decades apart or zero,
some are no optimum."""


class Alpha(NamedTuple):
    """Weights of K losses, and the robustness that they were solved for."""

    alpha: NDArray[np.float64]  # K, non-negative, sums to 1
    r: float  # in effect: as asked, or the bound that it was clipped to
    clipped: bool


def solve_alpha(second_moments: ArrayLike, means: ArrayLike, r: float) -> Alpha:
    """Find weights under which the losses contribute alike, at a required robustness.

    Minimise over alpha  `sum_ij E[(alpha_i L_i - alpha_j L_j)^2] = 1/2 alpha' P alpha`, with
    `P = 4 K diag(M) - 4 M`, subject to `sum_{i >= 1} alpha_i m_i = r`, `sum alpha = 1`,
    `alpha >= 0` (Eq. 12; Eq. 3 gives the quadratic form). The natural loss, the first, is in the
    objective and not in the constraint on r.

    The problem is feasible only for r in [0, max m_1..]; beyond, CVXOPT returns garbage without a
    word, so r is clipped first. Its tolerances are absolute, and unscaled its answer drifts as
    losses shrink: losses are divided by the largest, and the variables are
    `beta_i = alpha_i M_ii^(1/4)`. Where it reports no optimum still, or its answer is none, the
    faces of the simplex are tried one by one (2^K small linear systems). So there always is an
    answer: of 100,100 random problems of 2 to 6 losses (docs/long-tests.md) all are within 1e-7 of
    the exact alpha, but 3 of 9,100 over six decades, which are within 1.1e-6. The faces decided 6
    of the 81,900 in which no loss is zero.
    Where no robust loss is left, r says nothing, and alpha is uniform.

    Args:
        second_moments: M, K K, uncentred: E[L_i L_j].
        means: m, K: E[L_i].
        r: required robustness, in units of the loss.

    Raises:
        ValueError: shapes that do not fit, fewer than two losses, anything not finite.
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
    largest = float(np.sqrt(np.diag(M).clip(min=0.0).max())) or 1.0
    M, m = M / largest**2, m / largest
    own = np.diag(M).clip(min=0.0)
    c = np.where(own > 0, m, 0.0)  # a loss whose square is no float any more is none
    c[0] = 0.0
    if bound == 0.0 or c.max() == 0.0:
        return Alpha(np.full(K, 1 / K), r_in_effect, clipped)

    problem = _Problem(P=4 * K * np.diag(own) - 4 * M, c=c, r=r_in_effect / largest, own=own)
    alpha = _interior_point(problem)
    if alpha is None or not _is_optimal(problem, alpha):
        alpha = _best_face(problem)
    return Alpha(alpha, r_in_effect, clipped)


class _Problem(NamedTuple):
    """Minimise `1/2 alpha' P alpha`, subject to `c' alpha = r`, `1' alpha = 1`, `alpha >= 0`."""

    P: NDArray[np.float64]  # K K
    c: NDArray[np.float64]  # K, of the robust means; 0 for the natural loss
    r: float
    own: NDArray[np.float64]  # K, second moments of the losses


def _interior_point(problem: _Problem) -> NDArray[np.float64] | None:
    """Return CVXOPT's answer; None where it reports no optimum."""
    import cvxopt  # noqa: PLC0415  (here alone: who only reads settings solves nothing)
    from cvxopt import solvers  # noqa: PLC0415

    P, c, r, own = problem
    K = len(c)
    scale = own.clip(min=1e-24) ** 0.25
    quadratic = P / np.outer(scale, scale)
    try:
        solution = solvers.qp(
            P=cvxopt.matrix(quadratic / np.abs(quadratic).max()),
            q=cvxopt.matrix(0.0, (K, 1)),
            G=cvxopt.spdiag([-1.0] * K),
            h=cvxopt.matrix(0.0, (K, 1)),
            A=cvxopt.matrix(np.stack([c, np.ones(K)]) / scale),
            b=cvxopt.matrix([r, 1.0]),
            kktsolver="ldl",  # the default gives up where losses differ by decades
            options=_TOLERANCES,
        )
    except (ArithmeticError, ValueError):  # a matrix that is singular to its eyes
        return None
    if solution["status"] != "optimal":
        return None
    alpha = (np.asarray(solution["x"], dtype=np.float64).ravel() / scale).clip(min=0.0)
    return np.asarray(alpha / alpha.sum())


def _is_optimal(problem: _Problem, alpha: NDArray[np.float64]) -> bool:
    """Whether weights are feasible, and no others have a spread that is less by what matters.

    By convexity the spread falls by no more than its linearisation does, which is least at a vertex
    of the feasible set; with two constraints a vertex mixes two losses, `c_low <= r <= c_high`.
    """
    P, c, r, own = problem
    gradient = P @ alpha
    low, high = np.flatnonzero(c <= r)[:, None], np.flatnonzero(c >= r)
    share = (r - c[low]) / np.maximum(c[high] - c[low], np.finfo(float).tiny)
    least = ((1 - share) * gradient[low] + share * gradient[high]).min()
    gap = gradient @ alpha - least
    is_feasible = abs(c @ alpha - r) <= _FEASIBLE * c.max()
    return bool(is_feasible and gap <= _GAP * 2 * len(c) * (own @ alpha**2))


def _best_face(problem: _Problem) -> NDArray[np.float64]:
    """Find the optimum by enumeration of the faces of the simplex: the losses whose alpha is not 0.

    Two losses p and q of a face give way so that the constraints hold: one more of loss i takes
    away `share_i` of p and `1 - share_i` of q, `share_i = (c_i - c_q) / (c_p - c_q)`. Where such
    exchanges gain nothing on the face and none in any other loss gains, its point is the optimum.
    Rounding decides between faces, so the one whose exchanges gain least is taken, in units of
    their own curvature. Faces of equal c need no look, since one other loss may join them at alpha
    0, nor do those of more than one stationary point: it can be moved to a smaller face.

    q is the smallest loss, and p takes most of the robust mean for its size. Then no exchange moves
    more than twice the size of its loss, and the systems are well conditioned however many decades
    lie between the losses.
    """
    P, c, r, own = problem
    K = len(c)
    size = np.sqrt(own)
    tiny = np.finfo(np.float64).tiny
    best, least = np.full(K, 1 / K), np.inf
    for face in (list(f) for k in range(2, K + 1) for f in itertools.combinations(range(K), k)):
        q = min(face, key=lambda i: size[i])
        p = max(face, key=lambda i: abs(c[i] - c[q]) / max(size[i], tiny))
        if c[p] == c[q] or not min(c[face]) <= r <= max(c[face]):
            continue
        share = (c - c[q]) / (c[p] - c[q])
        exchanges = np.eye(K)  # one a column; those of p and q are 0
        exchanges[p] -= share
        exchanges[q] -= 1 - share
        sizes = np.linalg.norm(size[:, None] * exchanges, axis=0).clip(min=tiny)

        alpha = np.zeros(K)
        alpha[p], alpha[q] = (r - c[q]) / (c[p] - c[q]), (c[p] - r) / (c[p] - c[q])
        rest = [i for i in face if i not in (p, q)]
        Z = exchanges[:, rest] / sizes[rest]
        try:
            alpha -= Z @ np.linalg.solve(Z.T @ P @ Z, Z.T @ P @ alpha)
        except np.linalg.LinAlgError:
            continue
        if alpha.min() < 0:
            continue
        slope = exchanges.T @ P @ alpha / sizes
        slope[face] = -np.abs(slope[face])
        gain = -slope.min() / max(float(np.linalg.norm(size * alpha)), tiny)
        if gain < least:
            best, least = alpha / alpha.sum(), gain
    return best


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
        """Return M (K, K) with `M_ij = E[L_i L_j]` and m (K,) with `m_i = E[L_i]`."""
        losses = np.array(self._rows)
        return losses.T @ losses / len(losses), losses.mean(axis=0)

    def rows(self) -> list[list[float]]:
        """Return what was appended and is still kept, oldest first."""
        return list(self._rows)
