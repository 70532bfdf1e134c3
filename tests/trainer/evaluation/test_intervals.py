"""Intervals: their defining equations, published values, SciPy's, and how often they cover."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest, multinomial, norm

from trainer.evaluation.intervals import bootstrap, difference, estimate, wilson
from trainer.evaluation.outcomes import Measure

Z = float(norm.ppf(0.975))


def ladder_means(count: int, *, rungs: int, seed: int) -> Measure:
    """Of N examples that are broken at random rungs, or at none."""
    marks = np.random.default_rng(seed).integers(0, rungs + 1, count)
    return Measure(marks=marks, full=rungs)


# Wilson


@pytest.mark.parametrize(
    ("hits", "low", "high"), [(0, 0.0, 0.2775), (8, 0.4902, 0.9433), (10, 0.7225, 1.0)]
)
def test_wilson_of_ten(hits: int, low: float, high: float) -> None:
    """Computed by hand."""
    assert wilson(hits, 10) == pytest.approx((hits / 10, low, high), abs=5e-5)


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilsons_ends_solve_its_equation(counts: tuple[int, int]) -> None:
    """`|p - hits / count| = z sqrt(p (1 - p) / count)`, squared, at both ends but 0 and 1."""
    hits, count = counts
    share, low, high = wilson(hits, count)
    assert 0 <= low <= share <= high <= 1
    assert low < high
    for end, other in ((low, 0), (high, count)):
        if hits == other:
            assert end == other / count
        else:
            squared = Z**2 * end * (1 - end) / count
            assert (end - share) ** 2 == pytest.approx(squared, rel=1e-6, abs=1e-15)


@pytest.mark.parametrize(("hits", "count"), [(0, 1), (1, 1), (3, 7), (359, 359), (4711, 10_000)])
def test_wilson_is_scipys(hits: int, count: int) -> None:
    expected = binomtest(hits, count).proportion_ci(confidence_level=0.95, method="wilson")
    assert wilson(hits, count)[1:] == pytest.approx(tuple(expected), abs=1e-12)


@pytest.mark.parametrize("count", [20, 100, 1000])
def test_wilson_covers(count: int) -> None:
    """Exactly, by the binomial probabilities of every result."""
    chances = np.linspace(0.01, 0.99, 99)
    results = [wilson(hits, count) for hits in range(count + 1)]
    low, high = (np.array([getattr(it, end) for it in results]) for end in ("low", "high"))
    probabilities = binom.pmf(np.arange(count + 1)[:, None], count, chances)
    covered = (low[:, None] <= chances) & (chances <= high[:, None])
    coverage = (probabilities * covered).sum(0)
    assert coverage.mean() == pytest.approx(0.95, abs=0.01)
    assert coverage.min() > 0.83


# The bootstrap


def test_bootstrap_of_many_is_the_normal_interval() -> None:
    measure = ladder_means(10_000, rungs=6, seed=0)
    value, low, high = bootstrap(measure)
    half = Z * (measure.marks / 6).std() / 100
    assert value == measure.value
    assert (low, high) == pytest.approx((value - half, value + half), abs=0.05 * half)


def test_bootstrap_is_the_one_that_draws_examples() -> None:
    """Here by their indices, with another generator's numbers; N is small and the marks skew."""
    marks = np.array([0] * 14 + [1] * 4 + [2, 5])
    random = np.random.default_rng(1)
    means = marks[random.integers(0, 20, (40_000, 20))].mean(1) / 5
    expected = np.quantile(means, [0.025, 0.975])
    assert bootstrap(Measure(marks=marks, full=5))[1:] == pytest.approx(expected, abs=0.0101)


@pytest.mark.parametrize("value", [0, 2, 5])
def test_where_all_are_equal_others_may_still_be_different(value: int) -> None:
    """A share of at most Wilson's bound for 0 of N, at the range's other end."""
    found = bootstrap(Measure(marks=np.full(50, value), full=5))
    others = binomtest(0, 50).proportion_ci(method="wilson").high
    share = value / 5
    assert found == pytest.approx((share, share * (1 - others), share + (1 - share) * others))


@pytest.mark.slow
def test_bootstrap_covers() -> None:
    """Ladders of six rungs on 100 examples; most examples are broken at the first."""
    random, chances = np.random.default_rng(2), np.array([0.5, 0.2, 0.1, 0.05, 0.05, 0.05, 0.05])
    true = float(chances @ np.arange(7)) / 6
    samples = random.choice(7, p=chances, size=(300, 100))
    found = [bootstrap(Measure(marks=sample, full=6)) for sample in samples]
    share = np.mean([it.low <= true <= it.high for it in found])
    assert 0.91 < share < 0.98  # 0.95, with three standard errors of 300


def test_equal_measures_have_equal_intervals() -> None:
    measure = ladder_means(200, rungs=5, seed=3)
    shuffled = Measure(marks=np.random.default_rng(4).permutation(measure.marks), full=5)
    assert bootstrap(measure) == bootstrap(measure) == bootstrap(shuffled)


# Which of the two


def test_a_share_has_wilsons_interval_and_another_mean_the_bootstraps() -> None:
    marks = np.array([0, 1, 1, 0, 1])
    assert estimate(Measure(marks=marks, full=1)) == wilson(3, 5)
    assert estimate(Measure(marks=marks, full=2)) == bootstrap(Measure(marks=marks, full=2))


def test_of_no_example_there_is_no_estimate() -> None:
    assert estimate(Measure(marks=np.zeros(0, dtype=np.int64), full=1)) is None


# Paired differences


@given(st.lists(st.sampled_from([-1.0, -0.5, 0.0, 0.5, 1.0]), min_size=1, max_size=30))
def test_a_difference_lies_in_its_interval(changes: list[float]) -> None:
    value, low, high = difference(np.array(changes))
    assert value == pytest.approx(np.mean(changes))
    assert -1 <= low <= value + 1e-12
    assert value - 1e-12 <= high <= 1
    opposite = difference(-np.array(changes))
    assert opposite == pytest.approx((-value, -high, -low))


def test_a_difference_of_bits_by_hand() -> None:
    """Twelve against five of a hundred: with 13/102 and 6/102 in Bonett's and Price's formula."""
    changes = np.array([1.0] * 12 + [-1.0] * 5 + [0.0] * 83)
    half = Z * math.sqrt((19 / 102 - (7 / 102) ** 2) / 102)
    assert difference(changes) == pytest.approx((0.07, 7 / 102 - half, 7 / 102 + half))


@pytest.mark.parametrize("chances", [(0.0, 0.0), (0.02, 0.02), (0.1, 0.02), (0.3, 0.1), (0.4, 0.4)])
def test_differences_of_bits_cover(chances: tuple[float, float]) -> None:
    """Exactly: every number of wins and losses of 40 with its multinomial probability."""
    count, (wins, losses) = 40, chances
    coverage = 0.0
    for won in range(count + 1):
        for lost in range(count + 1 - won):
            probability = multinomial.pmf(
                [won, lost, count - won - lost], count, [wins, losses, 1 - wins - losses]
            )
            if probability > 1e-9:
                changes = np.repeat([1.0, -1.0, 0.0], [won, lost, count - won - lost])
                _, low, high = difference(changes)
                coverage += probability * (low <= wins - losses <= high)
    assert coverage > 0.93
