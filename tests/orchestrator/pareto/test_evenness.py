"""Steps along a front, by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.pareto.evenness import evenness


def test_equal_steps_are_even() -> None:
    found = evenness([0.4, 0.1, 0.2, 0.3], [[4, 0], [1, 3], [2, 2], [3, 1]])
    assert found is not None
    assert found.settings == (0.1, 0.2, 0.3, 0.4)
    assert found.steps == pytest.approx([2**0.5 / 3] * 3)
    assert found.unevenness == pytest.approx(0)
    assert found.reversals == 0
    assert found.largest_gap == pytest.approx(1 / 3)


def test_a_gap_is_found() -> None:
    found = evenness([0, 1, 2], [[0.0, 0], [1, 0], [4, 0]])
    assert found is not None
    assert found.steps == pytest.approx([0.25, 0.75])
    assert found.unevenness == pytest.approx(0.5)
    assert (found.largest_gap, found.gap_between) == (pytest.approx(0.75), (1.0, 2.0))


def test_a_longer_step_for_a_greater_change_is_even() -> None:
    found = evenness([0, 1, 4], [[0.0, 0], [1, 1], [4, 4]])
    assert found is not None
    assert found.unevenness == pytest.approx(0)
    assert found.largest_gap == pytest.approx(0.75)


def test_going_back_is_counted() -> None:
    found = evenness([0, 1, 2, 3], [[0.0, 0], [2, -1], [1, -2], [3, -3]])
    assert found is not None
    assert found.reversals == 1


@given(st.lists(st.integers(0, 5), min_size=3, max_size=6), st.integers(1, 9), st.booleans())
def test_neither_unit_nor_sign_matters(values: list[int], factor: int, turned: bool) -> None:
    points = np.stack([values, np.arange(len(values)) ** 2], axis=1).astype(float)
    settings = np.arange(len(values)) / 10
    scaled = points * [factor, -1 if turned else 1] + 7
    before, after = evenness(settings, points), evenness(3 * settings + 1, scaled)
    assert before is not None and after is not None
    assert after.steps == pytest.approx(before.steps)
    assert after.unevenness == pytest.approx(before.unevenness)
    assert after.reversals == before.reversals


def test_nothing_is_spaced_by_two_cells_or_equal_ones() -> None:
    assert evenness([0, 1], [[0, 0], [1, 1]]) is None
    assert evenness([0, 1, 2], [[1, 1]] * 3) is None


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="settings must be of shape"):
        evenness([0, 1], [[0, 0]])
    with pytest.raises(ValueError, match="settings must be different"):
        evenness([0, 1, 1], [[0, 0]] * 3)
    with pytest.raises(ValueError, match="finite"):
        evenness([0, 1, 2], [[0, np.nan]] * 3)
