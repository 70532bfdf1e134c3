"""Methods whose weights never change: standard, adversarial and average training."""

from __future__ import annotations

from pydantic import Field

from trainer.methods.method import NATURAL, AttackName, AttackNames, Method, Mixed
from trainer.methods.weighting import Weighting


class Standard(Method):
    """Training on natural images alone: the reference that scores are taken against."""

    def branches(self) -> tuple[str, ...]:
        return (NATURAL,)

    def weighting(self) -> Weighting:
        return Weighting([1.0])


class Adversarial(Mixed):
    """Adversarial training on one attack (Madry et al., 2018)."""

    attack: AttackName = Field(description="label of the attack in training.attacks")

    def adversaries(self) -> tuple[str, ...]:
        return (self.attack,)


class Average(Mixed):
    """Training on the mean of the attacks' losses (Tramer and Boneh, 2019: "Avg")."""

    attack_names: AttackNames = Field(("pgd", "flow", "rt"), description="labels of attacks")

    def adversaries(self) -> tuple[str, ...]:
        return self.attack_names
