"""Sign flips against enumeration and SciPy, Holm's step-down against the closed test."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import permutation_test

from orchestrator.pareto.sign_flips import MOST_SEEDS, holm, sign_flip_p, smallest_p

FEW = st.lists(st.integers(-6, 6), min_size=1, max_size=9)
"""Whole numbers, whose sums tie often and without rounding."""


@settings(max_examples=60, deadline=None)
@given(FEW)
def test_p_is_the_share_of_signs_at_least_as_far(differences: list[int]) -> None:
    observed = abs(sum(differences))
    sums = [
        abs(sum(sign * size for sign, size in zip(signs, differences, strict=True)))
        for signs in product((-1, 1), repeat=len(differences))
    ]
    share = sum(each >= observed for each in sums) / len(sums)
    assert sign_flip_p(differences) == pytest.approx(share, abs=1e-15)


@pytest.mark.parametrize("seeds", [2, 5, 8, 12])
def test_p_is_scipys(seeds: int) -> None:
    random = np.random.default_rng(seeds)
    for shift in (0.0, 0.5, 2.0):
        first, second = random.normal(shift, 1, seeds), random.normal(0, 1, seeds)
        expected = permutation_test(
            (first, second),
            lambda x, y, axis: np.mean(x - y, axis=axis),
            permutation_type="samples",
            vectorized=True,
            n_resamples=np.inf,
            alternative="two-sided",
        ).pvalue
        assert sign_flip_p(first - second) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("seeds", range(1, 11))
def test_the_smallest_p_is_that_of_one_sign_throughout(seeds: int) -> None:
    differences = np.random.default_rng(seeds).uniform(0.1, 1, seeds)
    reached = {sign_flip_p(differences * signs) for signs in product((-1, 1), repeat=seeds)}
    assert min(reached) == sign_flip_p(differences) == smallest_p(seeds)


def test_ties_of_rounded_numbers_are_ties() -> None:
    """0.1 + 0.2 and 0.3 differ in their last bit: flipping the pair against it is as far as not."""
    assert sign_flip_p([0.1, 0.2, -0.3]) == 1.0
    assert sign_flip_p([0.1, 0.2, 0.3, 0.0]) == 2 / 8
    assert sign_flip_p([0.0, 0.0]) == 1.0


def test_scale_and_sign_change_nothing() -> None:
    differences = np.random.default_rng(0).normal(0.4, 1, 10)
    for factor in (-1, 1e-12, 1e12):
        assert sign_flip_p(factor * differences) == sign_flip_p(differences)


def test_many_seeds_are_counted_too() -> None:
    """By a closed form: of n equal differences with one against them, 2 (n + 1) choices of signs
    are as far."""
    seeds = 30
    assert sign_flip_p([1.0] * (seeds - 1) + [-1.0]) == 2 * (seeds + 1) / 2**seeds


@pytest.mark.parametrize("bad", [[], [[1.0]], [np.nan], [1.0] * (MOST_SEEDS + 1)])
def test_what_is_no_list_of_differences_is_refused(bad: list[float]) -> None:
    with pytest.raises(ValueError, match="differences must be"):
        sign_flip_p(bad)


P_VALUES = st.lists(st.sampled_from([0.0, 0.004, 0.01, 0.02, 0.03, 0.2, 0.5, 1.0]), max_size=5)


@settings(max_examples=80, deadline=None)
@given(P_VALUES)
def test_holm_is_the_closed_bonferroni_test(p_values: list[float]) -> None:
    """A hypothesis falls at a level if each set that holds it does, by Bonferroni: the smallest
    such level is the largest of the sets' p."""
    members = range(len(p_values))
    for at, adjusted in enumerate(holm(p_values)):
        sets = [
            each
            for size in range(1, len(p_values) + 1)
            for each in combinations(members, size)
            if at in each
        ]
        closed = max(min(1.0, len(each) * min(p_values[k] for k in each)) for each in sets)
        assert adjusted == pytest.approx(closed)


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([smallest_p(8)] * 3) == pytest.approx([0.0234375] * 3)
