"""Attainment surfaces against a count of the seeds that attain each outcome."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.pareto.attainment import LEAST_SEEDS, PERCENTAGES, attainment, staircases

POINTS = st.integers(2, 3).flatmap(
    lambda objectives: st.lists(
        st.lists(
            st.tuples(*[st.integers(0, 2)] * objectives).map(lambda it: [float(x) for x in it]),
            max_size=3,
        ),
        min_size=LEAST_SEEDS,
        max_size=9,
    )
)
"""Of each seed; some have none."""


def reaches(points: np.ndarray | Sequence[Sequence[float]], outcome: Sequence[float]) -> bool:
    return any(all(np.less_equal(point, outcome)) for point in points)


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(POINTS)
def test_a_surface_bounds_what_its_share_of_seeds_attains(
    by_seed: list[list[list[float]]],
) -> None:
    surfaces = attainment(by_seed)
    objectives = next((len(it[0]) for it in by_seed if it), 2)
    for percentage in PERCENTAGES:
        needed = math.ceil(len(by_seed) * percentage / 100)
        for outcome in np.ndindex(*[4] * objectives):
            count = sum(reaches(points, outcome) for points in by_seed)
            assert reaches(surfaces[percentage], outcome) == (count >= needed)


def test_seeds_that_agree_have_one_surface() -> None:
    front = [[0.0, 1.0], [1.0, 0.0]]
    surfaces = attainment([[*front, [2.0, 2.0]]] * 8)
    for points in surfaces.values():
        assert sorted(points.tolist()) == front


def test_staircases_are_each_seeds_front() -> None:
    first, second = staircases([[[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [0.0, 1.0]], []])
    assert first.tolist() == [[0.0, 1.0], [1.0, 0.0]]
    assert len(second) == 0


def test_few_seeds_and_many_objectives_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 8 seeds, got 7; show each seed's staircase"):
        attainment([[[0.0, 0.0]]] * 7)
    with pytest.raises(ValueError, match="two or three objectives, got"):
        attainment([[[0.0] * 4]] * 8)
    with pytest.raises(ValueError, match="finite"):
        attainment([[[0.0, np.nan]]] * 8)
