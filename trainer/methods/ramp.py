"""RAMP: the largest attack loss, predictions paired between attacks, and natural gradients that
are projected."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, Field

from trainer.answers import correct
from trainer.input.settings import NonNegative, Share
from trainer.methods.method import AttackNames, Mixed
from trainer.methods.trades import divergence
from trainer.methods.weighting import Weighting

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    from trainer import late_torch as torch

PAIRING = "pairing"
"""Name of the loss that pairs predictions."""


def _two(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(names) < 2:
        message = f"must name two attacks or more, whose predictions are paired, got {names[0]}"
        raise ValueError(message)
    return names


class Ramp(Mixed):
    """Training on `max_k L_k + lambda KL(f(x_s) || f(x_t))` with projected natural gradients
    (Jiang and Singh, 2024: "RAMP").

    The pairing (their Eq. 2) draws the predictions under two attacks together where the model is
    right under the first. In the paper the two are fixed before training, the norms between which
    the trade-off is hardest; here they are, for each example, the two attacks of the largest
    losses, x_t the larger one's. The sum is divided by all examples, not by those that are right,
    so that parts of a mini-batch add up to it.

    The gradients of the natural loss, g_n, and of the rest, g_a, are mixed tensor by tensor into
    `beta max(0, cos(g_n, g_a)) g_n + (1 - beta) g_a` (their gradient projection, of which g_n and
    g_a are what a whole epoch of natural and one of adversarial training have moved the weights
    by; here they are gradients of the same step, so that the optimiser has one state and no epoch
    is trained twice). `natural_weight` is beta; at 0 there is no natural branch.
    """

    natural_weight: Share = Field(0.5, description="beta, of the projected natural gradient")
    pairing_weight: NonNegative = Field(5.0, description="lambda, of the paired predictions")
    """Weight of the paired predictions: the authors' 5 for training from scratch; they fine-tune
    with 1.5."""
    attack_names: Annotated[AttackNames, AfterValidator(_two)] = Field(
        ("pgd", "flow", "rt"), description="labels of attacks"
    )

    def adversaries(self) -> tuple[str, ...]:
        return self.attack_names

    def loss_names(self) -> tuple[str, ...]:
        return (*self.branches(), PAIRING)

    def losses(
        self, cross_entropies: Mapping[str, Tensor], logits: Mapping[str, Tensor], labels: Tensor
    ) -> dict[str, Tensor]:
        entropies = torch.stack([cross_entropies[name] for name in self.attack_names])
        of_attacks = torch.stack([logits[name] for name in self.attack_names])
        target, source = entropies.detach().topk(2, dim=0).indices
        every = torch.arange(len(labels), device=labels.device)
        sources, targets = of_attacks[source, every], of_attacks[target, every]
        is_right = correct(sources.detach(), labels)
        return {**cross_entropies, PAIRING: is_right * divergence(sources, targets)}

    def weighting(self) -> Weighting:
        return RampWeighting(
            len(self.attack_names), beta=self.natural_weight, pairing_weight=self.pairing_weight
        )


class RampWeighting(Weighting):
    """Weighs the largest attack loss of an example and the pairing; projects the natural gradient
    onto theirs."""

    by_example = True

    def __init__(self, count: int, *, beta: float, pairing_weight: float) -> None:
        """Weigh `count` attacks and the pairing, behind the natural loss where beta is not 0."""
        self._first = int(beta > 0)
        self._beta = beta
        self._pairing_weight = pairing_weight
        if self._first:
            self.objectives = ((0,), tuple(range(1, count + 2)))

    def weigh(self, losses: Tensor) -> Tensor:
        weights = torch.zeros_like(losses)
        weights[: self._first] = 1.0
        worst = losses[self._first : -1].argmax(dim=0, keepdim=True) + self._first
        weights.scatter_(0, worst, 1.0)
        weights[-1] = self._pairing_weight
        return weights

    def weigh_gradients(self, products: Tensor) -> Tensor:
        norms = products.diagonal(dim1=1, dim2=2).clamp(min=0).sqrt().prod(dim=1)
        tiny = torch.finfo(norms.dtype).tiny
        cosines = (products[:, 0, 1] / norms.clamp(min=tiny)).clamp(min=0)
        natural = self._beta * cosines
        return torch.stack([natural, torch.full_like(natural, 1 - self._beta)], dim=1)
