"""MGDA: the mixture of the losses' gradients that has the least norm."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field

from trainer.device.transfer import sent
from trainer.methods.method import NATURAL, AttackNames, Method
from trainer.methods.weighting import Weighting

if TYPE_CHECKING:
    from torch import Tensor


class Mgda(Method):
    """Training along the least-norm mixture of the losses' gradients (Desideri, 2012; Sener and
    Koltun, 2018, Eq. 3).

    `min_alpha |sum_k alpha_k g_k|^2`, `alpha >= 0`, `sum alpha = 1`, over the mean gradients of the
    natural and each attack's loss on the mini-batch. The mixture descends every loss, by equally
    much where alpha is positive, or it is 0 and no direction does: the weights are Pareto
    stationary. The problem is solved exactly, over the gradients by all weights of the model, in
    place of Frank-Wolfe's iterations and of the bound by gradients of a shared representation.
    The least norm favours whichever loss has the smallest gradient; `normalise` divides each
    gradient by its norm first, one of the scalings in the authors' code.
    """

    attack_names: AttackNames = Field(("pgd", "flow", "rt"), description="labels of attacks")
    normalise: bool = Field(False, description="divide each loss's gradient by its norm first")

    def branches(self) -> tuple[str, ...]:
        return (NATURAL, *self.attack_names)

    def weighting(self) -> Weighting:
        return MgdaWeighting(len(self.branches()), normalise=self.normalise)


class MgdaWeighting(Weighting):
    """Weighs K gradients by their least-norm mixture."""

    def __init__(self, K: int, *, normalise: bool) -> None:
        """Weigh K losses, each an objective."""
        super().__init__([1.0] * K)
        self.objectives = tuple((place,) for place in range(K))
        self._normalise = normalise
        self._solved = 0
        self._shares = 0.0  # sum of least norms, as shares of the largest gradient's

    def weigh_gradients(self, products: Tensor) -> Tensor:
        gram = np.asarray(products.double().sum(dim=0).tolist())
        norms = np.sqrt(np.diag(gram).clip(min=0.0))
        scales = np.where(norms > 0, norms, 1.0) if self._normalise else np.ones_like(norms)
        if not np.isfinite(gram).all():
            return sent([1 / len(gram)] * len(gram), like=products)[None]  # the loop will say so
        scaled = gram / np.outer(scales, scales)
        alpha = least_norm(scaled)
        self._solved += 1
        largest = np.diag(scaled).max()
        self._shares += np.sqrt(max(alpha @ scaled @ alpha, 0.0) / largest) if largest > 0 else 0.0
        return sent((alpha / scales).tolist(), like=products)[None]

    def state(self) -> dict[str, Any]:
        return {"solved": self._solved, "shares": float(self._shares)}

    def restore(self, state: dict[str, Any]) -> None:
        self._solved, self._shares = state["solved"], state["shares"]

    def epoch_report(self) -> dict[str, float]:
        solved, shares = self._solved, float(self._shares)
        self._solved, self._shares = 0, 0.0
        return {"least_norm_share": shares / solved} if solved else {}


def least_norm(gram: ArrayLike) -> NDArray[np.float64]:
    """Find the weights of the least-norm mixture of K vectors: minimise `alpha' G alpha`, subject
    to `alpha >= 0`, `sum alpha = 1`.

    The optimum is the least-norm point of the affine hull of some face of the simplex, on which the
    vectors are affinely independent; all 2^K - 1 faces are tried, and of their points that are
    mixtures the shortest is taken.

    Args:
        gram: K K, inner products.

    Returns:
        K, non-negative, sums to 1.
    """
    G = np.asarray(gram, dtype=np.float64)
    K = len(G)
    largest = float(np.diag(G).max())
    G = G / largest if largest > 0 else G
    best, least = np.full(K, 1 / K), float("inf")
    for size in range(1, K + 1):
        for face in itertools.combinations(range(K), size):
            alpha = np.zeros(K)
            alpha[list(face)] = _affine_least_norm(G[np.ix_(face, face)])
            if alpha.min() < 0:
                continue
            norm = float(alpha @ G @ alpha)
            if norm < least:
                best, least = alpha, norm
    return best


def _affine_least_norm(G: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the weights, which sum to 1, of the least-norm point of the affine hull of vectors.

    All move from the first by the others' differences d_i to it: `min |v_0 + sum_i t_i d_i|^2`.
    """
    if len(G) == 1:
        return np.ones(1)
    differences = G[1:, 1:] - G[1:, :1] - G[:1, 1:] + G[0, 0]
    steps = np.linalg.lstsq(differences, G[0, 0] - G[1:, 0], rcond=None)[0]
    return np.concatenate([[1 - steps.sum()], steps])
