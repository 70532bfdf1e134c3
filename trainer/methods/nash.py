"""Nash-MTL: the losses' gradients bargain, and none gains by another's greater length."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field

from trainer.device.transfer import sent
from trainer.input.settings import NonNegative
from trainer.methods.method import NATURAL, AttackNames, Method
from trainer.methods.weighting import Weighting

if TYPE_CHECKING:
    from torch import Tensor

RIDGE = 1e-12
"""What is added to the diagonal of gradients' cosines: it holds alpha finite where the weights are
Pareto stationary, and some mixture of gradients is 0."""

SHORTEST = 1e-8
"""Least length of a gradient, as a share of the longest: a shorter one is taken to have it."""

MOST_STEPS, DECREMENT = 200, 1e-9
"""Newton's steps at most, and the decrement at which they end: from 0.1 on each squares it."""


class NashMtl(Method):
    """Training along the Nash bargaining solution of the losses' gradients G, a row each: weights
    alpha > 0 with `G G' alpha = 1 / alpha` (Navon et al., 2022, Eq. 2: "Nash-MTL").

    Each loss then gains as much, `alpha_k g_k . d = 1` along the direction d, whose length is the
    root of K at any scale; one longer than `max_norm` is cut to it. The equation is solved exactly,
    anew in each step. The authors' iterations, TorchJD's too, begin at the alpha of before:
    on random gradients they ended in 1 of 20 steps where it does not hold at all, and of gradients
    shorter than 1e-3 they never left it.
    """

    version: ClassVar[int] = 2  # 1: by TorchJD's iterations

    attack_names: AttackNames = Field(("pgd", "flow", "rt"), description="labels of attacks")
    max_norm: NonNegative = Field(1.0, description="longest gradient; 0 cuts none")

    def branches(self) -> tuple[str, ...]:
        return (NATURAL, *self.attack_names)

    def weighting(self) -> Weighting:
        return NashWeighting(len(self.branches()), max_norm=self.max_norm)


class NashWeighting(Weighting):
    """Weighs K gradients by their bargaining solution."""

    def __init__(self, K: int, *, max_norm: float) -> None:
        """Weigh K losses, each an objective."""
        super().__init__([1.0] * K)
        self.objectives = tuple((place,) for place in range(K))
        self._max_norm = max_norm

    def weigh_gradients(self, products: Tensor) -> Tensor:
        gram = np.asarray(products.double().sum(dim=0).tolist())
        K = len(gram)
        if not np.isfinite(gram).all() or not gram.any():  # the loop says so, or nothing is left
            return sent([1 / K] * K, like=products)[None]
        alpha = bargained(gram)
        length = max(float(alpha @ gram @ alpha), 0.0) ** 0.5
        if self._max_norm and length > self._max_norm:
            alpha = alpha * (self._max_norm / length)
        return sent(alpha.tolist(), like=products)[None]


def bargained(gram: ArrayLike) -> NDArray[np.float64]:
    """Solve `M alpha = 1 / alpha`, `alpha > 0`, where alpha minimises

        1/2 alpha' M alpha - sum_k log alpha_k,

    which is self-concordant: Newton's steps, damped by 1 / (1 + decrement), come to the minimum
    from anywhere (Nesterov and Nemirovskii, 1994). It is solved over the gradients' cosines, so
    that no length matters: `c G` has `alpha / c`.

    Args:
        gram: K K, inner products M of K gradients, not all 0.

    Returns:
        K, positive.
    """
    M = np.asarray(gram, dtype=np.float64)
    lengths = np.sqrt(np.diag(M).clip(min=0))
    lengths = lengths.clip(min=SHORTEST * lengths.max())
    cosines = M / np.outer(lengths, lengths)
    np.fill_diagonal(cosines, 1 + RIDGE)
    beta = np.full(len(M), max(cosines.sum(), 1.0) ** -0.5)  # gains right in sum, where it can be
    for _ in range(MOST_STEPS):
        slopes = cosines @ beta - 1 / beta
        step = np.linalg.solve(cosines + np.diag(beta**-2), slopes)
        decrement = float(slopes @ step) ** 0.5
        beta = beta - step / (1 + decrement)
        if decrement < DECREMENT:
            break
    alpha: NDArray[np.float64] = beta / lengths
    return alpha
