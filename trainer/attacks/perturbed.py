"""Adversarial images with what was done to the clean ones, where that is a warp."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from trainer.warp import affine_points, identity_points

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True, eq=False)
class Perturbed:
    """Images that an attack found, and the affine map and the flow that moved their pixels.

    An image reads each of its pixels at the place `A (u, v, 1) + flow` of the clean one (Eq. 7),
    A being the identity and the increment. Both are None where pixels were not moved, or not by one
    warp of the clean image.
    """

    images: Tensor
    """B C H W in [0, 1]."""

    increment: Tensor | None = None
    """B 2 3: entries of the affine matrix beyond the identity's (w_RT)."""

    flow: Tensor | None = None
    """B 2 H W, normalised grid units; channel 0 moves along x, 1 along y (w_F)."""

    def displacement(self) -> Tensor | None:
        """Return by how much each pixel is read beside its own place: B 2 H W, in pixels, channel 0
        along x (to the right), 1 along y (down); None where the change is no warp."""
        height, width = self.images.shape[-2:]
        moved = self.flow
        if self.increment is not None:
            points = affine_points(self.increment, height, width)
            affine = (points - identity_points(self.images)).permute(0, 3, 1, 2)
            moved = affine if moved is None else affine + moved
        if moved is None:
            return None
        return moved * moved.new_tensor([width / 2, height / 2])[:, None, None]
