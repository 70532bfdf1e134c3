"""Outcomes: accuracies of bits that were set by hand, and their way to bytes and back."""

from __future__ import annotations

import io

import numpy as np
import pytest

from trainer.outcomes import Outcomes


def bits(*rows: str) -> np.ndarray:
    """`"1100"` for the examples 0 and 1 of four."""
    return np.array([[letter == "1" for letter in row] for row in rows])


@pytest.fixture
def outcomes() -> Outcomes:
    """Ten examples, eight of them classified rightly; no attack breaks the same ones."""
    return Outcomes(
        natural=bits("1111111100")[0],
        robust={
            "pgd": bits("1111110000", "1111000000", "1100000000"),
            "rt": bits("0111111000", "0111110000"),
        },
        ladders={"pgd": (1, 5, 10), "rt": (1, 20)},
    )


def test_accuracies(outcomes: Outcomes) -> None:
    assert outcomes.accuracies() == pytest.approx(
        {
            "natural_accuracy": 0.8,
            "robust_accuracy_pgd": (0.6 + 0.4 + 0.2) / 3,
            "robust_accuracy_rt": (0.6 + 0.5) / 2,
            "worst_pgd": 0.2,
            "worst_rt": 0.5,
            "union_accuracy": 0.1,
        }
    )


def test_the_union_is_each_examples_own_worst_case(outcomes: Outcomes) -> None:
    """Example 1 alone withstands both attacks, though each leaves two or more."""
    assert outcomes.union_accuracy() == 0.1
    assert outcomes.union_accuracy() < min(map(outcomes.worst_accuracy, outcomes.robust))


def test_the_union_counts_the_clean_image_too() -> None:
    careless = Outcomes(natural=bits("10")[0], robust={"pgd": bits("11")}, ladders={"pgd": (1,)})
    assert careless.union_accuracy() == 0.5


def test_without_attacks_the_union_is_the_natural_accuracy() -> None:
    clean = Outcomes(natural=bits("110")[0], robust={}, ladders={})
    assert clean.accuracies() == {
        "natural_accuracy": pytest.approx(2 / 3),
        "union_accuracy": pytest.approx(2 / 3),
    }


def test_accuracies_are_plain_numbers(outcomes: Outcomes) -> None:
    assert {type(value) for value in outcomes.accuracies().values()} == {float}


def test_bytes_give_the_same_bits_back(outcomes: Outcomes) -> None:
    again = Outcomes.from_bytes(outcomes.to_bytes())
    assert again.natural.dtype == np.bool_
    assert np.array_equal(again.natural, outcomes.natural)
    assert list(again.robust) == ["pgd", "rt"]
    for category, expected in outcomes.robust.items():
        assert again.robust[category].dtype == np.bool_
        assert np.array_equal(again.robust[category], expected)
    assert again.ladders == {"pgd": (1, 5, 10), "rt": (1, 20)}
    assert again.accuracies() == outcomes.accuracies()


@pytest.mark.parametrize("category", ["natural", "ladders", "robust", "my attack, 8/255", "é"])
def test_a_category_may_have_any_name(category: str) -> None:
    named = Outcomes(natural=bits("11")[0], robust={category: bits("10")}, ladders={category: (3,)})
    again = Outcomes.from_bytes(named.to_bytes())
    assert again.accuracies() == named.accuracies()
    assert again.ladders == {category: (3,)}


def test_bits_are_packed_tightly() -> None:
    """A table of 10,000 trials of 10,000 images is gigabytes otherwise."""
    count = 10_000
    many = Outcomes(
        natural=np.ones(count, dtype=bool),
        robust={"pgd": np.random.default_rng(0).random((6, count)) < 0.5},
        ladders={"pgd": (1, 2, 3, 4, 5, 6)},
    )
    assert len(many.to_bytes()) < 6 * count / 4


def test_no_object_is_unpickled(outcomes: Outcomes) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, natural=np.array([{}], dtype=object), ladders=np.array("{}"))
    with pytest.raises(ValueError, match="allow_pickle"):
        Outcomes.from_bytes(buffer.getvalue())
