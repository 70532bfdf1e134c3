"""Intervals: how far an accuracy on N examples may be from that on all that there could be.

The examples are taken as drawn independently from those that are meant; 95 % of such intervals
hold the true value. What differs between training runs is not in them.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from trainer.evaluation.outcomes import Measure
from trainer.randomness import derive_seed

LEVEL = 0.95
_Z = NormalDist().inv_cdf((1 + LEVEL) / 2)
_BLOCKS, _BLOCK = 10, 1_000  # of draws, so that a block needs little memory


class Estimate(NamedTuple):
    """A value and the ends of its interval."""

    value: float
    low: float
    high: float


def estimate(measure: Measure) -> Estimate | None:
    """Estimate a measure: a share of examples by Wilson's interval, another mean by the bootstrap;
    None where there is no example."""
    if not len(measure.marks):
        return None
    if measure.full == 1:
        return wilson(int(measure.marks.sum()), len(measure.marks))
    return bootstrap(measure)


def wilson(hits: int, count: int) -> Estimate:
    """Estimate a share by Wilson (1927): p of `|p - hits / count| <= z sqrt(p (1 - p) / count)`.

    It is never empty, as the normal interval around 0 and 1 is.
    """
    share = hits / count
    shrinkage = 1 + _Z**2 / count
    centre = (share + _Z**2 / (2 * count)) / shrinkage
    half = _Z / shrinkage * math.sqrt(share * (1 - share) / count + (_Z / (2 * count)) ** 2)
    # Rounding must not put the share itself, when 0 or 1, outside.
    return Estimate(share, max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half)))


def bootstrap(measure: Measure) -> Estimate:
    """Estimate a mean, with the middle 95 % of its values on examples drawn anew, N of the N, with
    replacement (Efron, 1979, the percentile interval).

    Only how often each mark is drawn matters, so 10,000 draws are as many multinomial vectors.
    The seed is derived from the marks: equal measures have equal intervals.

    Where all marks are equal every draw is the same. Then at most u of all examples have another
    mark (Wilson's bound for 0 of N), and these between 0 and `full`.
    """
    levels, counts = np.unique(measure.marks, return_counts=True)
    value, count = measure.value, len(measure.marks)
    if len(levels) == 1:
        others = wilson(0, count).high
        return Estimate(value, value - others * value, value + others * (1 - value))
    seed = derive_seed("bootstrap", measure.full, *levels.tolist(), *counts.tolist())
    random = np.random.default_rng(seed)
    blocks = [random.multinomial(count, counts / count, size=_BLOCK) for _ in range(_BLOCKS)]
    means = np.concatenate([drawn @ levels for drawn in blocks]) / (measure.full * count)
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(value, float(low), float(high))


def difference(changes: NDArray[np.float64]) -> Estimate:
    """Estimate the mean of N paired differences, each in [-1, 1].

    The interval is the normal one of N + 2 differences, with one of 1 and one of -1 added. For
    differences of bits it is that of Bonett and Price (2012, "Adjusted Wald confidence interval
    for a difference of binomial proportions based on paired data"), which keeps its level where
    few examples differ, or none.
    """
    count = len(changes) + 2
    centre = float(changes.sum()) / count
    variance = (float(changes @ changes) + 2) / count - centre**2
    half = _Z * math.sqrt(variance / count)
    return Estimate(float(changes.mean()), max(-1.0, centre - half), min(1.0, centre + half))
