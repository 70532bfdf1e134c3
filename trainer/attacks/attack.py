"""What an attack is: settings that are checked when built, and two verbs.

`perturb` makes the adversarial images that training learns from; `correct` gives the bits
that evaluation keeps. An attack of your own needs `perturb` alone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar, Self

import torch
from pydantic import Field
from torch import Tensor, nn

from trainer.settings import Count, Settings


class Attack(Settings, ABC):
    """A search for a perturbation, within a set, that makes a model err."""

    version: ClassVar[int] = 1
    """Of the attack's meaning: raise it when a change makes other bits, so that none is reused."""

    num_steps: Count = Field(description="gradient steps from each start")
    num_restarts: Count = Field(1, description="runs from starts of their own; 1 is a single run")
    random_start: bool = Field(True, description="start within the set at random, not at zero")

    @abstractmethod
    def perturb(self, model: nn.Module, images: Tensor, labels: Tensor, keys: Tensor) -> Tensor:
        """Adversarial images, B C H W in [0, 1], detached.

        Args:
            model: gives logits B K; used in evaluation mode and left as it was found.
            images: B C H W in [0, 1]; not written to.
            labels: B, int64.
            keys: B, int64: the source of each example's random numbers (`randomness.uniform`).
        """

    def scaled(self, factor: float) -> Self:
        """This attack with `factor` times each radius and step: the epsilon warm-up of training.

        They are the fields whose names end in `epsilon` or `step_size`, where they are set.
        """
        lengths = {
            name: getattr(self, name)
            for name in type(self).model_fields
            if name.endswith(("epsilon", "step_size"))
        }
        return self.model_copy(
            update={name: value * factor for name, value in lengths.items() if value is not None}
        )

    def reach(self, image_shape: tuple[int, int, int]) -> str:
        """The radius on images C H W for people to read, in all the units that they think in."""
        del image_shape
        return ""

    def correct(
        self,
        model: nn.Module,
        images: Tensor,
        labels: Tensor,
        keys: Tensor,
        ladder: tuple[int, ...],
    ) -> Tensor:
        """Whether the model withstands the attack at each number of steps of `ladder`.

        Returns:
            len(ladder) B, bool. An example that a rung breaks counts as broken on every
            higher one: more steps search a larger set of iterates.
        """
        withstands = torch.ones(len(ladder), len(labels), dtype=torch.bool, device=labels.device)
        alive = withstands[0]
        for rung, num_steps in enumerate(ladder):
            attack = self.model_copy(update={"num_steps": num_steps})
            adversarial = attack.perturb(model, images, labels, keys)
            with frozen(model), torch.no_grad():
                alive = alive & (model(adversarial).argmax(1) == labels)
            withstands[rung] = alive
        return withstands


@contextmanager
def frozen(model: nn.Module) -> Iterator[None]:
    """The model in evaluation mode with its parameters out of the graph; restored on leaving.

    Attacks differentiate by the input alone: with frozen parameters no gradient of a weight
    is computed, which is a third of a backward pass.
    """
    training = [module for module in model.modules() if module.training]
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    model.eval()
    for parameter in trainable:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for module in training:
            module.training = True
        for parameter in trainable:
            parameter.requires_grad_(True)
