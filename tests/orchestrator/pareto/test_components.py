"""Variance components against sums by hand, against known truth, and where they must not matter."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.pareto.components import components, effective_df, prior_df


def test_what_varies_by_one_thing_alone_is_its_component() -> None:
    seeds, images = np.array([0.1, 0.4, 0.4]), np.array([0.0, 1.0, 1.0, 0.5])
    zeros = np.zeros((3, 4))
    of_seeds = components(zeros + seeds[:, None])
    assert of_seeds.seed == pytest.approx(seeds.var(ddof=1))
    assert (of_seeds.image, of_seeds.rest) == pytest.approx((0, 0), abs=1e-12)
    both = components(seeds[:, None] + images)
    assert both.image == pytest.approx(images.var(ddof=1))
    assert both.rest == pytest.approx(0, abs=1e-12)


def test_they_solve_the_expected_squares_of_all_pairs() -> None:
    """Half the mean squared difference of two scores is, by expectation, image + rest of two images
    under one seed, seed + rest of two seeds on one image, and all three where both differ."""
    scores = np.random.default_rng(0).normal(size=(4, 6))
    sums, counts = np.zeros(3), np.zeros(3)
    for one in np.ndindex(4, 6):
        for other in np.ndindex(4, 6):
            if one != other:
                kind = 0 if one[0] == other[0] else 1 if one[1] == other[1] else 2
                sums[kind] += (scores[one] - scores[other]) ** 2 / 2
                counts[kind] += 1
    same_seed, same_image, neither = sums / counts
    found = components(scores)
    assert found.image + found.rest == pytest.approx(same_seed)
    assert found.seed + found.rest == pytest.approx(same_image)
    assert found.seed + found.image + found.rest == pytest.approx(neither)


def test_they_are_unbiased() -> None:
    random = np.random.default_rng(1)
    found = np.mean(
        [
            (it.seed, it.image, it.rest)
            for _ in range(1500)
            for it in [
                components(
                    random.normal(0, 0.5, (3, 1))
                    + random.exponential(1.0, 20)  # of no normal kind
                    + random.normal(0, 2.0, (3, 20))
                )
            ]
        ],
        axis=0,
    )
    assert found == pytest.approx([0.25, 1.0, 4.0], abs=0.08)


@pytest.mark.parametrize("bad", [np.zeros((1, 5)), np.zeros(4), [[1.0, np.nan], [0.0, 1.0]]])
def test_what_has_no_components_is_refused(bad: object) -> None:
    with pytest.raises(ValueError, match="scores must be finite, of shape"):
        components(bad)


@pytest.mark.parametrize(("prior", "df"), [(4.0, 4), (10.0, 7), (8.0, 2)])
def test_the_prior_is_found_again(prior: float, df: int) -> None:
    random = np.random.default_rng(df)
    true = 0.02 * prior / random.chisquare(prior, 40_000)
    variances = true * random.chisquare(df, 40_000) / df
    assert prior_df(variances, np.full(40_000, df)) == pytest.approx(prior, rel=0.2)


def test_equal_true_variances_are_taken_for_one() -> None:
    """Many cells by chance alone: the prior is far above their own degrees of freedom."""
    random = np.random.default_rng(3)
    found = [prior_df(random.chisquare(4, 30) / 4, np.full(30, 4)) for _ in range(40)]
    assert np.median(found) > 30


def test_too_few_cells_tell_nothing() -> None:
    assert prior_df([1.0, 4.0], [4, 4]) == 0
    assert prior_df([1.0, 4.0, 0.0, 2.0], [4, 4, 4, 0]) == 0


def test_the_prior_has_no_unit() -> None:
    variances = np.random.default_rng(4).chisquare(3, 12) ** 2
    assert prior_df(variances * 1e-6, np.full(12, 3)) == pytest.approx(
        prior_df(variances, np.full(12, 3))
    )


def test_cells_that_move_as_one_are_worth_one() -> None:
    moved = np.random.default_rng(5).normal(size=5)
    moved -= moved.mean()
    assert effective_df(np.outer([1, 2, 3], moved), 4) == pytest.approx(4)
    assert effective_df(moved[None], 4) == pytest.approx(4)


def test_cells_that_move_alone_are_worth_all() -> None:
    """By the variance of the pooled variance itself: df = 2 mean^2 / variance."""
    random = np.random.default_rng(6)
    found = []
    for _ in range(400):
        moved = random.normal(size=(12, 6))
        moved -= moved.mean(axis=1, keepdims=True)
        found.append(effective_df(moved, 5))
    assert np.median(found) == pytest.approx(60, rel=0.15)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 6), st.integers(2, 5), st.integers(0, 2**32 - 1))
def test_it_is_between_one_cells_and_all(cells: int, seeds: int, seed: int) -> None:
    moved = np.random.default_rng(seed).integers(-2, 3, (cells, seeds)).astype(float)
    moved -= moved.mean(axis=1, keepdims=True)
    df = seeds - 1
    assert df - 1e-9 <= effective_df(moved, df) <= cells * df + 1e-9
