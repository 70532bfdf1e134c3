"""Settings: what is a number, what is refused, and what makes two settings the same."""

from __future__ import annotations

import json
import math
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError

from trainer.input.settings import (
    Count,
    NonNegative,
    Positive,
    Provenance,
    Real,
    Reals,
    Settings,
    Share,
    content_id,
    plain,
)


class Inner(Settings):
    """A section of a section."""

    size: Count = 3


class Sample(Settings):
    """One field of each kind."""

    required: Real
    epsilon: NonNegative = 0.5
    step: Positive = 0.1
    share: Share = 0.25
    count: Count = 7
    rates: Reals = (1.0, 0.1)
    inner: Inner = Inner()
    maybe: Real | None = None
    path: Annotated[str, Provenance()] = Field("data", description="says where, not what")


def sample(**fields: Any) -> Sample:
    return Sample.model_validate({"required": 1} | fields)


# Numbers


def test_a_whole_number_may_be_written_as_a_real_one() -> None:
    """As `1e4` in YAML; what it is does not depend on how it is written."""
    assert sample(count=1e4) == sample(count=10_000)
    assert type(sample(count=1e4).count) is int
    assert content_id("t", sample(count=1e4).content()) == content_id(
        "t", sample(count=10_000).content()
    )
    for other in (2.5, True, "3", math.nan, math.inf, -1.0):
        with pytest.raises(ValidationError):
            sample(count=other)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("8/255", 8 / 255),
        (" 8 / 255 ", 8 / 255),
        ("-1/4", -0.25),
        ("0.5/2", 0.25),
        ("1e-3", 0.001),
        (".1", 0.1),
        ("3", 3.0),
        (3, 3.0),
        (0.25, 0.25),
    ],
)
def test_numbers_may_be_written_as_fractions_and_powers(written: object, value: float) -> None:
    read = sample(required=written).required
    assert read == value
    assert type(read) is float


@given(st.integers(-(10**6), 10**6), st.integers(1, 10**6))
def test_a_fraction_is_the_nearest_float(numerator: int, denominator: int) -> None:
    assert sample(required=f"{numerator}/{denominator}").required == numerator / denominator


@pytest.mark.parametrize(
    ("written", "rule"),
    [
        (math.nan, "finite"),
        (math.inf, "finite"),
        (-math.inf, "finite"),
        ("nan", "finite"),
        ("inf", "finite"),
        ("1e400", "finite"),
        ("1e400/1", "finite"),
        ("1/0", "must not divide by zero"),
        (True, "valid number"),
        ("true", "valid number"),
        ("fast", "valid number"),
        ("", "valid number"),
        ("1/2/3", "valid number"),
        ("0x10", "valid number"),
        (None, "valid number"),
        ([1], "valid number"),
    ],
)
def test_what_is_no_finite_number_is_refused(written: object, rule: str) -> None:
    with pytest.raises(ValidationError, match=rule):
        sample(required=written)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("epsilon", -1e-9),
        ("step", 0),
        ("share", 1.001),
        ("share", -0.001),
        ("count", 0),
        ("count", 2.5),
        ("count", "2"),
        ("count", True),
        ("path", 3),
        ("unknown", 1),
        ("rates", [1, "x"]),
        ("inner", {"size": 0}),
    ],
)
def test_values_outside_a_fields_range_or_type_are_refused(field: str, value: object) -> None:
    with pytest.raises(ValidationError, match=field):
        sample(**{field: value})


def test_a_default_is_checked_too() -> None:
    class Wrong(Settings):
        count: Count = 0

    with pytest.raises(ValidationError, match="count"):
        Wrong()


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        sample().epsilon = 1.0  # type: ignore[misc]


# Content


def test_defaults_and_provenance_are_no_content() -> None:
    assert sample().content() == {"required": 1.0}
    assert sample(
        path="/elsewhere", epsilon=0.5, rates=[1, "1/10"], inner={"size": 3}
    ).content() == ({"required": 1.0})


def test_whatever_differs_is_content() -> None:
    changes: dict[str, object] = {
        "epsilon": 0.0,
        "step": 0.2,
        "share": 1.0,
        "count": 8,
        "rates": [2.0],
        "inner": {"size": 4},
        "maybe": 0.0,
    }
    for field, value in changes.items():
        assert sample(**{field: value}).content() == {"required": 1.0, field: value}


def test_a_required_field_is_content_whatever_its_value() -> None:
    assert sample(required=0).content() == {"required": 0.0}


def test_a_new_field_at_its_default_changes_no_id() -> None:
    class Grown(Sample):
        later: Real = 2.0

    old, new = sample(epsilon=0.1), Grown(required=1.0, epsilon=0.1)
    assert new.content() == old.content()
    assert Grown(required=1.0, later=3.0).content() != sample().content()


def test_content_is_plain() -> None:
    content = plain({"settings": sample(inner={"size": 5}), "tuple": (1, (2.0, "x"), None)})
    assert content == {
        "settings": {"required": 1.0, "inner": {"size": 5}},
        "tuple": [1, [2.0, "x"], None],
    }
    assert json.loads(json.dumps(content)) == content


# Ids


def test_an_id_is_its_prefix_and_16_digits() -> None:
    """Golden: SHA-256 of the text {"a":0.1,"b":[1,"x",null]}; changed, users' results are lost."""
    assert content_id("t", {"b": [1, "x", None], "a": 0.1}) == "tb0eff273a1479404"


def test_the_order_of_keys_does_not_count() -> None:
    one = {"a": 1, "b": {"c": 2, "d": 3}}
    other = {"b": {"d": 3, "c": 2}, "a": 1}
    assert content_id("t", one) == content_id("t", other)
    assert content_id("t", {"a": [1, 2]}) != content_id("t", {"a": [2, 1]})


def test_floats_count_by_value() -> None:
    def id_of(value: object) -> str:
        return content_id("s", sample(epsilon=value).content())

    assert id_of("8/255") == id_of(8 / 255) == id_of("0.031372549019607843") == id_of("16/510")
    assert id_of(1) == id_of(1.0) == id_of("1e0")
    assert id_of(0.1 + 0.2) != id_of(0.3)


def test_a_nan_has_no_id() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        content_id("t", {"a": math.nan})
