"""The hypervolume of a front of means against truth that is known, and its optimism."""

from __future__ import annotations

import numpy as np
import pytest

from orchestrator.pareto.dominance import hypervolume
from orchestrator.pareto.held import held

REFERENCE = np.ones(2)


def around(points: np.ndarray, noise: float | list[float], count: int, seed: int) -> np.ndarray:
    return points + np.random.default_rng(seed).normal(0, noise, (count, *points.shape))


def test_without_noise_it_is_the_hypervolume() -> None:
    points = np.array([[0.1, 0.6], [0.5, 0.2], [2.0, 0.0]])
    found = held(points, np.repeat(points[None], 9, axis=0), REFERENCE, level=0.9)
    known = hypervolume(points, REFERENCE)
    assert (found.seen, found.value, found.low, found.high) == pytest.approx((known,) * 4)
    assert found.optimism == pytest.approx(0)


def test_one_point_of_one_objective_moves_with_its_noise() -> None:
    """A closed form: 1 - x of x normal, times 1; no choice, no optimism, a normal interval."""
    points = np.array([[0.4, 0.0]])
    found = held(points, around(points, [0.05, 0], 4000, 1), REFERENCE, level=0.9)
    assert found.seen == pytest.approx(0.6)
    assert found.optimism == pytest.approx(0, abs=0.004)
    assert (found.low, found.high) == pytest.approx((0.6 - 0.0822, 0.6 + 0.0822), abs=0.006)


def test_the_optimism_of_the_best_of_two_is_what_the_choice_adds() -> None:
    """A closed form: of two equal normal means the better is seen s / sqrt(pi) too good. Resamples
    around equal ones choose as the means did, and theirs is that."""
    points = np.array([[0.4, 0.0]] * 2)
    found = held(points, around(points, [0.05, 0], 20_000, 2), REFERENCE, level=0.9)
    assert found.optimism == pytest.approx(0.05 / np.pi**0.5, rel=0.05)


@pytest.mark.parametrize("objectives", [2, 3])
def test_the_optimism_is_that_of_the_chosen_cells(objectives: int) -> None:
    """By the definition, to which the difference of two volumes comes down with one cell on the
    front for each part: a box with the resample's corner, and with the corner seen."""
    points = np.full((1, objectives), 0.5)
    draws = around(points, 0.02, 300, 3)
    found = held(points, draws, np.ones(objectives), level=0.9)
    gradient = -np.prod(1 - draws, axis=2)[..., None] / (1 - draws)
    expected = np.mean(np.sum(gradient * (draws - points), axis=(1, 2)))
    assert found.optimism == pytest.approx(expected, abs=1e-5)


@pytest.mark.slow
def test_optimism_is_taken_off_and_the_interval_holds_the_truth() -> None:
    """Four parts of a front with three equal cells each: what is seen is too much in nearly all
    draws, by twice what it varies by."""
    steps = np.linspace(0.2, 0.5, 4)
    truth = np.repeat(np.stack([steps, 0.7 - steps], axis=1), 3, axis=0)
    known = hypervolume(truth, REFERENCE)
    random = np.random.default_rng(2)
    found = []
    for seed in range(200):
        seen = truth + random.normal(0, 0.01, truth.shape)
        found.append(held(seen, around(seen, 0.01, 200, seed), REFERENCE, level=0.9))
    bias = np.mean([it.seen for it in found]) - known
    left = np.mean([it.value for it in found]) - known
    assert abs(left) < 0.5 * bias
    covered = np.mean([it.low <= known <= it.high for it in found])
    assert covered > 0.7  # of what is seen, with the same width, 0.3


def test_nothing_is_held_beyond_the_reference() -> None:
    points = np.array([[1.5, 0.0]])
    found = held(points, around(points, 0.01, 20, 3), REFERENCE, level=0.9)
    assert (found.value, found.low, found.high) == (0, 0, 0)
