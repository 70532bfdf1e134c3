"""Resamples vary as the means' noise is said to, together where it is shared."""

from __future__ import annotations

import numpy as np
import pytest

from orchestrator.pareto.crossed import crossed_means
from orchestrator.pareto.resampling import BLOCK, GOLDEN, LIGHT_SHARE, resampled

RANDOM = np.random.default_rng(0)
SCORES = (
    RANDOM.normal(0, 0.3, (1, 6, 1, 1))
    + RANDOM.normal(0, 0.3, (6, 6, 2, 1))
    + RANDOM.normal(0, 2, (1, 1, 2, 40))
    + RANDOM.normal(0, 1, (6, 1, 2, 40))
    + RANDOM.normal(0, 1, (6, 6, 2, 40))
)
"""C S K I."""

CONTRASTS = np.array([[1, 0, 0, 0, 0, 0], [1, -1, 0, 0, 0, 0], [0.5, 0.5, -1, 0, 0, 0]])


def spread_of(scores: np.ndarray, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Standard deviations (Q, K) of `CONTRASTS` in resamples, and as they are said to be; the
    resamples' seeds are widened as Student's t is."""
    crossed = crossed_means(scores)
    draws = np.einsum("qc,bck->bqk", CONTRASTS, resampled(crossed, count=4000, seed=seed))
    of_images, of_seeds = crossed.variances(CONTRASTS)
    df = crossed.df.min(axis=0)
    return draws.std(axis=0), np.sqrt(of_images + of_seeds * df / (df - 2))


@pytest.mark.parametrize("missing", [False, True])
def test_they_vary_as_means_do(missing: bool) -> None:
    scores = SCORES.copy()
    if missing:
        scores[1, :2] = np.nan
    found, expected = spread_of(scores, seed=1)
    assert found == pytest.approx(expected, rel=0.1)
    of_seeds_alone, expected = spread_of(scores.mean(axis=3, keepdims=True), seed=2)
    assert of_seeds_alone == pytest.approx(expected, rel=0.12)


def test_their_mean_is_that_of_the_cells() -> None:
    crossed = crossed_means(SCORES)
    draws = resampled(crossed, count=4000, seed=3)
    assert draws.mean(axis=0) == pytest.approx(
        crossed.means, abs=5 * float(draws.std()) / 4000**0.5
    )


def test_measures_of_a_cell_vary_together() -> None:
    twice = np.concatenate([SCORES[:, :, :1], SCORES[:, :, :1]], axis=2)
    draws = resampled(crossed_means(twice), count=300, seed=4)
    assert np.corrcoef(draws[:, 0, 0], draws[:, 0, 1])[0, 1] > 0.9


def test_two_seeds_widen_them_within_reason() -> None:
    """Of one degree of freedom t has no mean: of a thousand resamples the farthest would be a
    thousand times as far as most."""
    draws = resampled(crossed_means(SCORES[:, :2]), count=1000, seed=8)
    moved = np.abs(draws - np.median(draws, axis=0))
    assert (moved.max(axis=0) < 30 * np.median(moved, axis=0)).all()


def test_equal_arguments_give_equal_resamples_of_any_number() -> None:
    crossed = crossed_means(SCORES)
    once = resampled(crossed, count=BLOCK + 3, seed=5)
    assert once.shape == (BLOCK + 3, 6, 2)
    assert np.array_equal(once, resampled(crossed, count=BLOCK + 3, seed=5))
    assert not np.array_equal(once, resampled(crossed, count=BLOCK + 3, seed=6))


def test_weights_of_images_have_the_moments_of_poissons() -> None:
    weights, shares = np.array([2 - GOLDEN, 1 + GOLDEN]), np.array([LIGHT_SHARE, 1 - LIGHT_SHARE])
    assert (weights > 0).all()
    assert shares @ weights == pytest.approx(1)
    assert shares @ (weights - 1) ** 2 == pytest.approx(1)
    assert shares @ (weights - 1) ** 3 == pytest.approx(1)


def test_a_cell_without_a_seed_stays_empty() -> None:
    scores = SCORES.copy()
    scores[2] = np.nan
    draws = resampled(crossed_means(scores), count=10, seed=7)
    assert np.isnan(draws[:, 2]).all()
    assert np.isfinite(np.delete(draws, 2, axis=1)).all()


def test_what_cannot_be_resampled_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 resample, got 0"):
        resampled(crossed_means(SCORES), count=0, seed=0)
    with pytest.raises(ValueError, match="two at least"):
        resampled(crossed_means(SCORES[:, :1]), count=5, seed=0)
