"""Training on each example's largest attack loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from trainer.methods.method import AttackNames, Mixed
from trainer.methods.weighting import Weighting

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    from trainer import late_torch as torch


class Maximum(Mixed):
    """Training on each example's largest attack loss (Tramer and Boneh, 2019: "Max").

    All are computed without gradient, in evaluation mode as the attacks are; only the largest is
    then trained on, and only its images, beside natural ones that have weight, enter BatchNorm's
    statistics.
    """

    version: ClassVar[int] = 3
    """Version 1 picked in training mode, with all attacks' images in BatchNorm; 2 gave BatchNorm
    the images of either kind in an order that their weights made."""

    attack_names: AttackNames = Field(("pgd", "flow", "rt"), description="labels of attacks")

    def adversaries(self) -> tuple[str, ...]:
        return self.attack_names

    def weighting(self) -> Weighting:
        return WorstWeighting(self.natural_weight)


class WorstWeighting(Weighting):
    """Puts all the weight of the adversarial losses on the largest, example by example."""

    by_example = True

    def __init__(self, natural_weight: float) -> None:
        """Give the first loss, the natural one, the rest of the weight, if there is any."""
        self._natural_weight = natural_weight
        self.picks = 2 if natural_weight else 1

    def weigh(self, losses: Tensor) -> Tensor:
        weights = torch.zeros_like(losses)
        first = 1 if self._natural_weight else 0
        weights[:first] = self._natural_weight
        worst = losses[first:].argmax(dim=0, keepdim=True) + first
        return weights.scatter_(0, worst, 1 - self._natural_weight)
