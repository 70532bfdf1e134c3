"""Noises of a camera: numbers that derive from each example's key, added to its entries.

Images are B C H W in [0, 1]; what is returned may leave that range.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainer.randomness import normal, uniform

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    from trainer import late_torch as torch


def gaussian_noise(images: Tensor, keys: Tensor, size: float) -> Tensor:
    """Return `images + size * n`, n normal."""
    return images + size * normal(keys, stream=0, shape=tuple(images.shape[1:]))


def shot_noise(images: Tensor, keys: Tensor, size: float) -> Tensor:
    """Count photons, of which white sends `size`: a Poisson number of mean `size * x`, over `size`.

    The number is the quantile of a uniform one, so that it derives from the key.
    """
    from scipy.special import pdtr, pdtrik  # noqa: PLC0415  (slow to import)

    drawn = uniform(keys, stream=0, shape=tuple(images.shape[1:])).cpu().double() + 2.0**-25
    means = (size * images).cpu().double()
    quantiles, means_or_1 = drawn.numpy(), torch.where(means > 0, means, 1).numpy()
    above = torch.from_numpy(pdtrik(quantiles, means_or_1)).ceil()
    below = (above - 1).clamp(min=0)
    is_enough = torch.from_numpy(pdtr(below.numpy(), means_or_1) >= quantiles)
    counts = torch.where(is_enough, below, above) * (means > 0)
    return (counts / size).to(images)


def impulse_noise(images: Tensor, keys: Tensor, size: float) -> Tensor:
    """Set a share of the entries to 0 or 1, by equal chances."""
    drawn = uniform(keys, stream=0, shape=tuple(images.shape[1:]))
    return torch.where(drawn < size, (drawn < size / 2).to(images.dtype), images)


def speckle_noise(images: Tensor, keys: Tensor, size: float) -> Tensor:
    """Return `images * (1 + size * n)`, n normal: bright entries move farther."""
    return images * (1 + size * normal(keys, stream=0, shape=tuple(images.shape[1:])))
