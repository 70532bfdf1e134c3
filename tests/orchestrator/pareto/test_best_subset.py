"""The subset of cells that holds most, against all subsets there are."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from orchestrator.pareto.best_subset import best_subset
from orchestrator.pareto.dominance import hypervolume


@pytest.mark.parametrize("seed", range(12))
def test_no_other_subset_holds_more(seed: int) -> None:
    """Front and dominated points, ties, and points beyond the reference."""
    draw = np.random.default_rng(seed)
    points = draw.uniform(0, 1.2, (7, 2))
    points[:5, 1] = 1.1 - points[:5, 0] ** 2  # most of them on a front
    points[6] = points[seed % 6]
    before = points.copy()
    for size in range(1, 9):
        chosen = best_subset(points, [1.0, 1.0], size=size)
        assert chosen == sorted(set(chosen)), seed
        assert len(chosen) == min(size, 7), seed
        most = max(
            hypervolume(points[list(rows)], [1.0, 1.0])
            for rows in combinations(range(7), min(size, 7))
        )
        assert hypervolume(points[chosen], [1.0, 1.0]) == pytest.approx(most, abs=1e-12), seed
    np.testing.assert_array_equal(points, before)


def test_a_large_front_is_chosen_from_exactly() -> None:
    """Of x + y = 1 the best k points lie evenly: k/(k + 1) of the triangle's half."""
    x = np.linspace(0, 1, 121)
    front = np.stack([x, 1 - x], axis=1)
    chosen = best_subset(front, [1.0, 1.0], size=3)
    np.testing.assert_allclose(x[chosen], [0.25, 0.5, 0.75])


def test_what_holds_nothing_is_filled_in_by_order() -> None:
    points = [[2.0, 2.0], [0.5, 0.5], [0.6, 0.6], [0.5, 0.5]]
    assert best_subset(points, [1.0, 1.0], size=1) == [1]
    assert best_subset(points, [1.0, 1.0], size=2) == [0, 1]
    assert best_subset(points, [1.0, 1.0], size=9) == [0, 1, 2, 3]
    assert best_subset(np.empty((0, 2)), [1.0, 1.0], size=2) == []


@pytest.mark.parametrize(
    ("points", "size", "message"),
    [
        ([[0.1, 0.2, 0.3]], 1, "shape"),
        ([[0.1, np.nan]], 1, "finite"),
        ([[0.1, 0.2]], 0, "size must be at least 1, got 0"),
    ],
)
def test_bad_arguments(points: list[list[float]], size: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        best_subset(points, [1.0, 1.0], size=size)
