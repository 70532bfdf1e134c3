"""Weather: fog, snow and the light of day.

Images are B C H W in [0, 1]; what is returned may leave that range.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from trainer.attacks.blur import blurred_along, zoomed
from trainer.randomness import normal, uniform

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    from trainer import late_torch as torch

LUMA = (0.299, 0.587, 0.114)
"""Shares of red, green and blue in the brightness that is seen (ITU-R BT.601)."""


def fog(images: Tensor, keys: Tensor, size: tuple[float, float]) -> Tensor:
    """Add clouds of some thickness, and darken so that the brightest entry stays as it was.

    Args:
        size: thickness of the fog, and how much smoother it is from one scale to the next.
    """
    (thickness, decay), (height, width) = size, images.shape[-2:]
    clouds = plasma(keys, max(height, width), decay=decay)[:, None, :height, :width]
    brightest = images.flatten(1).amax(1)[:, None, None, None]
    return (images + thickness * clouds) * brightest / (brightest + thickness)


def plasma(keys: Tensor, side: int, *, decay: float) -> Tensor:
    """Draw clouds in [0, 1], B S S, S the least power of two that is at least `side` and 2.

    By midpoint displacement (Fournier, Fussell and Carpenter, 1982) on a torus: the middles of
    squares, then those of their edges, are the mean of what surrounds them plus a uniform number in
    +-w^2, where w is divided by `decay` from each scale to the next smaller one.
    """
    S = max(2, 2 ** math.ceil(math.log2(side)))
    clouds = torch.zeros(len(keys), S, S, device=keys.device)
    step, wobble, stream = S, 100.0, 0

    def displaced(sums: Tensor) -> Tensor:
        nonlocal stream
        drawn = 2 * uniform(keys, stream=stream, shape=tuple(sums.shape[1:])) - 1
        stream += 1
        return sums / 4 + wobble**2 * drawn

    while step >= 2:
        half = step // 2
        corners = clouds[:, ::step, ::step]
        by_row = corners + corners.roll(-1, 1)
        middles = displaced(by_row + by_row.roll(-1, 2))
        clouds[:, half::step, half::step] = middles
        across, down = corners + corners.roll(-1, 2), corners + corners.roll(-1, 1)
        clouds[:, ::step, half::step] = displaced(across + middles + middles.roll(1, 1))
        clouds[:, half::step, ::step] = displaced(down + middles + middles.roll(1, 2))
        step, wobble = half, wobble / decay
    clouds = clouds - clouds.amin((1, 2), keepdim=True)
    return clouds / clouds.amax((1, 2), keepdim=True)


def snow(
    images: Tensor, keys: Tensor, size: tuple[float, float, float, float, float, float, float]
) -> Tensor:
    """Whiten the image, and add flakes that fall in one direction, and in the opposite one.

    Args:
        size: flakes' mean and standard deviation, before those below a threshold melt; their
            enlargement; the threshold; radius and standard deviation of their fall
            (`blur.blurred_along`); and what is left of the image.
    """
    mean, deviation, enlargement, threshold, radius, fall, left = size
    height, width = images.shape[-2:]
    drawn = mean + deviation * normal(keys, stream=0, shape=(1, height, width))
    flakes = zoomed(drawn, enlargement)
    flakes = torch.where(flakes < threshold, 0, flakes).clamp(0, 1)
    angles = (uniform(keys, stream=2, shape=()) - 1.5) * (math.pi / 2)  # -135 to -45 degrees
    flakes = blurred_along(flakes, angles, (radius, fall))
    whitened = torch.maximum(images, _grey(images) * 1.5 + 0.5)
    return left * images + (1 - left) * whitened + flakes + flakes.flip((2, 3))


def brightness(images: Tensor, keys: Tensor, size: float) -> Tensor:
    """Add `size` to each pixel's largest entry, up to 1, and scale the others with it: value in the
    HSV model, with hue and saturation as they were."""
    del keys
    largest = images.amax(1, keepdim=True)
    brighter = (largest + size).clamp(max=1)
    return torch.where(largest > 0, images * brighter / largest.clamp(min=1e-12), brighter)


def _grey(images: Tensor) -> Tensor:
    if images.shape[1] != len(LUMA):
        return images.mean(1, keepdim=True)
    shares = torch.tensor(LUMA, dtype=images.dtype, device=images.device)
    return (images * shares[:, None, None]).sum(1, keepdim=True)
