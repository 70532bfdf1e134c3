"""What an attack is: settings that are checked when built, and two methods.

`perturb` gives adversarial images, `correct` the bits that evaluation keeps; both look at their
input first. An attack of your own needs `search` alone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar, Self

from trainer.answers import correct
from trainer.attacks.batch import check_batch
from trainer.attacks.perturbed import Perturbed
from trainer.attacks.threat import Threat
from trainer.input.settings import Settings
from trainer.passes import Passes

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn
else:
    from trainer import late_torch as torch


class Attack(Settings, ABC):
    """A search for a perturbation, within a set, that makes a model err."""

    version: ClassVar[int] = 1
    """Version of the attack's meaning: raise it with a change of bits, so that none is reused."""

    rung: ClassVar[str | None] = None
    """The field that an evaluation's ladder sets, such as `num_steps`; None where the attack has
    one strength, and no ladder."""

    def perturb(self, model: nn.Module, images: Tensor, labels: Tensor, keys: Tensor) -> Tensor:
        """Return adversarial images, B C H W in [0, 1], detached.

        Args:
            model: gives logits B K; used in evaluation mode and left as it was found.
            images: B C H W in [0, 1]; not written to.
            labels: B, int64.
            keys: B, int64: the source of each example's random numbers (`randomness.uniform`).

        Raises:
            ValueError: input that breaks one of these rules; the model has not been attacked.
        """
        check_batch(images, labels, keys, num_classes=lambda: _num_classes(model, images))
        return self.search(model, images, labels, keys)

    def perturbation(
        self, model: nn.Module, images: Tensor, labels: Tensor, keys: Tensor
    ) -> Perturbed:
        """Return what `perturb` does with the same arguments, and the affine map and the flow that
        moved the pixels, where some did.

        Raises:
            ValueError: as `perturb`.
        """
        check_batch(images, labels, keys, num_classes=lambda: _num_classes(model, images))
        if _derives(type(self), "search", "find"):  # a search of one's own, of which `find` is not
            return Perturbed(images=self.search(model, images, labels, keys))
        return self.find(model, images, labels, keys)

    def correct(
        self,
        model: nn.Module,
        images: Tensor,
        labels: Tensor,
        keys: Tensor,
        ladder: tuple[int, ...],
    ) -> Tensor:
        """Whether the model withstands the attack at each rung of `ladder`.

        Returns:
            L B, bool; L is 1 where the ladder is empty, as it is for an attack without `rung`.
            An example that a rung breaks counts as broken on every higher one. So does one whose
            logits became NaN or infinite: see `trainer.answers`.

        Raises:
            ValueError: as `perturb`.
        """
        check_batch(images, labels, keys, num_classes=lambda: _num_classes(model, images))
        return self.withstood(model, images, labels, keys, ladder)

    @abstractmethod
    def search(self, model: nn.Module, images: Tensor, labels: Tensor, keys: Tensor) -> Tensor:
        """Do the work of `perturb`, on input that keeps its rules."""

    def find(self, model: nn.Module, images: Tensor, labels: Tensor, keys: Tensor) -> Perturbed:
        """Do the work of `perturbation`, on input that keeps its rules: by default the search's
        images, with no word on what moved them."""
        return Perturbed(images=self.search(model, images, labels, keys))

    def withstood(
        self,
        model: nn.Module,
        images: Tensor,
        labels: Tensor,
        keys: Tensor,
        ladder: tuple[int, ...],
    ) -> Tensor:
        """Do the work of `correct`, on input that keeps its rules: one search for each rung, on
        what the ones before have left."""
        strengths = [{str(self.rung): value} for value in ladder] or [{}]
        withstands = torch.zeros(
            len(strengths), len(labels), dtype=torch.bool, device=labels.device
        )
        alive = torch.arange(len(labels), device=labels.device)
        for row, strength in enumerate(strengths):
            if not len(alive):
                break
            attack = self.model_copy(update=strength)
            adversarial = attack.search(model, images[alive], labels[alive], keys[alive])
            with frozen(model), torch.no_grad():
                alive = alive[correct(model(adversarial), labels[alive])]
            withstands[row, alive] = True
        return withstands

    def slopes(
        self, model: nn.Module, images: Tensor, labels: Tensor, keys: Tensor
    ) -> Tensor | None:
        """Return the largest entry, in size, of the gradient that the search sets out on, for each
        of B examples; None for a search that follows none. At 0 the search goes nowhere."""
        del model, images, labels, keys
        return None

    def search_passes(self) -> Passes | None:
        """Passes that `search` takes for one image, for forecasts; None where only a run shows
        them."""
        return None

    def withstood_passes(self, ladder: tuple[int, ...]) -> Passes | None:
        """Passes that `withstood` takes for an image that withstands every rung; None if
        unknown."""
        total = Passes()
        for strength in [{str(self.rung): value} for value in ladder] or [{}]:
            search = self.model_copy(update=strength).search_passes()
            if search is None:
                return None
            total += search + Passes(forward=1)
        return total

    def scaled(self, factor: float) -> Self:
        """Return this attack with `factor` times each radius and step: training's epsilon warm-up.

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

    def threat(self) -> Threat:
        """Return which images the attack may reach: by default a threat of this class alone, whose
        size are the fields that end in `epsilon` and `padding`, where they are set."""
        return Threat(name=type(self).__name__, size=self.size_of_set())

    def size_of_set(self) -> str:
        """Write the fields that bound the set, as far as they are set: `epsilon 0.1`."""
        bounds = {
            name: getattr(self, name)
            for name in sorted(type(self).model_fields, key="padding".__eq__)
            if name.endswith("epsilon") or name in {"degrees", "pixels", "padding"}
        }
        return ", ".join(
            f"{name} {value:.6g}" if isinstance(value, float | int) else f"{name} {value}"
            for name, value in bounds.items()
            if value is not None
        )

    def radius_warning(self, image_shape: tuple[int, int, int] | None) -> str:
        """Warn of radii that are unusual, though they may be meant; empty where they are not.

        Args:
            image_shape: C H W; None where it is not known, and only what hangs on it stays unsaid.
        """
        del image_shape
        return ""

    def reach(self, image_shape: tuple[int, int, int]) -> str:
        """Say the radius on images C H W for people, in all the units that they think in."""
        del image_shape
        return ""


def _derives(kind: type[Attack], name: str, other: str) -> bool:
    """Whether a class takes the method `name` from a class that derives from the one that it takes
    `other` from."""
    owner, base = (next(k for k in kind.__mro__ if method in vars(k)) for method in (name, other))
    return owner is not base and issubclass(owner, base)


def _num_classes(model: nn.Module, images: Tensor) -> int:
    """Number of the model's classes, K, found from its logits of one image."""
    with frozen(model), torch.no_grad():
        return int(model(images[:1]).shape[1])


def gradients_of(total: Tensor, parameters: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Compute gradients of a sum of losses; zeros where it does not depend on `parameters`, as
    behind logits that are detached or rounded: an evaluation warns of them
    (`trainer.evaluation.self_check`)."""
    if not total.requires_grad:
        return tuple(torch.zeros_like(w) for w in parameters)
    return torch.autograd.grad(total, parameters, materialize_grads=True)


@contextmanager
def frozen(model: nn.Module) -> Iterator[None]:
    """Hold the model in evaluation mode, its parameters out of the graph, during the block.

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
