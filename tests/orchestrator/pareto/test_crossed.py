"""Means over crossed seeds and images: closed forms, known truth, and what must cancel."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.pareto.components import components
from orchestrator.pareto.crossed import crossed_means
from orchestrator.pareto.verdicts import mean_interval

Array = np.ndarray[Any, Any]


def drawn(random: np.random.Generator, *, cells: int, seeds: int, images: int) -> Array:
    """Scores (C, S, 2, I) of the model that is assumed, with parts that cells and measures share:
    variances of a seed 0.01 + 0.02, of an image 0.5 + 0.3, of the rest 1.0."""

    def normal(variance: float, *shape: int) -> Array:
        mixed = random.normal(0, variance**0.5, (*shape, 2)) @ [[1.0, 0.6], [0.0, 0.8]]
        return np.asarray(mixed)

    scores = (
        normal(0.01, 1, seeds, 1)
        + normal(0.02, cells, seeds, 1)
        + normal(0.5, 1, 1, images)
        + normal(0.3, cells, 1, images)
        + normal(1.0, cells, seeds, images)
    )
    return np.moveaxis(scores, 3, 2)


def test_one_cell_of_one_measure_has_the_variance_of_its_components() -> None:
    random = np.random.default_rng(0)
    scores = random.normal(size=(1, 4, 1, 30)) + random.normal(0, 0.5, (1, 4, 1, 1))
    scores += random.normal(0, 2, (1, 1, 1, 30))
    known = components(scores[0, :, 0])
    assert known.seed > 0
    found = crossed_means(scores)
    of_images, of_seeds = found.variances([[1.0]])
    assert of_images[0, 0] == pytest.approx((known.image + known.rest / 4) / 30, rel=1e-5)
    assert of_seeds[0, 0] == pytest.approx(known.seed / 4, rel=1e-5)
    assert found.means[0, 0] == pytest.approx(scores.mean(), rel=1e-6)


def test_without_images_it_is_students_interval_of_the_seeds() -> None:
    scores = np.random.default_rng(1).normal(0.5, 0.1, (1, 6, 1, 1))
    found = crossed_means(scores)
    assert not found.knows_images
    value, low, high = found.intervals([[1.0]], 0.9)
    assert (low[0, 0], high[0, 0]) == pytest.approx(mean_interval(scores.ravel(), 0.9))
    assert value[0, 0] == pytest.approx(scores.mean())


@pytest.mark.slow
def test_variances_are_those_that_means_have() -> None:
    """Of a cell, of a difference, and of one against all: over very many draws."""
    random = np.random.default_rng(2)
    contrasts = np.array([[1, 0, 0, 0, 0], [1, -1, 0, 0, 0], [-1, 0.25, 0.25, 0.25, 0.25]])
    values, variances = [], []
    for _ in range(600):
        found = crossed_means(drawn(random, cells=5, seeds=3, images=25))
        values.append(contrasts @ found.means)
        variances.append(sum(found.variances(contrasts)))
    true = np.var(values, axis=0)
    exact = np.array([0.03 / 3 + 0.8 / 25 + 1 / 75, 2 * (0.02 / 3 + 0.3 / 25 + 1 / 75)])
    assert true[:2] == pytest.approx(np.stack([exact, exact], axis=1), rel=0.25)
    assert np.mean(variances, axis=0) == pytest.approx(true, rel=0.2)


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_intervals_hold_the_truth_as_often_as_they_say(seeds: int) -> None:
    random = np.random.default_rng(seeds)
    contrasts = np.array([[1, 0, 0, 0, 0, 0], [0, 1, -1, 0, 0, 0]])
    covered = []
    for _ in range(500):
        found = crossed_means(drawn(random, cells=6, seeds=seeds, images=60))
        _, low, high = found.intervals(contrasts, 0.9)
        covered.append((low <= 0) & (high >= 0))
    shares = np.mean(covered, axis=(0, 2))
    assert ((shares > 0.85) & (shares < 0.96)).all(), shares


def test_what_all_cells_share_cancels_in_differences() -> None:
    random = np.random.default_rng(3)
    alone = drawn(random, cells=4, seeds=4, images=40)
    shared = alone + random.normal(0, 1, (1, 4, 1, 1)) + random.normal(0, 3, (1, 1, 1, 40))
    difference = [[1.0, -1, 0, 0]]
    before, after = crossed_means(alone), crossed_means(shared)
    assert after.variances(difference)[0] == pytest.approx(
        before.variances(difference)[0], rel=1e-3
    )
    assert sum(after.variances([[1.0, 0, 0, 0]])).min() > 0.05  # as means they do vary
    assert (
        sum(after.variances(difference)).max() < 0.25 * sum(after.variances([[1.0, 0, 0, 0]])).min()
    )


def test_equal_cells_differ_by_their_own_seeds_at_most() -> None:
    one = drawn(np.random.default_rng(4), cells=1, seeds=3, images=20)
    found = crossed_means(np.concatenate([one, one]))
    of_images, of_seeds = found.variances([[1.0, -1.0]])
    assert of_images.max() == 0
    assert of_seeds.max() == pytest.approx(0, abs=1e-12)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.data())
def test_no_order_matters(seed: int, data: st.DataObject) -> None:
    random = np.random.default_rng(seed)
    scores = random.integers(0, 2, (4, 3, 2, 9)).astype(np.float32)
    scores[0, 1] = np.nan
    orders = [data.draw(st.permutations(range(size))) for size in scores.shape]
    moved = scores[np.ix_(*orders)]
    contrast = np.array([[1.0, -0.5, -0.5, 0.0]])
    before = crossed_means(scores).intervals(contrast, 0.9)
    after = crossed_means(moved).intervals(contrast[:, orders[0]], 0.9)
    for one, other in zip(before, after, strict=True):
        assert other == pytest.approx(one[:, orders[2]], abs=1e-6)


def test_models_that_are_missing_are_counted_and_images_that_one_lacks_left_out() -> None:
    scores = drawn(np.random.default_rng(5), cells=3, seeds=4, images=10)
    scores[1, 2] = np.nan  # failed
    scores[2, 1:] = np.nan  # one seed is there
    scores[0, 0, 1, 7] = np.inf  # one image was not measured
    kept = scores.copy()
    found = crossed_means(scores)
    assert np.array_equal(scores, kept, equal_nan=True)
    assert found.seeds.tolist() == [4, 3, 1]
    assert (found.images, found.left_out) == (9, 1)
    whole = np.delete(scores, 7, axis=3)
    assert found.means == pytest.approx(np.nanmean(whole, axis=(1, 3)), rel=1e-5)
    assert found.moderation[2] == pytest.approx([1, 1])  # of other cells it has all that it knows
    _, low, high = found.intervals(np.eye(3), 0.95)
    assert np.isfinite(low).all() and np.isfinite(high).all()


def test_a_cell_without_a_seed_has_no_interval() -> None:
    scores = drawn(np.random.default_rng(6), cells=3, seeds=3, images=10)
    scores[1] = np.nan
    found = crossed_means(scores)
    assert np.isnan(found.means[1]).all()
    assert np.isfinite(found.intervals([[1.0, 0, -1]], 0.9)[1]).all()
    with pytest.raises(ValueError, match="cells must have a seed, got none of cell 1"):
        found.intervals([[1.0, 1, 0]], 0.9)


def test_one_seed_has_no_interval() -> None:
    found = crossed_means(np.zeros((3, 1, 1, 10)))
    with pytest.raises(ValueError, match="a cell with two at least"):
        found.intervals(np.eye(3), 0.9)


def test_models_that_all_answer_alike_have_no_noise() -> None:
    found = crossed_means(np.ones((3, 4, 2, 8)))
    value, low, high = found.intervals(np.eye(3), 0.9)
    assert (value == low).all() and (value == high).all() and (value == 1).all()


def test_a_cell_that_varies_more_has_a_wider_interval() -> None:
    """Moderated is not averaged: with cells so unequal each keeps most of its own."""
    random = np.random.default_rng(7)
    spread = np.repeat([0.01, 0.3], 4)
    scores = random.normal(0, spread[:, None, None, None], (8, 8, 1, 1))
    of_seeds = crossed_means(scores).variances(np.eye(8))[1].ravel()
    assert of_seeds[4:].min() > 4 * of_seeds[:4].max()


@pytest.mark.parametrize("shape", [(2, 3, 4), (0, 3, 1, 5), (2, 3, 1, 0)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="scores must be of shape"):
        crossed_means(np.zeros(shape))


def test_nothing_that_all_answered_is_refused() -> None:
    one_each = np.full((2, 1, 1, 2), np.nan)
    one_each[[0, 1], 0, 0, [0, 1]] = 1.0
    for scores in (one_each, np.full((2, 3, 1, 4), np.nan)):
        with pytest.raises(ValueError, match="an image that all models answered"):
            crossed_means(scores)
