"""What seeds and images add to the means of cells in a table: intervals, and draws of what they
would be off by. See `orchestrator.pareto.crossed` and `orchestrator.pareto.resampling`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from orchestrator.pareto.components import Floats
from orchestrator.pareto.crossed import CrossedMeans
from orchestrator.pareto.membership import LEVEL
from orchestrator.pareto.resampling import resampled
from orchestrator.pareto.scores import Scores
from orchestrator.table.columns import is_fraction, is_relative

SEED = 0
"""Of the resamples: equal tables give equal files."""

MOST_WEIGHTS = 2**23
"""Weights of contrasts at once: 64 MB."""


def reaches_of(crossed: CrossedMeans, scores: Scores, cells: int) -> Floats:
    """How far intervals (C, M) reach to either side, in the scores' units; NaN without a seed."""
    reaches = np.full((cells, len(scores.reference)), np.nan)
    trained = np.flatnonzero(crossed.seeds[:cells] > 0)
    block = max(1, MOST_WEIGHTS // len(crossed.means))
    for start in range(0, len(trained), block):
        some = trained[start : start + block]
        weights = np.zeros((len(some), len(crossed.means)))
        weights[np.arange(len(some)), some] = 1.0
        for origin in set(scores.reference):
            counted_from = weights.copy()
            if origin is not None:
                counted_from[:, origin] -= 1.0
            _, low, high = crossed.intervals(counted_from, LEVEL)
            for m in [m for m, it in enumerate(scores.reference) if it == origin]:
                reaches[some, m] = (high - low)[:, m] / 2
    return reaches


def ends_of(name: str, mean: Floats, reach: Floats) -> tuple[Floats, Floats]:
    """Return the ends of intervals around the means of a column; shares stay within 0 and 1."""
    low, high = mean - reach, mean + reach
    if is_fraction(name) and not is_relative(name):
        low, high = np.maximum(low, np.minimum(mean, 0)), np.minimum(high, np.maximum(mean, 1))
    return low, high


def noise_of(
    crossed: CrossedMeans, scores: Scores, chosen: npt.NDArray[np.int64], *, count: int
) -> npt.NDArray[np.float32]:
    """Draw `count` times how the chosen cells' means (B, C, M) would be off, in the scores'
    units."""
    moved = resampled(crossed, count=count, seed=SEED) - crossed.means.astype(np.float32)
    noise = moved[:, chosen]
    for m, origin in enumerate(scores.reference):
        if origin is not None:
            noise[:, :, m] -= moved[:, origin, m][:, None]
    return noise
