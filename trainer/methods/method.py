"""What a training method is: the losses that it combines, by name, and how it weighs them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import AfterValidator, Field, Strict

from trainer.attacks import Attack
from trainer.input.settings import Settings, Share
from trainer.methods.weighting import Weighting
from trainer.passes import Passes

if TYPE_CHECKING:
    from torch import Tensor, nn

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
    """A way to train. Your own gives `branches` and `weighting`.

    A branch is a kind of images that a step trains on: clean ones, and each attack's. The rest says
    what is usual and may be changed: a branch's images are its attack's (`search`), its loss the
    cross entropy of its logits (`losses`).
    """

    version: ClassVar[int] = 1
    """Version of the method's meaning: raise it when equal settings come to give other models."""

    @abstractmethod
    def branches(self) -> tuple[str, ...]:
        """Name the kinds of images that are trained on, `natural` first where it is among them."""

    @abstractmethod
    def weighting(self) -> Weighting:
        """Begin the state of one run."""

    def attacks(self) -> tuple[str, ...]:
        """Labels of the attacks that the method trains with."""
        return tuple(branch for branch in self.branches() if branch != NATURAL)

    def unfit(self, attacks: Mapping[str, Attack]) -> str:
        """Say why the method cannot train with the attacks that are described, by label; empty
        where it can."""
        missing = sorted(set(self.attacks()) - set(attacks))
        if not missing:
            return ""
        return (
            f"must train with attacks that training.attacks describes, got {', '.join(missing)}; "
            f"described: {', '.join(attacks) or 'none'}"
        )

    def targets(self, model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
        """Return what the attacks are given for labels: these, B, or probabilities of the classes,
        B C, where they are to climb the divergence from them.

        Args:
            model: in training mode.
            images: B C H W in [0, 1], clean.
            labels: B, int64.
        """
        del model, images
        return labels

    def search(  # noqa: PLR0917  (as an attack's, with what is searched for in front)
        self,
        branch: str,
        attacks: Mapping[str, Attack],
        model: nn.Module,
        images: Tensor,
        labels: Tensor,
        keys: Tensor,
    ) -> Tensor:
        """Return the images of a branch other than the natural one, B C H W in [0, 1], detached.

        Args:
            attacks: the method's, by label, as strong as they are at this step.
            model: in training mode; an attack holds it in evaluation mode while it searches.
            images: B C H W in [0, 1], clean.
            labels: what `targets` returned.
            keys: B, int64, of this branch: the source of each example's random numbers.
        """
        return attacks[branch].search(model, images, labels, keys)

    def loss_names(self) -> tuple[str, ...]:
        """Name the losses that are weighed, in the order of their weights: each branch's by the
        branch, then those that are of no branch alone."""
        return self.branches()

    def losses(
        self, cross_entropies: Mapping[str, Tensor], logits: Mapping[str, Tensor], labels: Tensor
    ) -> Mapping[str, Tensor]:
        """Return the losses (B, with gradient) by their names.

        Args:
            cross_entropies: B, of each branch that the step computes.
            logits: B C, of the same branches.
            labels: B, int64.
        """
        del logits, labels
        return cross_entropies

    def most_branches(self) -> int:
        """Number of branches that a step computes at most."""
        return len(self.branches())

    def search_passes(self, attacks: Mapping[str, Attack]) -> Passes | None:
        """Passes that a step's searches take for one example at most, for forecasts; None where
        only a run shows them.

        Args:
            attacks: the method's, by label, each of which says what its own search takes.
        """
        total = Passes()
        for attack in attacks.values():
            search = attack.search_passes()
            if search is None:
                return None
            total += search
        return total


class Mixed(Method):
    """A mix of adversarial losses, with the natural one beside them where it has weight."""

    natural_weight: Share = Field(0.0, description="share of the natural loss in the whole")

    def branches(self) -> tuple[str, ...]:
        """Name the losses; without weight the natural loss is left out and costs no pass."""
        return ((NATURAL,) if self.natural_weight else ()) + self.adversaries()

    @abstractmethod
    def adversaries(self) -> tuple[str, ...]:
        """Labels of the attacks that the method trains with."""

    def shares(self) -> list[float]:
        """Return the natural loss's share, if it has any, and the rest in even shares."""
        natural = [self.natural_weight] if self.natural_weight else []
        K = len(self.adversaries())
        return natural + [(1 - self.natural_weight) / K] * K

    def weighting(self) -> Weighting:
        """Weigh the natural loss as asked; share the rest evenly among the adversarial losses."""
        return Weighting(self.shares())
