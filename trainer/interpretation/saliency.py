"""Saliency: how a network's logit of a class changes with each pixel, under noise (SmoothGrad).

Smilkov et al., SmoothGrad: removing noise by adding noise (2017); Eq. 10 of the paper.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from trainer.attacks import frozen
from trainer.device.precision import arithmetic
from trainer.randomness import normal


class NoGradientError(ValueError):
    """A network's logits do not depend on its images by any gradient."""


@dataclass(frozen=True, kw_only=True)
class SmoothGrad:
    """How saliency is averaged: over noisy copies of an image."""

    samples: int = 50
    """Noisy copies of each image (n of Eq. 10)."""

    noise: float = 0.15
    """Standard deviation of the noise, in pixels of [0, 1]; at 0 one copy is all that is needed."""

    def __post_init__(self) -> None:
        """Check the rules.

        Raises:
            ValueError: the rule that is broken, and by what.
        """
        if self.samples < 1:
            raise ValueError(f"samples must be at least 1, got {self.samples}")
        if not 0 <= self.noise < math.inf:
            raise ValueError(
                f"noise must be a number of at least 0 (pixels in [0, 1]), got {self.noise:g}; "
                f"0.1 to 0.2 is usual"
            )


def gradients(
    model: nn.Module, images: Tensor, labels: Tensor, *, batch_size: int | None
) -> Tensor:
    """Compute the gradient of each image's logit of its label by its pixels, B C H W.

    Args:
        model: gives logits B K; used in evaluation mode and left as it was found.
        images: B C H W.
        labels: B, int64.
        batch_size: images of one pass; None: all.

    Raises:
        NoGradientError: the logits do not depend on the images by any gradient.
    """
    size = batch_size or len(images)
    parts = zip(images.split(size), labels.split(size), strict=True)
    with frozen(model), arithmetic("float32", images.device):
        return torch.cat([_slopes(model, *part) for part in parts])


def smoothgrad(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    keys: Tensor,
    *,
    how: SmoothGrad,
    batch_size: int,
) -> Tensor:
    """Compute the mean gradient of the logit of y over noisy copies of each image (Eq. 10):

        M(x) = 1/n sum_i d z_y / d x (x + noise * e_i),   e_i standard normal

    Noisy pixels may leave [0, 1], as published: cut off, their mean would no longer be x.

    Args:
        model: as for `gradients`.
        images: likewise.
        labels: likewise.
        keys: B, int64. The noise of copy i is stream i of the example's key: the same in any
            company and at any `batch_size`.
        batch_size: noisy images of one pass, at most.

    Returns:
        B C H W, float32.

    Raises:
        NoGradientError: as `gradients`.
    """

    def mean_slopes(images: Tensor, labels: Tensor, keys: Tensor) -> Tensor:
        total = torch.zeros_like(images, dtype=torch.float64)
        for streams in torch.arange(how.samples).split(max(1, batch_size // len(images))):
            noise = [normal(keys, stream=i, shape=images.shape[1:]) for i in streams.tolist()]
            noisy = images + how.noise * torch.stack(noise)
            slopes = _slopes(model, noisy.flatten(0, 1), labels.repeat(len(noise)))
            total += slopes.unflatten(0, (len(noise), -1)).double().sum(0)
        return (total / how.samples).float()

    parts = (tensor.split(batch_size) for tensor in (images, labels, keys))
    with frozen(model), arithmetic("float32", images.device):
        return torch.cat([mean_slopes(*part) for part in zip(*parts, strict=True)])


def _slopes(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    images = images.detach().requires_grad_()
    with torch.enable_grad():
        logits = model(images)
        total = logits.gather(1, labels[:, None]).sum()
    if not total.requires_grad:
        raise NoGradientError(
            "the network must have logits that depend on its images by a gradient, and these are "
            "constant, detached or rounded: there is nothing to explain"
        )
    (slopes,) = torch.autograd.grad(total, images, materialize_grads=True)
    return slopes


Reduction = Literal["max_abs", "sum_abs", "sum"]
Normalisation = Literal["sum", "max", "none"]


@dataclass(frozen=True, kw_only=True)
class MapForm:
    """How gradients become a map, one number a pixel."""

    reduction: Reduction = "max_abs"
    """How channels become one: their largest size (Simonyan et al., 2014), the sum of their sizes,
    or their sum with its sign."""

    normalisation: Normalisation = "sum"
    """What a map is divided by: the sum of its sizes, so that it says where and not how much; its
    largest size; or nothing."""

    def maps(self, gradients: Tensor) -> Tensor:
        """Return maps B H W of gradients B C H W; NaN where a map is 0 throughout and is divided
        by that."""
        maps = _REDUCTIONS[self.reduction](gradients)
        return maps / _DIVISORS[self.normalisation](maps.abs())


_REDUCTIONS: dict[Reduction, Callable[[Tensor], Tensor]] = {
    "max_abs": lambda gradients: gradients.abs().amax(1),
    "sum_abs": lambda gradients: gradients.abs().sum(1),
    "sum": lambda gradients: gradients.sum(1),
}

_DIVISORS: dict[Normalisation, Callable[[Tensor], Tensor]] = {
    "sum": lambda sizes: sizes.sum((1, 2), keepdim=True),
    "max": lambda sizes: sizes.amax((1, 2), keepdim=True),
    "none": lambda sizes: torch.ones_like(sizes[:, :1, :1]),
}
