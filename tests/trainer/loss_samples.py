"""Mini-batch losses to build moments from: what several tests of the alpha problem share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]


def deterministic(losses: list[float] | Vector) -> tuple[Matrix, Vector]:
    """Moments of losses that do not vary."""
    m = np.asarray(losses, dtype=np.float64)
    return np.outer(m, m), m


def correlated(rng: np.random.Generator, sizes: Vector) -> Matrix:
    """50 mini-batches of K positive losses of these sizes, which rise and fall together."""
    K = len(sizes)
    losses: Matrix = sizes * rng.gamma(4, 0.25, (50, K)) * rng.gamma(9, 1 / 9, (50, 1))
    return losses


def random_losses(rng: np.random.Generator, K: int, decades: float) -> Matrix:
    """50 mini-batches of K losses whose sizes differ by up to so many decades."""
    sizes = 10 ** rng.uniform(-decades, 0, K)
    return np.tile(sizes, (50, 1)) if rng.random() < 0.2 else correlated(rng, sizes)


def moments(losses: Matrix) -> tuple[Matrix, Vector]:
    """E[L_i L_j], K K, and E[L_i], K, over the mini-batches."""
    return losses.T @ losses / len(losses), losses.mean(axis=0)
