"""Fronts of many sets at once against the definition, and their volumes set by set."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from orchestrator.pareto.dominance import hypervolume
from orchestrator.pareto.many_fronts import fronts, volumes

NUMBERS = st.sampled_from([-np.inf, -1.0, 0.0, 0.5, 1.0, np.inf, np.nan])
"""Few, so that points tie and repeat."""

SETS = st.tuples(st.integers(1, 3), st.integers(1, 7), st.integers(1, 4)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=NUMBERS)
)


@settings(max_examples=150, deadline=None)
@given(SETS)
def test_a_point_is_on_the_front_that_no_other_dominates(points: np.ndarray) -> None:
    found = fronts(points)
    for at, each in enumerate(points):
        for place, point in enumerate(each):
            others = [it for it in each if not np.isnan(it).any()]
            dominated = any((it <= point).all() and (it < point).any() for it in others)
            assert found[at, place] == (not dominated and not np.isnan(point).any())


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(st.integers(1, 3), st.integers(1, 6), st.integers(2, 3)).flatmap(
        lambda shape: arrays(np.float64, shape, elements=st.sampled_from([-1.0, 0.0, 0.3, 1.0, 2]))
    )
)
def test_volumes_are_those_of_each_set(points: np.ndarray) -> None:
    reference = np.full(points.shape[2], 1.5)
    expected = [hypervolume(each, reference) for each in points]
    assert volumes(points, reference) == pytest.approx(expected)


def test_volumes_are_closed_forms_and_what_random_points_hit() -> None:
    staircase = np.array([[[0.0, 0.5], [0.5, 0.0], [0.9, 0.9]]])
    assert volumes(staircase, [1.0, 1.0]) == pytest.approx([0.75])
    lines = np.linspace(0, 1, 1001)  # below x + y = 1 half of the square, but for the steps
    assert volumes(np.stack([lines, 1 - lines], axis=1)[None], [1, 1])[0] == pytest.approx(
        0.5, abs=1e-3
    )
    random = np.random.default_rng(0)
    points, tried = random.random((20, 3)), random.random((40_000, 3))
    hit = np.any(np.all(points[None] <= tried[:, None], axis=2), axis=1).mean()
    assert volumes(points[None], np.ones(3))[0] == pytest.approx(hit, abs=0.015)


def test_what_is_beyond_the_reference_or_nan_holds_nothing() -> None:
    points = np.array([[[0.0, 2.0], [np.nan, 0.0]], [[0.0, 0.0], [np.nan, 0.0]]])
    assert volumes(points, [1.0, 1.0]).tolist() == [0.0, 1.0]
