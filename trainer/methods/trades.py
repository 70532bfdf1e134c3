"""TRADES: natural cross entropy, and the divergence of attacked predictions from natural ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pydantic import Field

from trainer.attacks import Attack, frozen
from trainer.attacks.ascent import AscentAttack
from trainer.attacks.rigid import RigidSearch
from trainer.input.settings import Positive
from trainer.methods.method import NATURAL, AttackNames, Method
from trainer.methods.weighting import Weighting
from trainer.passes import Passes

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn
else:
    from trainer import late_torch as torch


class Trades(Method):
    """Training on `CE(f(x), y) + beta max_x' KL(f(x) || f(x'))` (Zhang et al., 2019, Eq. 5; their
    1 / lambda is beta).

    The attacks climb the same divergence: cross entropy against the clean images' probabilities,
    which differs from it by a constant. Of several attacks the mean of their divergences is taken,
    each over its own set, which is ours; with one it is the paper's. Their search starts from a
    small Gaussian, since at the clean image the divergence has no slope; here it is the attack's
    random start, which must not be switched off.
    """

    beta: Positive = Field(6.0, description="weight of the divergence; the natural loss has 1")
    attack_names: AttackNames = Field(("pgd", "flow", "rt"), description="labels of attacks")

    def branches(self) -> tuple[str, ...]:
        return (NATURAL, *self.attack_names)

    def unfit(self, attacks: Mapping[str, Attack]) -> str:
        """Say of an attack that it does not climb cross entropy, or has no slope to set out on."""
        for name in self.attack_names:
            attack = attacks.get(name)
            if attack is None:
                continue
            if not isinstance(attack, AscentAttack | RigidSearch) or attack.loss != "cross_entropy":
                return (
                    f"must train with attacks that climb cross entropy, which trades turns into "
                    f"the divergence from clean predictions, got {name}"
                )
            if isinstance(attack, AscentAttack) and not attack.random_start:
                return (
                    f"must train with attacks from a random start, got {name} with random_start: "
                    f"false; at the clean image the divergence has no slope to climb"
                )
        return super().unfit(attacks)

    def targets(self, model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
        """Return the probabilities of the clean images, B C: what the attacks move away from."""
        del labels
        with frozen(model), torch.no_grad():
            probabilities: Tensor = model(images).float().softmax(dim=1)
        return probabilities

    def search_passes(self, attacks: Mapping[str, Attack]) -> Passes | None:
        """Count a pass of the clean images beside the attacks' searches."""
        searches = super().search_passes(attacks)
        return None if searches is None else searches + Passes(forward=1)

    def losses(
        self, cross_entropies: Mapping[str, Tensor], logits: Mapping[str, Tensor], labels: Tensor
    ) -> dict[str, Tensor]:
        del labels
        clean = logits[NATURAL]
        divergences = {name: divergence(clean, logits[name]) for name in self.attack_names}
        return {NATURAL: cross_entropies[NATURAL], **divergences}

    def weighting(self) -> Weighting:
        K = len(self.attack_names)
        return Weighting([1.0, *[self.beta / K] * K])


def divergence(logits: Tensor, others: Tensor) -> Tensor:
    """Compute KL(p || q), B, of the predictions p by `logits` and q by `others`, B C each; both
    take gradients."""
    p, q = logits.float().log_softmax(dim=1), others.float().log_softmax(dim=1)
    return (p.exp() * (p - q)).sum(dim=1)
