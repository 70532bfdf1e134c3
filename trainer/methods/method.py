"""What a training method is: the losses that it combines, by name, and how it weighs them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field, Strict

from trainer.input.settings import Settings, Share
from trainer.methods.weighting import Weighting

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


class Mixed(Method):
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
