"""What a setting varies over: values within its ends, in equal shares, of few digits."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.spec.axes import DIGITS, LARGEST_END, Axis, read_axis
from trainer.input.document import Document

ENDS = st.floats(-LARGEST_END, LARGEST_END) | st.integers(-(10**15), 10**15)
SHARES = st.floats(0, 1, exclude_max=True)


def axis(value: object, *, whole: bool = False) -> Axis:
    """An axis as it is written under `vary`; `whole`: of a setting that takes whole numbers."""
    document = Document.from_plain(value, "test")
    read = read_axis(document, written="key", path=("key",))
    return read if isinstance(value, list) else read.of_kind(1 if whole else 1.0)


def drawn(read: Axis, count: int) -> np.ndarray:
    """Values at equally spaced shares."""
    return np.array([read.at((index + 0.5) / count) for index in range(count)])


@given(low=ENDS, high=ENDS, share=SHARES, log=st.booleans())
def test_a_value_lies_within_its_range(low: float, high: float, share: float, *, log: bool) -> None:
    if log:
        low, high = abs(low), abs(high)
    low, high = min(low, high), max(low, high)
    if low == high or (log and low == 0):
        return
    both_whole = type(low) is type(high) is int
    for whole in {False, both_whole}:
        read = axis({"min": low, "max": high, "log": log}, whole=whole)
        value = read.at(share)
        assert low <= value <= high
        assert type(value) is (int if whole else float)


@given(low=st.floats(-100, 100), width=st.floats(1e-6, 100), share=SHARES)
def test_rounding_moves_a_value_by_less_than_a_thousandth_of_the_range(
    low: float, width: float, share: float
) -> None:
    high = low + width
    value = axis({"min": low, "max": high}).at(share)
    assert abs(value - (low + share * (high - low))) <= (high - low) * 10.0 ** (1 - DIGITS)


def test_values_have_few_digits_and_are_written_back_exactly() -> None:
    for value in drawn(axis({"min": "8/255", "max": 0.3, "log": True}), 100):
        assert len(repr(float(value)).removeprefix("0.").lstrip("0")) <= DIGITS
        assert float(repr(float(value))) == value


def test_a_logarithmic_range_is_uniform_in_the_logarithm() -> None:
    values = drawn(axis({"min": 1e-4, "max": 1.0, "log": True}), 400)
    counts = np.histogram(np.log10(values), bins=4, range=(-4, 0))[0]
    assert np.abs(counts - 100).max() <= 1  # an edge may round over


@pytest.mark.parametrize(("low", "high"), [(5, 20), (-3, 3), (0, 1)])
def test_whole_numbers_have_equal_shares(low: int, high: int) -> None:
    values, counts = np.unique(
        drawn(axis({"min": low, "max": high}, whole=True), 100 * (high - low + 1)),
        return_counts=True,
    )
    assert values.tolist() == list(range(low, high + 1))
    assert set(counts) == {100}


def test_whole_numbers_of_a_logarithmic_range_have_shares_of_their_logarithms() -> None:
    """That of k is log((k + 1) / k) over the whole."""
    values, counts = np.unique(
        drawn(axis({"min": 1, "max": 7, "log": True}, whole=True), 30_000), return_counts=True
    )
    assert values.tolist() == [1, 2, 3, 4, 5, 6, 7]
    wanted = [30_000 * math.log((k + 1) / k) / math.log(8) for k in values]
    assert counts == pytest.approx(wanted, abs=1.5)


def test_entries_of_a_list_have_equal_shares_and_their_own_types() -> None:
    read = axis([1, "a", 1.0, True, {"x": 1}, 1])
    assert read.size == 5  # the second 1 is the first again
    shares = [read.at((index + 0.5) / 5) for index in range(5)]
    assert [repr(value) for value in shares] == ["1", "'a'", "1.0", "True", "{'x': 1}"]


def test_a_value_is_known_by_its_place() -> None:
    document = Document.from_plain({"min": 0.1, "max": 0.9}, "file:3")
    read = read_axis(document, written="methods.pareto.vary.rho", path=("method", "rho"))
    written = [read.override(value).written for value in (0.1, 0.9, 0.4)]
    own = "methods.pareto.vary.rho"
    assert written == [f"{own}.min", f"{own}.max", own]
    assert {read.override(value).value.where() for value in (0.1, 0.4)} == {"file:3"}
