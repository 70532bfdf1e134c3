"""Draws of a population that is known exactly, and varies as recorded models do.

An answer is right where a normal number of variance 1 is above a cell's threshold. The number is a
sum: of the seed, of the image, each with a part that all cells share, and of what is left; so that
the truth, the mean over all seeds and images, is the cell's own, and no estimate. The parts' sizes
are those at which two answers agree as often as the recorded ones do. Natural answers and those
under all attacks have correlated parts. Cells have the recorded means, and some are near-tied.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

from tests.bench.calibration.coverage import MEASURES, Floats, Population
from tests.bench.comparison.recording import Recording

RECORDED = Path("docs/comparison/confirmation.json.xz")
OF_MEASURES = np.linalg.cholesky([[1.0, 0.5], [0.5, 1.0]])
"""Correlation of the measures' parts, ours."""

_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(40)


@dataclass(frozen=True, kw_only=True)
class Shares:
    """Shares (K,) of an answer's latent variance, on average over cells."""

    seed_shared: Floats
    seed_own: Floats
    image_shared: Floats
    image_own: Floats


def recorded(path: Path) -> npt.NDArray[np.float32]:
    """Return the bits (C, S, K, I) of a recording's cells that have all seeds, standard first."""
    by_cell: dict[tuple[str, str], dict[int, list[npt.NDArray[np.int64]]]] = defaultdict(dict)
    for trial in Recording.read(path).trials:
        if trial.on_suite is not None:
            measures = trial.on_suite.outcomes.measures()
            key = (trial.method, repr(sorted(trial.settings.items())))
            by_cell[key][trial.seed] = [measures[name].marks for name in MEASURES]
    seeds = sorted({seed for cell in by_cell.values() for seed in cell})
    whole = {key: cell for key, cell in by_cell.items() if set(cell) == set(seeds)}
    order = sorted(whole, key=lambda key: key[0] != "standard")
    return np.array([[whole[key][seed] for seed in seeds] for key in order], dtype=np.float32)


def shares_of(scores: npt.NDArray[np.float32]) -> tuple[Floats, Shares]:
    """Return the means (C, K) and the latent shares at which bits vary as `scores` do."""
    cells, seeds, measures, images = scores.shape
    means = scores.mean(axis=(1, 3), dtype=np.float64)
    parts: list[list[float]] = []
    for k in range(measures):
        one = scores[:, :, k].astype(np.float64)
        by_seed, by_image = (
            one.mean(axis=2) - means[:, None, k],
            one.mean(axis=1) - means[:, k, None],
        )
        left = one - means[:, None, None, k] - by_seed[:, :, None] - by_image[:, None]
        rest = [it / ((seeds - 1) * (images - 1)) for it in _covariances(left.reshape(cells, -1))]
        of_seed = [it / (seeds - 1) for it in _covariances(by_seed)]
        of_image = [it / (images - 1) for it in _covariances(by_image)]
        known = [
            *(it - less / images for it, less in zip(of_seed, rest, strict=True)),
            *(it - less / seeds for it, less in zip(of_image, rest, strict=True)),
        ]
        parts.append([_latent(max(it, 0.0), means[:, k]) for it in known])
    seed_all, seed_shared, image_all, image_shared = np.array(parts).T
    shares = Shares(
        seed_shared=seed_shared,
        seed_own=np.maximum(seed_all - seed_shared, 0),
        image_shared=image_shared,
        image_own=np.maximum(image_all - image_shared, 0),
    )
    return means, shares


def _covariances(deviations: Floats) -> tuple[float, float]:
    """Sums of products of `deviations` (C, N): of a cell with itself, and of two cells."""
    cells = len(deviations)
    own = float(np.sum(deviations**2))
    of_all = float(np.sum(deviations.sum(axis=0) ** 2))
    return own / cells, (of_all - own) / (cells * (cells - 1))


def _latent(covariance: float, means: Floats) -> float:
    """Solve for the latent share at which two answers that have it in common covary so, on average
    over cells."""
    thresholds = ndtri(np.clip(means, 1e-3, 1 - 1e-3))[:, None]

    def covaries(share: float) -> float:
        given = ndtr((thresholds + share**0.5 * _NODES) / (1 - share) ** 0.5)
        weights = _WEIGHTS / _WEIGHTS.sum()
        return float(np.mean(given**2 @ weights - (given @ weights) ** 2)) - covariance

    return float(brentq(covaries, 0.0, 0.99)) if covariance > 0 else 0.0


def population_of(means: Floats) -> Population:
    """The recorded cells, with four near-tied ones: a copy, and three a fifth of a point away."""
    means = np.clip(means, 0.005, 0.995)
    order = np.argsort(means[:, 1])
    at = [int(order[round(share * (len(order) - 1))]) for share in (0.4, 0.6, 0.8, 1.0)]
    shifts = np.array([[0.0, 0.0], [0.002, -0.002], [-0.002, 0.002], [0.002, 0.002]])
    cells = len(means)
    near = tuple((place, cells + number) for number, place in enumerate(at))
    return Population(
        means=np.clip(np.concatenate([means, means[at] + shifts]), 0.005, 0.995),
        pairs=tuple((cell, cell + 1) for cell in range(cells - 1)),
        near=near,
    )


def simulated(
    population: Population, shares: Shares, *, seeds: int, images: int, draws: int
) -> Iterator[npt.NDArray[np.bool_]]:
    """Yield draws (C, S, K, I)."""
    random = np.random.default_rng([seeds, images])
    thresholds = ndtri(population.means).astype(np.float32)  # C K
    cells, measures = thresholds.shape
    left = 1 - shares.seed_shared - shares.seed_own - shares.image_shared - shares.image_own
    mixed = OF_MEASURES.T.astype(np.float32)

    def normal(share: Floats, *shape: int) -> npt.NDArray[np.float32]:
        drawn = random.standard_normal((*shape, measures), dtype=np.float32) @ mixed
        return np.asarray(drawn * np.sqrt(share).astype(np.float32))

    for _ in range(draws):
        numbers = normal(left, cells, seeds, images)
        numbers += normal(shares.seed_shared, 1, seeds, 1)
        numbers += normal(shares.seed_own, cells, seeds, 1)
        numbers += normal(shares.image_shared, 1, 1, images)
        numbers += normal(shares.image_own, cells, 1, images)
        yield np.moveaxis(numbers + thresholds[:, None, None] > 0, 3, 2)
