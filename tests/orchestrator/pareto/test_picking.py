"""Cells are picked by the stated formula alone, within the limits, and never a dominated one."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.pareto.dominance import knee
from orchestrator.pareto.picking import Limit, PickError, Rule, Scale, all_shares, why_none

EVEN = (0.5, 0.5)
LEVELS = st.integers(0, 6)  # few, so that there are ties and equal points


@st.composite
def asked(draw: st.DrawFn) -> tuple[list[list[int]], list[int], int, list[int] | None]:
    """Points, a column and its bound, and shares in tenths; None: the knee's rule."""
    size = draw(st.integers(2, 4))
    points = draw(st.lists(st.lists(LEVELS, min_size=size, max_size=size), min_size=1, max_size=8))
    column = draw(st.lists(LEVELS, min_size=len(points), max_size=len(points)))
    cuts = sorted(draw(st.lists(st.integers(0, 10), min_size=size - 1, max_size=size - 1)))
    shares = [b - a for a, b in zip([0, *cuts], [*cuts, 10], strict=True)]
    return points, column, draw(LEVELS), draw(st.sampled_from([None, shares]))


def by_formula(
    points: list[list[int]], column: list[int], bound: int, shares: list[int] | None
) -> int | None:
    """The cell by the formula as it is written, in fractions."""
    size = len(points[0])
    weights = [Fraction(1, size)] * size if shares is None else [Fraction(s, 10) for s in shares]

    def dominates(p: list[int], q: list[int]) -> bool:
        return p != q and all(a <= b for a, b in zip(p, q, strict=True))

    front = [p for p in points if not any(dominates(q, p) for q in points)]
    value = [Fraction(0)] * len(points)
    for k, weight in enumerate(weights):
        for some in (front, points):
            low, high = min(p[k] for p in front), max(p[k] for p in some)
            if some is points:
                high = low + max(p[k] for p in points) - min(p[k] for p in points)
            if high > low:
                for at, p in enumerate(points):
                    value[at] += weight * Fraction(p[k] - low, high - low)
                break
    within = [at for at in range(len(points)) if column[at] <= bound]
    return min(within, key=lambda at: (value[at], points[at], at), default=None)


@settings(max_examples=60)
@given(asked())
def test_the_cell_is_that_of_the_formula(
    given_: tuple[list[list[int]], list[int], int, list[int] | None],
) -> None:
    points, column, bound, shares = given_
    limits = (Limit(column="c", bound=float(bound), is_at_most=True),)
    rule = Rule(limits=limits, shares=None if shares is None else tuple(s / 10 for s in shares))
    values = np.array(column, dtype=float)[:, None]
    found = rule.pick(points, values)
    assert found == by_formula(points, column, bound, shares)
    if found is None:
        assert min(column) > bound
        return
    within = [p for p, c in zip(points, column, strict=True) if c <= bound]
    better = [p for p in within if p != points[found] and np.all(np.array(p) <= points[found])]
    assert better == []
    turned = [Limit(column="c", bound=-float(bound), is_at_most=False)]
    assert Rule(limits=tuple(turned), shares=rule.shares).pick(points, -values) == found
    stretched = np.array(points) * 7.0 - 3.0  # no unit matters
    assert rule.pick(stretched, values) == found
    if len(within) > 1:
        left = [at for at in range(len(points)) if at != found]
        other = rule.pick(points, values, without=found)
        assert other in left and column[other] <= bound


@settings(max_examples=40)
@given(st.lists(st.tuples(LEVELS, LEVELS), min_size=1, max_size=8))
def test_without_limits_it_is_the_knee_of_the_front(points: list[tuple[int, int]]) -> None:
    found = Rule().pick(points, np.empty((len(points), 0)))
    assert found == knee(points)
    if found is not None and len(set(points)) == len(points):
        even = Rule(shares=EVEN).pick(points, np.empty((len(points), 0)))
        assert found == even


def test_a_limit_does_not_change_what_a_share_means() -> None:
    """On the whole front 1 and 2 are a tenth apart in the first objective, half in the second; on
    the part within the limit they would be its ends, and equally good."""
    points = [[0.0, 1.0], [0.5, 0.6], [0.6, 0.1], [1.0, 0.0]]
    limit = Limit(column="c", bound=0.6, is_at_most=True)
    rule = Rule(limits=(limit,), shares=EVEN)
    values = np.array(points)[:, [1]]
    assert rule.pick(points, values) == 2
    assert rule.pick(points, values, without=2) == 3


