"""Resamples of cells' means: seeds and images drawn anew, together for all cells and measures.

Owen and Eckles (2012, "Bootstrapping data arrays of arbitrary order") give every seed and every
image a random weight of mean and variance 1, and an answer the product of its two. Their mean then
varies by what seeds and images contribute, but by three times what only one seed does with one
image, which of bits is as much as the rest; and it knows no seed variance but that of the three or
five seeds at hand. Here the weights' first-order part alone is drawn, in which each contribution
counts once, and seeds by `orchestrator.pareto.crossed`: moderated, and widened as by Student's t
for how little a few seeds say of their variance. All cells and measures of one resample have the
same images' weights and the same seeds, so that what they share cancels in their differences.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from orchestrator.pareto.crossed import CrossedMeans

GOLDEN = (1 + 5**0.5) / 2
LIGHT_SHARE = GOLDEN / 5**0.5
"""Share of images whose weight is 2 - GOLDEN; that of the others is 1 + GOLDEN."""

LEAST_DF = 3.0
"""Degrees of freedom below which draws are widened no further: Student's t of two or fewer has no
variance, and what resamples say would be of their tails."""

BLOCK = 512
"""Resamples drawn at once: their weights of 10,000 images take 20 MB."""


def resampled(crossed: CrossedMeans, *, count: int, seed: int) -> npt.NDArray[np.float32]:
    """Return `count` resamples (B, C, K) of the means of C cells under K measures.

    Their covariance is that of `CrossedMeans.variances`, but for the widening of the seeds' part.
    A cell without a seed stays NaN. Equal arguments give equal resamples.

    Raises:
        ValueError: fewer than one resample, or no cell has two seeds.
    """
    if count < 1:
        raise ValueError(f"count must be at least 1 resample, got {count}")
    crossed.require_seeds(np.zeros((1, len(crossed.means))))
    return np.concatenate(list(_blocks(crossed, count=count, seed=seed)))


def _blocks(crossed: CrossedMeans, *, count: int, seed: int) -> Iterator[npt.NDArray[np.float32]]:
    random = np.random.default_rng(seed)
    for start in range(0, count, BLOCK):
        size = min(BLOCK, count - start)
        moved = _by_seeds(crossed, size, random)
        if crossed.knows_images:
            moved += _by_images(crossed, size, random)
        yield (crossed.means + moved).astype(np.float32)


def _by_images(
    crossed: CrossedMeans, size: int, random: np.random.Generator
) -> npt.NDArray[np.float32]:
    """Draw how means (B, C, K) move with images drawn anew.

    An image weighs 0.38 or 2.62, of mean, variance and third moment 1 (Mammen, 1993, "Bootstrap and
    wild bootstrap for high dimensional linear models"), as Poisson weights have too, in a tenth of
    the time. Deviations sum to 0: the weights' mean is left out.
    """
    cells, measures, images = crossed.by_image.shape
    is_light = random.random((images, size), dtype=np.float32) < LIGHT_SHARE
    weights = np.where(is_light, np.float32(1 - GOLDEN), np.float32(GOLDEN))
    moved = crossed.by_image.reshape(-1, images) @ weights
    return np.moveaxis(moved.reshape(cells, measures, size), 2, 0)


def _by_seeds(
    crossed: CrossedMeans, size: int, random: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Draw how means (B, C, K) move with other seeds."""
    cells, seeds = crossed.trained.shape
    measures = crossed.means.shape[1]
    each = crossed.trained / np.maximum(crossed.seeds, 1)[:, None]  # C S
    alone = np.sqrt(np.sum(each**2, axis=1))[:, None]  # of a mean over a cell's own effects
    trained = np.einsum("bs,cks->bck", random.normal(size=(size, seeds)), crossed.by_seed)
    of_all = random.normal(size=(size, seeds, measures)) @ crossed.shared.T
    shared = np.einsum("cs,bsk->bck", each, of_all)
    own = random.normal(size=(size, cells, measures)) @ crossed.own.T * alone
    moved = trained + (shared + own) * np.sqrt(crossed.moderation)
    df = np.maximum(crossed.df[crossed.seeds > 0].min(axis=0), LEAST_DF)  # K
    return np.asarray(moved * np.sqrt(df / random.chisquare(df, (size, measures)))[:, None])
