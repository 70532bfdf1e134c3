"""How a saliency map's weight is spread: skewness of a difference of two, and Gini's index.

The paper compares networks by the skewness of the difference of their saliency maps. It is an odd
measure of sparseness: two sparse maps whose weight lies in different places have a difference
without skew. Gini's index of each map by itself stands beside it (Hurley and Rickard, Comparing
Measures of Sparsity, 2009, where it alone has all six properties that they ask for).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


def skewness(values: Tensor) -> Tensor:
    """Compute the skewness of each example's numbers, B: m3 / m2^(3/2) of the central moments, as
    `scipy.stats.skew` does by default; NaN where they are all equal.

    Args:
        values: B ..., any type.
    """
    flat = values.double().flatten(1)
    centred = flat - flat.mean(1, keepdim=True)
    variance = centred.square().mean(1)
    # Equal numbers leave a variance of roundings: as SciPy, none that is within them counts.
    is_some = variance > (torch.finfo(torch.float64).eps * flat.mean(1)).square()
    return torch.where(is_some, centred.pow(3).mean(1) / variance.pow(1.5), torch.nan)


def difference_skewness(maps: Tensor, reference: Tensor) -> Tensor:
    """Compute the skewness of `maps - reference` of each example, B: positive where a few pixels
    gain much over the reference and many lose little.

    Args:
        maps: B H W, of the network in question.
        reference: B H W, of the one that it is held against, on the same images.
    """
    return skewness(maps.double() - reference.double())


def gini(values: Tensor) -> Tensor:
    """Compute Gini's index of the sizes of each example's numbers, B: 0 where all are equal, 1 -
    1/n where one of n is not 0, NaN where all are 0.

    With the sizes c in rising order it is `1 - 2 sum_k c_k / |c|_1 (n - k + 1/2) / n`.

    Args:
        values: B ..., of n numbers an example.
    """
    sizes = values.double().abs().flatten(1).sort(1).values
    count = sizes.shape[1]
    ranks = torch.arange(1, count + 1, dtype=torch.float64, device=sizes.device)
    return 1 - 2 * (sizes * (count - ranks + 0.5)).sum(1) / (count * sizes.sum(1))


@dataclass(frozen=True, kw_only=True)
class Median:
    """The median over images of a number, of those for which there is one."""

    value: float
    """Mean of the two middle ones where their number is even; NaN where there is none."""

    count: int
    """Images that have the number."""

    undefined: int
    """Images that have none, such as those with a map that is 0 throughout."""


def median(values: Tensor) -> Median:
    """Return the median of one number an image (B), NaN left out and counted."""
    defined = values[~values.isnan()].double()
    value = float(defined.quantile(0.5)) if len(defined) else float("nan")
    return Median(value=value, count=len(defined), undefined=len(values) - len(defined))