def test_rounding_picks_nothing() -> None:
    points = [[0.1 + 0.2, 0.6], [0.3, 0.6 + 1e-15], [0.0, 1.0], [1.0, 0.0]]
    limit = Limit(column="c", bound=0.3, is_at_most=True)
    assert limit.holds([0.1 + 0.2, 0.3000001, np.nan]).tolist() == [True, False, False]
    assert Rule(shares=EVEN).pick(points, np.empty((4, 0))) == 1, "the better in the first"


def test_of_one_cell_the_scale_is_nothing() -> None:
    assert Rule(shares=EVEN).pick([[0.2, 0.4]], np.empty((1, 0))) == 0
    assert Rule(shares=EVEN).pick(np.empty((0, 2)), np.empty((0, 0))) is None
    assert Rule().pick([[0.2, 0.4]], np.empty((1, 0))) is None, "it has no knee"


@pytest.mark.parametrize(
    ("points", "row"),
    [
        ([[0.3, 0.0], [0.1, 0.0], [0.2, 0.0]], 2),
        ([[0.1, 0.0], [0.4, 0.0]], 1),
        ([[0.4, 0.0], [0.1, 0.0], [0.2, 0.0], [0.3, 0.0]], 3),
        ([[0.2, 0.0]], 0),
        ([[0.2, 0.1], [0.1, 0.2], [0.0, 0.3]], 1),  # equal in value: by the first objective
    ],
)
def test_of_trainings_the_median_is_taken_not_the_best(points: list[list[float]], row: int) -> None:
    scale = Scale.of([[0.0, 1.0], [1.0, 0.0]])
    assert Rule(shares=EVEN).median(points, scale=scale) == row
    assert Rule().median(points, scale=scale) == row


def test_recurrence_counts_what_the_same_rule_picks() -> None:
    random = np.random.default_rng(3)
    points = random.random((50, 5, 2))
    values = random.random((50, 5, 1))
    for shares in (None, (0.7, 0.3)):
        for limits in ((), (Limit(column="c", bound=0.2, is_at_most=True),)):
            rule = Rule(limits=limits, shares=shares)
            found = [rule.pick(*it) for it in zip(points, values, strict=True)]
            shares_found = rule.recurrence(points, values)
            assert shares_found.tolist() == [found.count(cell) / 50 for cell in range(5)]


def test_shares_of_the_objectives() -> None:
    names = ("a", "b", "c")
    assert all_shares({"a": 0.7}, names[:2]) == pytest.approx((0.7, 0.3))
    assert all_shares({"b": 0.5}, names) == (0.25, 0.5, 0.25)
    assert all_shares({"a": 1.0}, names) == (1.0, 0.0, 0.0)
    assert all_shares({"a": 0.1, "b": 0.2, "c": 0.7}, names) == (0.1, 0.2, 0.7)
    for named, said in (
        ({"a": 1.2}, "--prefer a must be a share from 0 to 1, got 1.2"),
        ({"a": float("nan")}, "--prefer a must be a share from 0 to 1, got nan"),
        ({"a": 0.7, "b": 0.7}, "shares must sum to 1 at most, got 1.4 of a=0.7, b=0.7"),
        ({"a": 0.2, "b": 0.2, "c": 0.2}, "sum to 1 where every objective has one, got 0.6"),
    ):
        with pytest.raises(PickError, match=said):
            all_shares(named, names)


def test_where_no_cell_is_within_the_limits_the_nearest_values_are_told() -> None:
    rule = Rule(
        limits=(
            Limit(column="sacrifice", bound=0.01, is_at_most=True),
            Limit(column="union", bound=0.5, is_at_most=False),
            Limit(column="passes", bound=0.0, is_at_most=True),
        )
    )
    values = np.array([[0.3, 0.6, np.nan], [0.0, 0.2, np.nan], [0.05, 0.5, np.nan]])
    assert why_none(rule, values, ["x", "y", "z"]) == (
        "sacrifice: the nearest is 0, of y; union: the nearest is 0.6, of x; "
        "no cell has a number in passes"
    )
    both = Rule(limits=rule.limits[:2])
    assert why_none(both, values[:, :2], ["x", "y", "z"]) == (
        "sacrifice: the nearest within the others is 0.05, of z; "
        "union: the nearest within the others is 0.2, of y"
    )
    assert "0.3, of x" in why_none(Rule(limits=rule.limits[:1]), values[:1], ["x"])
