"""Exact tests of paired differences: sign flips, their smallest p, and Holm's step-down.

Trials of one seed share their start and the order of their batches, so methods are compared seed by
seed. If two methods do not differ, each seed's difference might as well have had the other sign:
the two-sided p is the share of all 2^n choices of signs whose sum is at least as far from 0 as the
one that was seen (Fisher, 1935, "The Design of Experiments"; Pitman, 1937, "Significance tests
which may be applied to samples from any populations"). Nothing is assumed of the differences but
that symmetry, and nothing is drawn at random.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

MOST_SEEDS = 40
"""Most differences whose signs are flipped: the sums of each half's 2^20 choices are kept."""

RESOLUTION = 1e-9
"""Share of all differences' size below which two sums are equal: rounding must not part ties."""


def sign_flip_p(differences: npt.ArrayLike) -> float:
    """Compute the exact two-sided p of paired `differences` (N,) being symmetric around 0.

    All 2^N choices of signs are counted: sums of one half of the differences against the sorted
    sums of the other, in N 2^(N/2) steps. The sums are symmetric around 0 themselves.

    Raises:
        ValueError: none or more than `MOST_SEEDS` differences, or one that is not finite.
    """
    sizes = np.array(differences, dtype=np.float64)
    if sizes.ndim != 1 or not 1 <= len(sizes) <= MOST_SEEDS:
        raise ValueError(
            f"differences must be of shape (N,) with N from 1 to {MOST_SEEDS}, got {sizes.shape}"
        )
    if not np.isfinite(sizes).all():
        raise ValueError(f"differences must be finite, got {sizes.tolist()}")
    threshold = abs(sizes.sum()) - RESOLUTION * np.abs(sizes).sum()
    if threshold <= 0:
        return 1.0
    first, second = map(_signed_sums, np.array_split(np.abs(sizes), 2))
    second.sort()
    as_far = len(second) - np.searchsorted(second, threshold - first)
    return float(2 * as_far.sum() / 2.0 ** len(sizes))


def smallest_p(seeds: int) -> float:
    """Return the smallest two-sided p that sign flips of so many differences can reach: 2 / 2^n,
    where all have one sign (Fisher: 3 seeds .25, 5 .063, 8 .0078, 10 .002)."""
    return min(1.0, 2.0 ** (1 - seeds))


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust the p of a family of tests, so that a rule `adjusted < 0.05` is wrong about any of
    them at most so often (Holm, 1979, "A simple sequentially rejective multiple test procedure").

    The smallest of m is multiplied by m, the next by m - 1, and so on; none is below one before it.
    """
    adjusted = [1.0] * len(p_values)
    running = 0.0
    for step, at in enumerate(sorted(range(len(p_values)), key=lambda at: p_values[at])):
        running = max(running, (len(p_values) - step) * p_values[at])
        adjusted[at] = min(1.0, running)
    return adjusted


def _signed_sums(sizes: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Sums (2^N,) of `sizes` (N,) under every choice of signs."""
    sums = np.zeros(1)
    for size in sizes:
        sums = np.concatenate([sums + size, sums - size])
    return sums
