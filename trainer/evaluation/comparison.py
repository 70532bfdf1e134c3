"""Comparison: whether two models differ, by their outcomes on the same examples.

Tests are paired: an example on which both do the same says nothing of a difference, so the same
number of examples tells smaller differences than two separate intervals would.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.evaluation.intervals import Estimate, difference
from trainer.evaluation.origin import SAME_FOR_BOTH
from trainer.evaluation.outcomes import Measure, Outcomes
from trainer.randomness import derive_seed

_MAX_EXACT = 2**20
_BLOCKS, _BLOCK = 10, 1_000  # of draws, so that a block needs little memory
_ROUNDING = 1e-12
"""Probability below which an exact one is a rounding error of its Fourier transform."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Comparison of one model with another, by one measure.

    Attributes:
        difference: the one's mean minus the other's.
        wins: examples that count more with the one.
        losses: examples that count more with the other.
        p_value: two-sided, of the hypothesis that each example's difference might as well have
            the other sign; of this measure by itself, not adjusted for how many are looked at.
    """

    difference: Estimate
    wins: int
    losses: int
    p_value: float


def compare(one: Outcomes, other: Outcomes) -> dict[str, Comparison]:
    """Compare one model with another by every measure that both have, under its name.

    Raises:
        ValueError: outcomes of different numbers of examples, categories or ladders; or of
            different suites or examples, where both say which.
    """
    check_comparable(one, other)
    theirs = other.measures()
    return {name: compared(measure, theirs[name]) for name, measure in one.measures().items()}


def check_comparable(one: Outcomes, other: Outcomes) -> None:
    """Check that two outcomes may be of the same examples under the same attacks.

    Raises:
        ValueError: they are not.
    """
    if one.origin is not None and other.origin is not None:
        one.origin.check_comparable(other.origin)
    for name, mine, theirs in (
        ("number of examples", len(one.natural), len(other.natural)),
        ("categories", sorted(one.ladders), sorted(other.ladders)),
        ("ladders", dict(one.ladders), dict(other.ladders)),
    ):
        if mine != theirs:
            raise ValueError(
                f"{name} must be the same in outcomes that are compared, "
                f"got {mine} and {theirs}; {SAME_FOR_BOTH}"
            )


def compared(one: Measure, other: Measure) -> Comparison:
    """Compare two models by the same measure of the same examples."""
    changes = one.marks - other.marks
    return Comparison(
        difference=difference(changes / one.full),
        wins=int((changes > 0).sum()),
        losses=int((changes < 0).sum()),
        p_value=sign_flip_p_value(changes),
    )


def sign_flip_p_value(changes: NDArray[np.int64]) -> float:
    """Compute the probability that N whole numbers, each given a random sign, sum to as much or
    more, in absolute value, as they do (Fisher's randomisation test of paired differences).

    For differences of bits it is McNemar's exact test. Exact up to 1e-12, below which 1e-12 is
    returned, while the absolute values, divided by what is common to all, sum to at most 2^20;
    else from 10,000 draws, whose seed is derived from the numbers.
    """
    observed = abs(int(changes.sum()))
    if observed == 0:
        return 1.0
    sizes, counts = np.unique(np.abs(changes[changes != 0]), return_counts=True)
    unit = int(np.gcd.reduce(sizes))
    sizes, observed = sizes // unit, observed // unit
    if int(sizes @ counts) <= _MAX_EXACT:
        return _exact(sizes, counts, observed)
    return _sampled(sizes, counts, observed)


def _exact(sizes: NDArray[np.int64], counts: NDArray[np.int64], observed: int) -> float:
    """Compute the p-value from the sum's characteristic function, `product over k of cos(k
    t)^count_k`, whose inverse transform over a period longer than all sums gives the probability of
    each."""
    largest = int(sizes @ counts)
    period = 2 * largest + 1  # odd, so that no cosine is 0
    steps = np.arange(largest + 1)
    cosines = np.cos(2 * np.pi / period * np.arange(period))
    logarithms, is_negative = np.log(np.abs(cosines)), cosines < 0
    logarithm, sign = np.zeros(largest + 1), np.zeros(largest + 1, dtype=bool)
    for size, count in zip(sizes, counts, strict=True):
        places = size * steps % period
        logarithm += count * logarithms[places]
        if count % 2:
            sign ^= is_negative[places]
    transform = np.where(sign, -1, 1) * np.exp(logarithm)
    probabilities = np.fft.irfft(transform, n=period)
    tail = float(probabilities[observed : largest + 1].sum())
    return min(1.0, max(_ROUNDING, 2 * tail))


def _sampled(sizes: NDArray[np.int64], counts: NDArray[np.int64], observed: int) -> float:
    """Estimate the p-value from draws of how many of each size are positive; the observed one
    counts as a draw too, so that the test keeps its level."""
    random = np.random.default_rng(derive_seed("signs", *sizes.tolist(), *counts.tolist()))
    as_large = 1
    for _ in range(_BLOCKS):
        positive = random.binomial(counts, 0.5, size=(_BLOCK, len(sizes)))
        as_large += int((np.abs((2 * positive - counts) @ sizes) >= observed).sum())
    return as_large / (1 + _BLOCKS * _BLOCK)
