"""Smooth Tchebycheff scalarisation: a soft maximum of the weighed losses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from trainer.device.transfer import sent
from trainer.input.settings import NonNegative, Positive
from trainer.methods.method import AttackNames, Mixed
from trainer.methods.weighting import Weighting

if TYPE_CHECKING:
    from torch import Tensor


class Tchebycheff(Mixed):
    """Training on the smooth Tchebycheff scalarisation of the losses (Lin et al., 2024, Eq. 6).

    `mu log sum_k exp(lambda_k (f_k - z) / mu)`, f_k the mini-batch's mean of a loss: its largest
    weighed loss as mu falls to 0, their plain sum as mu grows. The gradient is that of the losses
    under weights `lambda_k softmax_k(lambda_k (f_k - z) / mu)`. lambda is K times the losses'
    shares (`natural_weight`, and the rest in even parts), so that losses of equal shares have 1
    each and the weights sum to 1. The ideal point z is the same for all losses; with unequal
    shares it matters, and 0 is the infimum of a cross entropy. The authors' multi-task code divides
    losses by those of its first epochs, which ours, all cross entropies, have no need of.
    """

    mu: Positive = Field(1.0, description="smoothness, in units of the loss")
    ideal: NonNegative = Field(0.0, description="z, the loss that is aimed at, in its own unit")
    attack_names: AttackNames = Field(("pgd", "flow", "rt"), description="labels of attacks")

    def adversaries(self) -> tuple[str, ...]:
        return self.attack_names

    def weighting(self) -> Weighting:
        shares = self.shares()
        return TchebycheffWeighting(
            [len(shares) * share for share in shares], mu=self.mu, ideal=self.ideal
        )


class TchebycheffWeighting(Weighting):
    """Weighs losses by the gradient of their smooth Tchebycheff scalarisation."""

    by_batch = True

    def __init__(self, preferences: list[float], *, mu: float, ideal: float) -> None:
        """Scalarise K losses under their preferences lambda."""
        super().__init__(preferences)
        self._mu = mu
        self._ideal = ideal

    def weigh(self, losses: Tensor) -> Tensor:
        preferences = sent(self._weights, like=losses)
        excess = losses.mean(dim=1) - self._ideal
        return (preferences * (preferences * excess / self._mu).softmax(dim=0))[:, None]
