"""Values of settings are shown short, and never as another value."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.table.setting_values import (
    is_mix,
    named_value,
    setting_column,
    value_text,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (16 / 255, "16/255"),
        (0.2, "0.2"),
        (0.4, "0.4"),
        (0.1 + 0.2, "0.3"),
        (0.123456, "0.123456"),
        (1e-13, "1e-13"),
        (3.0, "3"),
        (5, "5"),
        (None, ""),
        ((1, 0.5), "1, 0.5"),
        ("zeros", "zeros"),
        ({"natural": 1 / 3, "pgd": 2 / 3}, "natural=0.333333333333 pgd=0.666666666667"),
    ],
)
def test_of_each_kind(value: object, text: str) -> None:
    assert value_text(value) == text


@pytest.mark.parametrize(
    ("value", "is_one"),
    [
        ("natural=0.4 pgd=0.6", True),
        ("natural=1e-05 pgd=1", True),
        ({"natural": 1.0}, True),
        ("build=1.2.3", False),
        ("name=e-", False),
        ("a=0.4  b=0.6", False),
        (0.4, False),
    ],
)
def test_weights_have_numbers_each(value: object, is_one: bool) -> None:
    assert is_mix(value) == is_one


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e30, max_value=1e30))
def test_it_is_the_number_again(value: float) -> None:
    above, _, below = value_text(value).partition("/")
    assert float(above) / float(below or 1) == pytest.approx(value, rel=1e-9, abs=1e-300)


def test_numbers_alone_are_aligned_as_numbers() -> None:
    assert setting_column("r", [0.5, None, 1.25], importance=5).is_number
    assert not setting_column("padding", ["zeros", None], importance=5).is_number


def test_weights_bring_names_of_their_own() -> None:
    assert named_value("rho", 0.4) == "rho=0.4"
    assert named_value("weights", {"natural": 0.4, "pgd": 0.6}) == "natural=0.4 pgd=0.6"
    assert named_value("weights", "natural=0.4 pgd=0.6") == "natural=0.4 pgd=0.6"
    assert named_value("note", "a=b") == "note=a=b"
