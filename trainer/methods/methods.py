"""Training methods: from a mini-batch to the loss that the optimiser descends.

A method names the losses that it combines (its branches: `natural`, and attacks by their
label) and weighs them. The weights, and what must be remembered for them, live in a
`Weighting`, of which each run has one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Annotated, ClassVar, Self

from pydantic import AfterValidator, Field, Strict, model_validator

from trainer.input.settings import Count, NonNegative, Settings, Share
from trainer.methods.weighting import ParetoWeighting, Weighting, WorstWeighting

NATURAL = "natural"
"""The branch of clean images."""


def _of_attack(name: str) -> str:
    if name == NATURAL:
        raise ValueError(f"must name an attack, got {name!r}: that is the clean images' branch")
    return name


def _each_once(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(names)) < len(names):
        raise ValueError(f"must name each attack once, got {list(names)}")
    return names


AttackName = Annotated[str, AfterValidator(_of_attack)]
AttackNames = Annotated[
    tuple[AttackName, ...], Strict(False), Field(min_length=1), AfterValidator(_each_once)
]


class Method(Settings, ABC):
    """A way to train. Your own gives `branches` and `weighting`."""

    version: ClassVar[int] = 1
    """Version of the method's meaning: raise it when equal settings come to give other models."""

    @abstractmethod
    def branches(self) -> tuple[str, ...]:
        """Name the losses that the method combines, `natural` first where it is among them."""

    @abstractmethod
    def weighting(self) -> Weighting:
        """Begin the state of one run."""

    def attacks(self) -> tuple[str, ...]:
        """Labels of the attacks that the method trains with."""
        return tuple(branch for branch in self.branches() if branch != NATURAL)


class Standard(Method):
    """Training on natural images alone: the reference that scores are taken against."""

    def branches(self) -> tuple[str, ...]:
        return (NATURAL,)

    def weighting(self) -> Weighting:
        return Weighting([1.0])


class _Mixed(Method):
    """A mix of adversarial losses, with the natural one beside them where it has weight."""

    natural_weight: Share = Field(0.0, description="share of the natural loss in the whole")

    def branches(self) -> tuple[str, ...]:
        """Name the losses; without weight the natural loss is left out and costs no pass."""
        return ((NATURAL,) if self.natural_weight else ()) + self.adversaries()

    @abstractmethod
    def adversaries(self) -> tuple[str, ...]:
        """Labels of the attacks that the method trains with."""

    def weighting(self) -> Weighting:
        """Weigh the natural loss as asked; share the rest evenly among the adversarial losses."""
        natural = [self.natural_weight] if self.natural_weight else []
        K = len(self.adversaries())
        return Weighting(natural + [(1 - self.natural_weight) / K] * K)


class Adversarial(_Mixed):
    """Adversarial training on one attack (Madry et al., 2018)."""

    attack: AttackName = Field(description="label of the attack in training.attacks")

    def adversaries(self) -> tuple[str, ...]:
        return (self.attack,)


class Average(_Mixed):
    """Training on the mean of the attacks' losses (Tramer and Boneh, 2019: "Avg")."""

    attack_names: AttackNames = Field(("pgd", "flow", "rt"), description="labels of attacks")

    def adversaries(self) -> tuple[str, ...]:
        return self.attack_names


class Maximum(_Mixed):
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


class Pareto(Method):
    """Pareto adversarial training (Sun, Li, Lin): alpha from moments of the losses (Eq. 11, 12).

    Moments are over the mini-batches of a sliding window that ends at the step before, so that
    no loss is waited for between forward and backward pass; alpha is uniform until the window
    has ten. `r` asks for a robust loss of so much; since losses fall while training, and an r
    above the largest robust mean is clipped to it, `rho` asks for a share of that mean instead.
    """

    version: ClassVar[int] = 2  # 1 solved for alpha less exactly where losses differ by decades

    r: NonNegative | None = Field(None, description="required robustness, in units of the loss")
    rho: Share | None = Field(
        None, description="required robustness as a share of the largest robust mean loss"
    )
    window: Count = Field(50, description="mini-batches over which moments are taken")
    idle_every: Count = Field(
        1,
        description="steps between two looks at an attack whose alpha was 0 through a whole window",
    )
    """Steps between two runs of an attack without weight; 1 runs every attack at every step.
    Otherwise such an attack is left out between two looks: its loss, in the window and where losses
    are logged, is the last one seen, and its images are not among those that BatchNorm sees."""
    attack_names: AttackNames = Field(("pgd", "flow", "rt"), description="labels of attacks")

    @model_validator(mode="after")
    def _one_of_r_and_rho(self) -> Self:
        if (self.r is None) == (self.rho is None):
            raise ValueError(
                f"must have exactly one of r (absolute) and rho (relative), "
                f"got r={self.r}, rho={self.rho}"
            )
        return self

    def branches(self) -> tuple[str, ...]:
        return (NATURAL, *self.attack_names)

    def weighting(self) -> Weighting:
        return ParetoWeighting(
            len(self.branches()),
            r=self.r,
            rho=self.rho,
            window=self.window,
            idle_every=self.idle_every,
        )


METHODS: dict[str, type[Method]] = {
    "standard": Standard,
    "adversarial": Adversarial,
    "average": Average,
    "maximum": Maximum,
    "pareto": Pareto,
}
"""Methods by name in a YAML file; a user's own is named `package.module:Class`."""
