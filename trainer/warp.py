"""Warps: images sampled on a grid moved by an affine map, a per-pixel flow, or both.

The grid of one image has H x W points (x, y) in normalised units: pixel centres lie within
[-1, 1], and a displacement of `d` is `d * W / 2` pixels along x (`d * H / 2` along y).
`align_corners` is False in both calls that know it; mixed, the identity would be off by up to
0.7 of an intensity.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from trainer.device.precision import arithmetic

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    from trainer import late_torch as torch

Padding = Literal["zeros", "border"]
"""What lies outside the image: black, or its edge repeated. It is part of the threat model."""


def affine_points(increment: Tensor, height: int, width: int) -> Tensor:
    """Map the points (u, v, 1) by `identity + increment`.

    Args:
        increment: B 2 3, entries of the affine matrix beyond the identity (Eq. 5).

    Returns:
        B H W 2, normalised units, x first.
    """
    identity = torch.eye(2, 3, dtype=increment.dtype, device=increment.device)
    size = [increment.shape[0], 1, height, width]
    # Points are products: autocast would round them to bfloat16, and at 28 pixels even the identity
    # would be off by 0.04; TF32 likewise, by a hundredth of a pixel or more.
    with arithmetic("float32", increment.device):
        return torch.nn.functional.affine_grid(identity + increment, size, align_corners=False)


def identity_points(images: Tensor) -> Tensor:
    """Return the unmoved grid, 1 H W 2."""
    return affine_points(images.new_zeros(1, 2, 3), *images.shape[-2:])


def sample(images: Tensor, points: Tensor, *, padding: Padding) -> Tensor:
    """Read `images` (B C H W) bilinearly at `points` (B H W 2, x first)."""
    return torch.nn.functional.grid_sample(
        images, points, mode="bilinear", padding_mode=padding, align_corners=False
    )


def flow_warp(images: Tensor, flow: Tensor, *, padding: Padding) -> Tensor:
    """Read each pixel from its own place plus its own flow (Eq. 1, 2).

    Args:
        images: B C H W.
        flow: B 2 H W, normalised units; channel 0 moves along x, 1 along y.
    """
    return sample(images, identity_points(images) + flow.permute(0, 2, 3, 1), padding=padding)


def affine_warp(images: Tensor, increment: Tensor, *, padding: Padding) -> Tensor:
    """Warp images by `identity + increment` (B 2 3): rotations, translations, more (Eq. 5)."""
    return sample(images, affine_points(increment, *images.shape[-2:]), padding=padding)


def integrated_warp(images: Tensor, increment: Tensor, flow: Tensor, *, padding: Padding) -> Tensor:
    """Warp images by affine map and flow at once: grid = A_w (u, v, 1) + w_F (Eq. 7)."""
    points = affine_points(increment, *images.shape[-2:]) + flow.permute(0, 2, 3, 1)
    return sample(images, points, padding=padding)
