"""Blurs of a lens, of a hand, of a pane of glass: each pixel becomes a mean of others.

Images are B C H W in [0, 1]. Lengths are in pixels. Beyond the border lies the image, mirrored
(`gaussian_blur`, `defocus_blur`, `glass_blur`), or its edge, repeated.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from trainer.randomness import uniform
from trainer.warp import affine_warp, identity_points, sample

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    from trainer import late_torch as torch


def gaussian_blur(images: Tensor, keys: Tensor, size: float) -> Tensor:
    """Average by a Gaussian of standard deviation `size`."""
    del keys
    return smoothed(images, size, reach=4)


def defocus_blur(images: Tensor, keys: Tensor, size: tuple[float, float]) -> Tensor:
    """Average over a disk of a radius, whose rim is softened by a Gaussian."""
    del keys
    (radius, softness), (height, width) = size, images.shape[-2:]
    half = math.floor(radius) + 1  # the softened rim reaches a pixel farther
    places = torch.arange(-half, half + 1, device=images.device, dtype=images.dtype)
    disk = (places[:, None].square() + places.square() <= radius**2).to(images.dtype)
    rim = torch.nn.functional.pad((disk / disk.sum())[None, None], (1, 1, 1, 1))
    kernel = filters().gaussian_blur(rim, [3, 3], [softness, softness])[..., 1:-1, 1:-1]
    kernel = kernel / kernel.sum()
    pad = [min(half, width - 1)] * 2 + [min(half, height - 1)] * 2
    mirrored = torch.nn.functional.pad(images, pad, mode="reflect")
    rest = [half - pad[0]] * 2 + [half - pad[2]] * 2  # of the smallest images
    mirrored = torch.nn.functional.pad(mirrored, rest, mode="replicate")
    channels = images.shape[1]
    return torch.nn.functional.conv2d(
        mirrored, kernel.expand(channels, 1, -1, -1).contiguous(), groups=channels
    )


def motion_blur(images: Tensor, keys: Tensor, size: tuple[float, float]) -> Tensor:
    """Average along a line that leaves each pixel at up to 45 degrees from the horizontal."""
    angles = (uniform(keys, stream=0, shape=()) - 0.5) * (math.pi / 2)
    return blurred_along(images, angles, size)


def blurred_along(images: Tensor, angles: Tensor, size: tuple[float, float]) -> Tensor:
    """Average along one side of a line at `angles` (B, radians), by weights of half a Gaussian.

    Args:
        size: half of the line's length, less half a pixel; and the Gaussian's standard deviation.
    """
    (radius, deviation), (height, width) = size, images.shape[-2:]
    steps = range(2 * int(radius) + 1)
    weights = [math.exp(-(step**2) / (2 * deviation**2)) for step in steps]
    # A pixel is 2 / width normalised units.
    offsets = torch.stack([2 * angles.cos() / width, 2 * angles.sin() / height], dim=1)
    points = identity_points(images)
    total = torch.zeros_like(images)
    for step, weight in zip(steps, weights, strict=True):
        moved = points + step * offsets[:, None, None, :]
        total += weight / sum(weights) * sample(images, moved, padding="border")
    return total


def zoom_blur(images: Tensor, keys: Tensor, size: float) -> Tensor:
    """Average over enlargements about the centre, from 1 by hundredths up to 1 + `size`; the image
    itself counts twice."""
    del keys
    factors = [1 + hundredth / 100 for hundredth in range(round(100 * size) + 1)]
    enlargements = [zoomed(images, factor) for factor in factors]
    return torch.stack([images, *enlargements]).mean(0)


def zoomed(images: Tensor, factor: float) -> Tensor:
    """Enlarge about the centre, bilinearly, and cut to the size before."""
    increments = images.new_zeros(len(images), 2, 3)
    increments[:, 0, 0] = increments[:, 1, 1] = 1 / factor - 1
    return affine_warp(images, increments, padding="border")


def glass_blur(images: Tensor, keys: Tensor, size: tuple[float, float, float]) -> Tensor:
    """Blur; let each pixel read one near it, by `-distance` to `distance - 1` along each axis, some
    times over; and blur again. (As the published images are made: a swap was meant.)"""
    deviation, distance, times = size[0], int(size[1]), int(size[2])
    (channels, height, width), device = images.shape[1:], images.device
    ys = torch.arange(height, device=device)[:, None]
    xs = torch.arange(width, device=device)
    mixed = smoothed(images, deviation, reach=4)
    for time in range(times):
        drawn = uniform(keys, stream=time, shape=(2, height, width))
        dy, dx = ((drawn * 2 * distance).floor().to(torch.int64) - distance).unbind(1)
        places = (ys + dy).clamp(0, height - 1) * width + (xs + dx).clamp(0, width - 1)
        flat = places.flatten(1)[:, None].expand(-1, channels, -1)
        mixed = mixed.flatten(2).gather(2, flat).reshape(images.shape)
    return smoothed(mixed, deviation, reach=4)


def smoothed(images: Tensor, deviation: float, *, reach: float) -> Tensor:
    """Average by a Gaussian, cut off at `reach` deviations and where a mirrored image ends."""
    height, width = images.shape[-2:]
    side = 2 * min(round(reach * deviation), height - 1, width - 1) + 1
    blurred: Tensor = filters().gaussian_blur(images, [side, side], [deviation, deviation])
    return blurred


def filters() -> Any:
    """Return torchvision's filters."""
    from trainer.device.torchvision_operators import torchvision  # noqa: PLC0415  (slow to import)

    return torchvision.transforms.functional
