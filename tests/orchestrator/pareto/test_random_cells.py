"""The mean hypervolume of random cells, against all subsets of them."""

from __future__ import annotations

import time
from itertools import combinations
from math import comb
from typing import Any

import moocore
import numpy as np
import pytest

from orchestrator.pareto.dominance import hypervolume
from orchestrator.pareto.random_cells import (
    MOST_BOXES,
    covered_by_random,
    expected_hypervolume,
    volume_by_count,
)


def mean_over_subsets(points: Any, reference: Any, *, cells: int, chosen: int) -> float:
    """By the definition; cells beyond the points have none."""
    volumes = [
        moocore.hypervolume(points[list(filled)], ref=reference) if filled else 0.0
        for subset in combinations(range(cells), chosen)
        for filled in [[at for at in subset if at < len(points)]]
    ]
    return float(np.mean(volumes))


@pytest.mark.parametrize("objectives", [1, 2, 3, 4])
@pytest.mark.parametrize("empty", [0, 2])
def test_it_is_the_mean_over_all_subsets(objectives: int, empty: int) -> None:
    random = np.random.default_rng(10 * objectives + empty)
    for count in (1, 4, 7):
        for points in (
            random.uniform(0, 1.2, (count, objectives)),  # some beyond the reference
            random.integers(0, 3, (count, objectives)) / 2,  # ties, and equal points
        ):
            for chosen in range(1, count + empty + 1):
                given = {"cells": count + empty, "chosen": chosen}
                expected = mean_over_subsets(points, np.ones(objectives), **given)
                got = expected_hypervolume(points, np.ones(objectives), **given)
                assert got == pytest.approx(expected, abs=1e-12), (points, chosen)


@pytest.mark.parametrize("objectives", [2, 3])
def test_of_all_cells_it_is_the_hypervolume(objectives: int) -> None:
    points = np.random.default_rng(1).uniform(-1, 1, (40, objectives))
    reference = [0.8] * objectives
    expected = hypervolume(points, reference)
    assert expected_hypervolume(points, reference, cells=40, chosen=40) == pytest.approx(expected)
    assert volume_by_count(points, reference).sum() == pytest.approx(expected)


def test_more_cells_hold_more() -> None:
    points = np.random.default_rng(2).uniform(0, 1, (30, 2))
    means = [expected_hypervolume(points, [1, 1], cells=30, chosen=k) for k in range(1, 31)]
    assert all(np.diff(means) > 0)


def test_no_point_holds_nothing() -> None:
    assert expected_hypervolume(np.empty((0, 2)), [1, 1], cells=3, chosen=2) == 0
    assert expected_hypervolume([[2.0, 0.0]], [1, 1], cells=3, chosen=2) == 0


def test_the_chance_of_cover_by_hand() -> None:
    assert covered_by_random(4, 2) == pytest.approx([0, 1 / 2, 5 / 6, 1, 1])
    assert covered_by_random(2000, 1000)[1] == pytest.approx(0.5)
    many = covered_by_random(1000, 7)
    assert many[3] == pytest.approx(1 - comb(997, 7) / comb(1000, 7))


@pytest.mark.slow
def test_a_thousand_cells_take_moments() -> None:
    points = np.random.default_rng(3).uniform(0, 1, (1000, 2))
    began = time.perf_counter()
    expected_hypervolume(points, [1, 1], cells=1000, chosen=100)
    assert time.perf_counter() - began < 3


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="shape"):
        volume_by_count([1.0, 2.0], [1, 1])
    with pytest.raises(ValueError, match="finite"):
        volume_by_count([[np.nan, 2.0]], [1, 1])
    with pytest.raises(ValueError, match="chosen must be from 1 to the 3 cells, got 4"):
        expected_hypervolume([[0.0, 0.0]], [1, 1], cells=3, chosen=4)
    with pytest.raises(ValueError, match="at least the 2 points, got 1"):
        expected_hypervolume([[0.0, 0.0], [0.0, 0.0]], [1, 1], cells=1, chosen=1)
    many = np.random.default_rng(4).uniform(0, 1, (int(MOST_BOXES ** (1 / 5)) + 10, 5))
    with pytest.raises(ValueError, match="at most"):
        volume_by_count(many, [1] * 5)
