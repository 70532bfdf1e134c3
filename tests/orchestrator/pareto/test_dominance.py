"""Dominance, hypervolume and knee, against brute force and closed forms."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from orchestrator.pareto.dominance import hypervolume, knee, non_dominated

Points = npt.NDArray[np.float64]

COARSE = st.integers(-4, 4).map(float)
"""Few values, so that ties and duplicates are the rule."""

FINE = st.floats(-1e3, 1e3, allow_subnormal=False)


def point_sets(dimensions: int, *, most: int, elements: Any = COARSE) -> st.SearchStrategy[Points]:
    shapes = st.integers(0, most).map(lambda rows: (rows, dimensions))
    return hnp.arrays(np.float64, shapes, elements=elements)


def dominated_by_any(points: Points) -> list[bool]:
    """By the definition, pair by pair."""
    return [
        any((other <= point).all() and (other < point).any() for other in points)
        for point in points
    ]


def swept_area(points: Points, reference: Points) -> float:
    """Two objectives: columns between neighbouring x, each as high as the best y so far."""
    inside = sorted(tuple(p) for p in points if (p < reference).all())
    area, best_y = 0.0, reference[1]
    for k, (x, y) in enumerate(inside):
        best_y = min(best_y, y)
        next_x = inside[k + 1][0] if k + 1 < len(inside) else reference[0]
        area += (next_x - x) * (reference[1] - best_y)
    return area


def included_volume(points: Points, reference: Points) -> float:
    """Any number of objectives: inclusion and exclusion over all sets of boxes."""
    inside = [p for p in points if (p < reference).all()]
    return sum(
        (-1.0) ** (size + 1) * float(np.prod(reference - np.max(chosen, axis=0)))
        for size in range(1, len(inside) + 1)
        for chosen in combinations(inside, size)
    )


# --- the non-dominated set


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([[0, 1], [1, 0]], [True, True]),
        ([[0, 0], [1, 1]], [True, False]),
        ([[0, 1], [0, 2]], [True, False]),  # equal in one objective, worse in the other
        ([[0, 1], [0, 1], [0.5, 1]], [True, True, False]),  # ties are all kept
        ([[2, 2, 2], [1, 3, 2], [2, 2, 3]], [True, True, False]),
        ([[0.0, -0.0], [-0.0, 0.0]], [True, True]),
        ([[3], [1], [1]], [False, True, True]),
    ],
)
def test_non_dominated_by_hand(points: list[list[float]], expected: list[bool]) -> None:
    assert non_dominated(points).tolist() == expected


@pytest.mark.parametrize("dimensions", [1, 2, 3, 4])
def test_non_dominated_is_what_no_point_dominates(dimensions: int) -> None:
    @settings(max_examples=40, deadline=None)
    @given(point_sets(dimensions, most=12) | point_sets(dimensions, most=12, elements=FINE))
    def check(points: Points) -> None:
        assert non_dominated(points).tolist() == [not bad for bad in dominated_by_any(points)]

    check()


def test_nothing_is_non_dominated_among_nothing() -> None:
    mask = non_dominated(np.empty((0, 2)))
    assert mask.shape == (0,)
    assert mask.dtype == np.bool_


@pytest.mark.parametrize("function", [non_dominated, knee, lambda p: hypervolume(p, [1.0, 1.0])])
@pytest.mark.parametrize(
    ("points", "message"),
    [
        ([[0.0, 1.0], [np.nan, 0.0]], r"finite, got \[nan, 0.0\] in row 1"),
        ([[0.0, np.inf]], r"finite, got \[0.0, inf\] in row 0"),
        ([0.0, 1.0], r"shape \(N, M\).*got \(2,\)"),
        (np.empty((3, 0)), r"M >= 1 objectives, got \(3, 0\)"),
    ],
)
def test_points_that_mean_nothing_are_refused(function: Any, points: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        function(points)


# --- the hypervolume


def test_hypervolume_by_hand() -> None:
    assert hypervolume([[0, 0]], [2, 3]) == 6
    assert hypervolume([[0, 1], [1, 0]], [2, 2]) == 3
    assert hypervolume([[0, 0, 1], [0, 1, 0], [1, 0, 0]], [2, 2, 2]) == 7
    assert hypervolume(np.empty((0, 2)), [1, 1]) == 0


def test_points_beyond_the_reference_add_nothing() -> None:
    assert hypervolume([[2, -9], [-9, 2], [5, 5]], [1, 1]) == 0
    assert hypervolume([[0, 0], [1, -5]], [1, 1]) == 1  # the second lies on the reference


@settings(max_examples=50, deadline=None)
@given(point_sets(2, most=10) | point_sets(2, most=10, elements=FINE))
def test_hypervolume_of_two_objectives_is_the_area_swept(points: Points) -> None:
    reference = np.array([2.0, 3.0])
    assert hypervolume(points, reference) == pytest.approx(swept_area(points, reference), abs=1e-6)


@settings(max_examples=50, deadline=None)
@given(point_sets(3, most=7))
def test_hypervolume_of_three_objectives_by_inclusion_and_exclusion(points: Points) -> None:
    reference = np.array([3.0, 4.0, 2.0])
    assert hypervolume(points, reference) == pytest.approx(included_volume(points, reference))


@settings(max_examples=40, deadline=None)
@given(point_sets(3, most=8), hnp.arrays(np.float64, (1, 3), elements=COARSE), st.randoms())
def test_hypervolume_grows_with_points_and_knows_no_order(
    points: Points, another: Points, random: Any
) -> None:
    reference = [5.0, 5.0, 5.0]
    volume = hypervolume(points, reference)
    shuffled = random.sample(points.tolist(), len(points)) if len(points) else points
    assert hypervolume(np.vstack([points, another]), reference) >= volume - 1e-9
    assert hypervolume(shuffled, reference) == pytest.approx(volume)
    assert hypervolume(np.vstack([points, points]), reference) == pytest.approx(volume)
    assert hypervolume(points[non_dominated(points)], reference) == pytest.approx(volume)


@pytest.mark.parametrize(
    ("reference", "message"),
    [([1.0], "one number for each of the 2 objectives"), ([1.0, np.nan], "finite, got .*nan")],
)
def test_reference_points_that_mean_nothing_are_refused(
    reference: list[float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        hypervolume([[0.0, 0.0]], reference)


# --- the knee


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([[0, 10], [1, 1], [10, 0]], 1),
        ([[0, 10], [1, 1], [10, 0], [11, 11]], 1),  # what is dominated has no say
        ([[0, 10], [2, 4], [3, 3.5], [10, 0]], 1),  # sums 0.60 and 0.65
        ([[0, 1], [0.5, 0.5], [1, 0]], None),  # straight
        ([[0, 1], [0.7, 0.7], [1, 0]], None),  # concave
        ([[0, 1], [1, 0]], None),
        ([[0, 1], [0, 1], [1, 0], [1, 0]], None),  # four points, two distinct
        ([[0, 4, 7], [1, 1, 7], [4, 0, 7]], 1),  # a constant objective has no say
        (np.empty((0, 2)), None),
    ],
)
def test_knee_by_hand(points: Any, expected: int | None) -> None:
    assert knee(points) == expected


def test_knee_is_farthest_below_the_chord() -> None:
    """On y = 1 / x between x = 1/8 and 8 the tangent parallel to the chord touches at x = 1."""
    x = 2.0 ** np.linspace(-3, 3, 61)
    assert x[knee(np.column_stack([x, 1 / x]))] == pytest.approx(1.0)


@settings(max_examples=60, deadline=None)
@given(point_sets(2, most=10) | point_sets(3, most=10), st.randoms(), st.integers(-6, 6))
@example(np.array([[0.0, 3.0], [1.0, 1.0], [3.0, 0.0], [1.0, 1.0]]), None, 3)
@example(np.array([[0.0, 10.0], [4.0, 5.0], [5.0, 4.0], [10.0, 0.0]]), None, 0)  # equal sums
def test_knee_depends_on_neither_order_nor_units(
    points: Points, random: Any, exponent: int
) -> None:
    chosen = knee(points)
    order = list(range(len(points)))[::-1]
    if random is not None:
        random.shuffle(order)
    units = np.array([3.0 * 10.0**exponent, 0.7, 11.0])[: points.shape[1]]
    again = knee(points[order] * units)
    if chosen is None:
        assert again is None
    else:
        assert again is not None
        assert points[order][again].tolist() == points[chosen].tolist()
        assert non_dominated(points)[chosen]


def test_inputs_are_left_as_they_were() -> None:
    points = np.array([[0.0, 3.0], [1.0, 1.0], [3.0, 0.0], [9.0, 9.0]])
    reference = np.array([4.0, 4.0])
    for array in (points, reference):
        array.setflags(write=False)
    before = points.copy(), reference.copy()
    assert (non_dominated(points).sum(), hypervolume(points, reference), knee(points)) == (3, 11, 1)
    assert (points == before[0]).all()
    assert (reference == before[1]).all()
