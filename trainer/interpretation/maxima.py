"""Which attack is an example's maximum: what maximum training weighs its losses by."""

from __future__ import annotations

import torch
from torch import Tensor


def shares_of_maximum(losses: Tensor) -> Tensor:
    """Compute the share of examples for which each attack's loss is the largest, K; the sum is 1.

    Where several are the largest, the example counts for each of them in equal parts. As we read
    Proposition 2, average training with these weights is maximum training as it stands.

    Args:
        losses: B K, of the same examples under K attacks; B and K at least 1.

    Raises:
        ValueError: no loss at all, or one that is NaN: no largest would be known.
    """
    if losses.dim() != 2 or 0 in losses.shape:
        raise ValueError(f"losses must be B K, none of them 0, got shape {tuple(losses.shape)}")
    if unknown := int(losses.isnan().any(1).sum()):
        raise ValueError(
            f"losses must be numbers, got NaN for {unknown} of {len(losses)} examples; "
            f"leave these examples out"
        )
    is_largest = (losses == losses.amax(1, keepdim=True)).to(torch.float64)
    return (is_largest / is_largest.sum(1, keepdim=True)).mean(0)
