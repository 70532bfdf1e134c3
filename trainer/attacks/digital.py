"""What files and screens do to an image: contrast, coarse pixels, JPEG, and elastic distortion.

Images are B C H W in [0, 1].
"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np

from trainer.attacks.blur import filters, smoothed
from trainer.randomness import uniform
from trainer.warp import affine_points

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    from trainer import late_torch as torch


def contrast(images: Tensor, keys: Tensor, size: float) -> Tensor:
    """Draw every entry towards its channel's mean, of which `size` of the difference is left."""
    del keys
    means = images.mean((2, 3), keepdim=True)
    return means + size * (images - means)


def pixelate(images: Tensor, keys: Tensor, size: float) -> Tensor:
    """Shrink by averaging to `size` of each side, and enlarge by repeating."""
    del keys
    height, width = images.shape[-2:]
    small = [max(1, int(height * size)), max(1, int(width * size))]
    box = filters().resize(images, small, antialias=True)
    nearest = filters().InterpolationMode.NEAREST
    enlarged: Tensor = filters().resize(box, [height, width], interpolation=nearest)
    return enlarged


def jpeg(images: Tensor, keys: Tensor, size: float) -> Tensor:
    """Write as JPEG of a quality, in colour where there are three channels, else each for itself,
    and read again."""
    del keys
    from PIL import Image  # noqa: PLC0415  (needed here alone)

    def compressed(pixels: np.ndarray) -> np.ndarray:
        file = BytesIO()
        Image.fromarray(pixels).save(file, "JPEG", quality=int(size))
        return np.asarray(Image.open(file))

    whole = (images * 255).round().to(torch.uint8).cpu()
    if images.shape[1] == 3:
        found = [compressed(image).transpose(2, 0, 1) for image in whole.movedim(1, 3).numpy()]
    else:
        found = [np.stack([compressed(channel) for channel in image]) for image in whole.numpy()]
    return torch.from_numpy(np.stack(found)).to(images) / 255


def elastic(images: Tensor, keys: Tensor, size: tuple[float, float, float]) -> Tensor:
    """Warp by an affine map that moves three points at random, and by a smooth random flow (Simard,
    Steinkraus and Platt, 2003). Beyond the border lies the image, mirrored.

    Args:
        size: strength of the flow, its smoothness, and how far a point moves along each axis at
            most; each as a share of the shorter side.
    """
    height, width = images.shape[-2:]
    side = min(height, width)
    strength, deviation, farthest = (share * side for share in size)
    units = torch.tensor([2 / width, 2 / height], device=images.device)  # of a pixel, x first
    third = max(1, side // 3)
    corners = torch.tensor([[third, third], [third, -third], [-third, -third]]) + 0.0
    corners = corners.to(images.device) * units
    shifts = (2 * uniform(keys, stream=0, shape=(3, 2)) - 1) * farthest * units
    with_one = torch.cat([corners, torch.ones_like(corners[:, :1])], dim=1)
    # Rows of the increment take (x, y, 1) of each corner to its shift.
    increments = torch.linalg.solve(with_one, shifts).transpose(1, 2)
    points = affine_points(increments, height, width)
    if strength:
        drawn = 2 * uniform(keys, stream=1, shape=(2, height, width)) - 1
        flow = strength * smoothed(drawn, deviation, reach=3)
        points = points + flow.movedim(1, 3) * units
    return torch.nn.functional.grid_sample(
        images, points, mode="bilinear", padding_mode="reflection", align_corners=False
    )
