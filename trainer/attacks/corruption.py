"""Common corruptions: what a camera, a lens or the weather does to an image, looking at no model.

They are no attacks, and stand beside them in a suite, marked `unseen`: whether robustness to what
was searched for carries over to what nobody searched for. Kinds and sizes are those of CIFAR-10-C
(Hendrycks and Dietterich, 2019, Benchmarking Neural Network Robustness to Common Corruptions),
made from the images at hand by torchvision's filters, with noise that derives from each example's
key. Sizes are in pixels and in [0, 1], whatever the image's size: on smaller images than 32 x 32
a blur takes more of them away.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from trainer.attacks.attack import Attack
from trainer.passes import Passes
from trainer.randomness import uniform

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn
else:
    from trainer import late_torch as torch

CorruptionKind = Literal["gaussian_noise", "impulse_noise", "gaussian_blur", "contrast", "pixelate"]
"""Corruptions by name."""

SIZES: dict[CorruptionKind, tuple[float, ...]] = {
    "gaussian_noise": (0.04, 0.06, 0.08, 0.09, 0.10),
    "impulse_noise": (0.01, 0.02, 0.03, 0.05, 0.07),
    "gaussian_blur": (0.4, 0.6, 0.7, 0.8, 1.0),
    "contrast": (0.75, 0.5, 0.4, 0.3, 0.15),
    "pixelate": (0.95, 0.9, 0.85, 0.75, 0.65),
}
"""What each severity, 1 to 5, is: a noise's standard deviation, in [0, 1]; a share of entries that
become 0 or 1; a blur's standard deviation in pixels; what is left of contrast; and of the width."""


class Corruption(Attack):
    """One corruption, at a severity of 1 to 5. Its ladder in a suite is of severities."""

    rung: ClassVar[str | None] = "severity"

    kind: CorruptionKind = Field(description="what is done to the image")
    severity: Annotated[int, Field(ge=1, le=5)] = Field(description="how much of it, 1 to 5")

    def search(self, model: nn.Module, images: Tensor, labels: Tensor, keys: Tensor) -> Tensor:
        """Return the images (B C H W) corrupted, the same for every model."""
        del model, labels
        size = SIZES[self.kind][self.severity - 1]
        return _CORRUPTIONS[self.kind](images, keys, size).clamp(0, 1)

    def search_passes(self) -> Passes:
        """Count none."""
        return Passes()

    def reach(self, image_shape: tuple[int, int, int]) -> str:
        """Say what is done."""
        del image_shape
        return self.kind.replace("_", " ")


def _gaussian_noise(images: Tensor, keys: Tensor, size: float) -> Tensor:
    """Return `images + size * n`, n normal by Box and Muller's transform."""
    shape = tuple(images.shape[1:])
    radius = (-2 * (1 - uniform(keys, stream=0, shape=shape)).log()).sqrt()
    angle = 2 * torch.pi * uniform(keys, stream=1, shape=shape)
    return images + size * radius * angle.cos()


def _impulse_noise(images: Tensor, keys: Tensor, size: float) -> Tensor:
    """Set a share of the entries to 0 or 1, by equal chances."""
    drawn = uniform(keys, stream=0, shape=tuple(images.shape[1:]))
    return torch.where(drawn < size, (drawn < size / 2).to(images.dtype), images)


def _gaussian_blur(images: Tensor, keys: Tensor, size: float) -> Tensor:
    del keys
    height, width = images.shape[-2:]
    # Four standard deviations to either side, as far as a reflection at the border goes.
    side = 2 * min(round(4 * size), height - 1, width - 1) + 1
    blurred: Tensor = _filters().gaussian_blur(images, [side, side], [size, size])
    return blurred


def _contrast(images: Tensor, keys: Tensor, size: float) -> Tensor:
    """Draw every entry towards its channel's mean, of which `size` of the difference is left."""
    del keys
    means = images.mean((2, 3), keepdim=True)
    return means + size * (images - means)


def _pixelate(images: Tensor, keys: Tensor, size: float) -> Tensor:
    """Shrink by averaging to `size` of each side, and enlarge by repeating."""
    del keys
    filters, (height, width) = _filters(), images.shape[-2:]
    small = [max(1, int(height * size)), max(1, int(width * size))]
    box = filters.resize(images, small, antialias=True)
    nearest = filters.InterpolationMode.NEAREST
    enlarged: Tensor = filters.resize(box, [height, width], interpolation=nearest)
    return enlarged


def _filters() -> Any:
    from trainer.device.torchvision_operators import torchvision  # noqa: PLC0415  (slow to import)

    return torchvision.transforms.functional


_CORRUPTIONS: dict[CorruptionKind, Callable[[Tensor, Tensor, float], Tensor]] = {
    "gaussian_noise": _gaussian_noise,
    "impulse_noise": _impulse_noise,
    "gaussian_blur": _gaussian_blur,
    "contrast": _contrast,
    "pixelate": _pixelate,
}
