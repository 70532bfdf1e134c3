"""Common corruptions: what a camera, a lens or the weather does to an image, looking at no model.

They are no attacks, and stand beside them in a suite, marked `unseen`: whether robustness to what
was searched for carries over to what nobody searched for. Kinds and sizes are those of CIFAR-10-C
(Hendrycks and Dietterich, 2019, Benchmarking Neural Network Robustness to Common Corruptions), made
from the images at hand, with numbers that derive from each example's key. Sizes are in pixels and
in [0, 1], whatever the image's size: on smaller images than 32 x 32 a blur takes more of them away.

Of its fifteen kinds frost is missing, which takes photographs of frost; of its four more, spatter
and saturate. What differs otherwise: `motion_blur` and `snow` blur along a line by bilinear samples
(ImageMagick rounds to whole pixels), `elastic` samples once, `pixelate` enlarges by repeating, and
between an image and its corruption nothing is rounded to 8 bits but by JPEG.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from trainer.attacks import blur, digital, noise, weather
from trainer.attacks.attack import Attack
from trainer.attacks.threat import Threat
from trainer.input.settings import Whole
from trainer.passes import Passes

if TYPE_CHECKING:
    from torch import Tensor, nn

CorruptionKind = Literal[
    "gaussian_noise",
    "shot_noise",
    "impulse_noise",
    "speckle_noise",
    "gaussian_blur",
    "defocus_blur",
    "glass_blur",
    "motion_blur",
    "zoom_blur",
    "snow",
    "fog",
    "brightness",
    "contrast",
    "elastic",
    "pixelate",
    "jpeg",
]
"""Corruptions by name."""

Size = float | tuple[float, ...]
"""What a severity is: one number, or several."""

SIZES: dict[CorruptionKind, tuple[Size, ...]] = {
    # --- noise: a standard deviation in [0, 1]; photons of white; a share of the entries; a
    # standard deviation as a share of the entry
    "gaussian_noise": (0.04, 0.06, 0.08, 0.09, 0.10),
    "shot_noise": (500, 250, 100, 75, 50),
    "impulse_noise": (0.01, 0.02, 0.03, 0.05, 0.07),
    "speckle_noise": (0.06, 0.1, 0.12, 0.16, 0.2),
    # --- blur, in pixels: a standard deviation; radius and softness; deviation, distance and number
    # of passes; radius and deviation; largest enlargement less 1
    "gaussian_blur": (0.4, 0.6, 0.7, 0.8, 1.0),
    "defocus_blur": ((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1, 0.2), (1.5, 0.1)),
    "glass_blur": ((0.05, 1, 1), (0.25, 1, 1), (0.4, 1, 1), (0.25, 1, 2), (0.4, 1, 2)),
    "motion_blur": ((6, 1), (6, 1.5), (6, 2), (8, 2), (9, 2.5)),
    "zoom_blur": (0.05, 0.10, 0.15, 0.20, 0.25),
    # --- weather: see `weather.snow`; thickness and decay; what is added
    "snow": (
        (0.1, 0.2, 1, 0.6, 8, 3, 0.95),
        (0.1, 0.2, 1, 0.5, 10, 4, 0.9),
        (0.15, 0.3, 1.75, 0.55, 10, 4, 0.9),
        (0.25, 0.3, 2.25, 0.6, 12, 6, 0.85),
        (0.3, 0.3, 1.25, 0.65, 14, 12, 0.8),
    ),
    "fog": ((0.2, 3), (0.5, 3), (0.75, 2.5), (1, 2), (1.5, 1.75)),
    "brightness": (0.05, 0.1, 0.15, 0.2, 0.3),
    # --- digital: what is left of contrast; strength, smoothness and affine shift as shares of the
    # side; what is left of the width; quality
    "contrast": (0.75, 0.5, 0.4, 0.3, 0.15),
    "elastic": (
        (0, 0, 0.08),
        (0.05, 0.2, 0.07),
        (0.08, 0.06, 0.06),
        (0.1, 0.04, 0.05),
        (0.1, 0.03, 0.03),
    ),
    "pixelate": (0.95, 0.9, 0.85, 0.75, 0.65),
    "jpeg": (80, 65, 58, 50, 40),
}
"""What each severity, 1 to 5, is: of CIFAR-10-C, where a higher one makes networks err more."""


class Corruption(Attack):
    """One corruption, at a severity of 1 to 5. Its ladder in a suite is of severities."""

    rung: ClassVar[str | None] = "severity"

    kind: CorruptionKind = Field(description="what is done to the image")
    severity: Annotated[Whole, Field(ge=1, le=5)] = Field(description="how much of it, 1 to 5")

    def search(self, model: nn.Module, images: Tensor, labels: Tensor, keys: Tensor) -> Tensor:
        """Return the images (B C H W) corrupted, the same for every model."""
        del model, labels
        size = SIZES[self.kind][self.severity - 1]
        return _CORRUPTIONS[self.kind](images, keys, size).clamp(0, 1)

    def search_passes(self) -> Passes:
        """Count none."""
        return Passes()

    def threat(self) -> Threat:
        """Name the kind, of any severity."""
        return Threat(name=self.kind, size="")

    def reach(self, image_shape: tuple[int, int, int]) -> str:
        """Say what is done."""
        del image_shape
        return self.kind.replace("_", " ")


_CORRUPTIONS: dict[CorruptionKind, Callable[[Tensor, Tensor, Any], Tensor]] = {
    "gaussian_noise": noise.gaussian_noise,
    "shot_noise": noise.shot_noise,
    "impulse_noise": noise.impulse_noise,
    "speckle_noise": noise.speckle_noise,
    "gaussian_blur": blur.gaussian_blur,
    "defocus_blur": blur.defocus_blur,
    "glass_blur": blur.glass_blur,
    "motion_blur": blur.motion_blur,
    "zoom_blur": blur.zoom_blur,
    "snow": weather.snow,
    "fog": weather.fog,
    "brightness": weather.brightness,
    "contrast": digital.contrast,
    "elastic": digital.elastic,
    "pixelate": digital.pixelate,
    "jpeg": digital.jpeg,
}
