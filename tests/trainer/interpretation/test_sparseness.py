"""Skewness as SciPy has it, Gini's index in closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.stats import skew

from trainer.interpretation.sparseness import difference_skewness, gini, median, skewness


def test_skewness_is_scipys() -> None:
    values = torch.rand(7, 4, 5, dtype=torch.float64) ** 3
    expected = skew(values.flatten(1).numpy(), axis=1)
    np.testing.assert_allclose(skewness(values).numpy(), expected, rtol=1e-12)
    np.testing.assert_allclose(skewness(values.float()).numpy(), expected, rtol=1e-4)


def test_skewness_in_closed_form() -> None:
    """One of n numbers at 1, the rest at 0: (n - 2) / sqrt(n - 1); its sign turns with theirs."""
    one_hot = torch.zeros(1, 10)
    one_hot[0, 3] = 1
    assert skewness(one_hot).item() == pytest.approx(8 / 3)
    assert skewness(-5 * one_hot + 2).item() == pytest.approx(-8 / 3)
    assert skewness(torch.arange(9)[None]).item() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e6])
def test_equal_numbers_have_no_skewness(value: float) -> None:
    assert skewness(torch.full((1, 7), value)).isnan().all()


def test_a_difference_turns_its_sign_with_its_sides() -> None:
    one, other = torch.rand(4, 5, 5) ** 4, torch.rand(4, 5, 5)
    found = difference_skewness(one, other)
    torch.testing.assert_close(difference_skewness(other, one), -found)
    torch.testing.assert_close(found, skewness(one.double() - other.double()))


def test_sparse_maps_may_differ_without_skew() -> None:
    """Why Gini's index stands beside it."""
    one, other = torch.zeros(2, 1, 16)
    one[0, 3], other[0, 7] = 1, 1
    assert difference_skewness(one, other).item() == pytest.approx(0, abs=1e-12)
    assert gini(one).item() == gini(other).item() == 1 - 1 / 16


def test_gini_in_closed_form() -> None:
    n = 10
    one_hot, rising = torch.zeros(n), torch.arange(1.0, n + 1)
    one_hot[4] = -7
    found = gini(torch.stack([one_hot, torch.full((n,), 0.3), -rising, 1000 * rising]))
    # Of 1, ..., n it is (n - 1) / 3n; neither sign nor scale counts.
    expected = [1 - 1 / n, 0, (n - 1) / (3 * n), (n - 1) / (3 * n)]
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64))
    assert gini(torch.zeros(1, n)).isnan().all()


def test_gini_is_the_mean_difference_over_twice_the_mean() -> None:
    """Its other definition, over all pairs."""
    values = torch.rand(3, 4, 6, dtype=torch.float64)
    flat = values.flatten(1)
    pairs = (flat[:, :, None] - flat[:, None]).abs().mean((1, 2))
    torch.testing.assert_close(gini(values), pairs / (2 * flat.mean(1)))


def test_the_median_leaves_out_what_is_undefined() -> None:
    found = median(torch.tensor([3.0, torch.nan, 1.0, 10.0, 2.0]))
    assert (found.value, found.count, found.undefined) == (2.5, 4, 1)
    nothing = median(torch.tensor([torch.nan]))
    assert math.isnan(nothing.value)
    assert (nothing.count, nothing.undefined) == (0, 1)
