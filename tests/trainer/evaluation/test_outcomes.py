"""Outcomes: accuracies of bits that were set by hand, and their way to bytes and back."""

from __future__ import annotations

import io
from dataclasses import replace

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.evaluation.origin import Origin
from trainer.evaluation.outcomes import Outcomes
from trainer.weights.checkpoint import DamagedError

ORIGIN = Origin(model="w1", suite="e2", examples="x3")


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


@st.composite
def any_outcomes(draw: st.DrawFn) -> Outcomes:
    """Of attacks that break more from rung to rung, on 1 to 12 examples."""
    natural = draw(arrays.arrays(bool, st.integers(1, 12)))
    robust = {}
    for category in draw(st.sets(st.sampled_from("abc"))):
        rows = draw(arrays.arrays(bool, (draw(st.integers(1, 4)), len(natural))))
        robust[category] = np.logical_and.accumulate(np.vstack([natural, rows]))[1:]
    ladders = {category: tuple(range(1, len(rows) + 1)) for category, rows in robust.items()}
    return Outcomes(natural=natural, robust=robust, ladders=ladders)


# Measures


@given(any_outcomes())
@settings(max_examples=40)
def test_accuracies_are_the_bits_own_means(outcomes: Outcomes) -> None:
    """To the last digit: stored tables must not change."""
    told = outcomes.accuracies()
    assert told["natural_accuracy"] == outcomes.natural.mean()
    for category, bits in outcomes.robust.items():
        assert told[f"robust_accuracy_{category}"] == bits.mean()
        assert told[f"worst_{category}"] == bits[-1].mean()
        assert [rung.value for rung in outcomes.rungs(category)] == [row.mean() for row in bits]
    assert {name: outcomes.measures()[name].value for name in told} == told


@given(any_outcomes())
@settings(max_examples=40)
def test_the_union_is_at_most_every_worst_case(outcomes: Outcomes) -> None:
    told = outcomes.accuracies()
    for name, accuracy in told.items():
        assert told["union_accuracy"] <= accuracy <= told["natural_accuracy"], name


@given(any_outcomes())
@settings(max_examples=40)
def test_among_the_right_ones_an_accuracy_is_its_quotient_by_the_natural_one(
    outcomes: Outcomes,
) -> None:
    """Since what errs on the clean image is broken already."""
    natural = outcomes.natural_accuracy()
    for name, measure in outcomes.measures().items():
        among = measure.among(outcomes.natural)
        assert len(among.marks) == outcomes.natural.sum()
        if natural > 0:
            assert among.value == pytest.approx(measure.value / natural), name


def test_categories_weigh_the_same_in_their_mean(outcomes: Outcomes) -> None:
    mean = outcomes.measures()["mean_robust_accuracy"]
    assert mean.value == pytest.approx((0.4 + 0.55) / 2)
    assert mean.full == 12  # 3 rungs and 2, in sixths, twice
    assert mean.marks.tolist() == [6, 12, 10, 10, 8, 8, 3, 0, 0, 0]


def test_without_attacks_there_is_no_mean_over_them() -> None:
    clean = Outcomes(natural=bits("110")[0], robust={}, ladders={})
    assert set(clean.measures()) == {"natural_accuracy", "union_accuracy"}


def test_an_attack_of_one_strength_has_one_rung() -> None:
    dark = Outcomes(natural=bits("110")[0], robust={"dark": bits("100")}, ladders={"dark": ()})
    assert [rung.marks.tolist() for rung in dark.rungs("dark")] == [[1, 0, 0]]
    assert dark.measures()["robust_accuracy_dark"].full == 1


# Bytes


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


def test_what_images_are_for_comes_back_and_is_cut_with_them(outcomes: Outcomes) -> None:
    steers = np.arange(len(outcomes.natural)) % 2 == 0
    assert Outcomes.from_bytes(outcomes.to_bytes()).steers is None
    again = Outcomes.from_bytes(replace(outcomes, steers=steers).to_bytes())
    assert again.steers is not None
    assert np.array_equal(again.steers, steers)
    picking = again.among(~again.steers)
    assert picking.steers is not None
    assert not picking.steers.any()


def test_the_origin_comes_back(outcomes: Outcomes) -> None:
    assert Outcomes.from_bytes(replace(outcomes, origin=ORIGIN).to_bytes()).origin == ORIGIN


def test_files_without_an_origin_are_read() -> None:
    """As they were written before it was kept."""
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        natural=bits("110")[0],
        ladders=np.array('{"pgd": [1, 5], "dark": []}'),
        **{"robust/pgd": bits("110", "100"), "robust/dark": bits("010")},
    )
    outcomes = Outcomes.from_bytes(buffer.getvalue())
    assert outcomes.origin is None
    assert outcomes.ladders == {"pgd": (1, 5), "dark": ()}
    assert outcomes.union_accuracy() == 0


@pytest.mark.parametrize(
    "category", ["natural", "ladders", "robust", "origin", "my attack, 8/255", "é"]
)
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
    with pytest.raises(DamagedError, match="Object arrays") as caught:
        Outcomes.from_bytes(buffer.getvalue())
    assert "unsafely" not in str(caught.value)  # as NumPy would have it loaded


def test_bytes_of_something_else_are_refused(outcomes: Outcomes) -> None:
    whole = outcomes.to_bytes()
    flat = Outcomes(natural=outcomes.natural[None], robust={}, ladders={})
    short = replace(outcomes, natural=outcomes.natural[1:])
    fewer = replace(outcomes, ladders={"pgd": (1, 5), "rt": (1, 20)})
    no_attack = replace(outcomes, ladders={**outcomes.ladders, "flow": (1,)})
    counts = replace(outcomes, natural=2 * outcomes.natural.astype(int))
    nameless = replace(outcomes, unseen=("snow",))
    unmarked = replace(outcomes, steers=outcomes.natural[1:])
    broken = [it.to_bytes() for it in (flat, short, fewer, no_attack, counts, nameless, unmarked)]
    array = io.BytesIO()
    np.save(array, outcomes.natural)
    for data in [b"", b"bits", whole[: len(whole) // 2], array.getvalue(), *broken]:
        with pytest.raises(DamagedError, match="outcomes"):
            Outcomes.from_bytes(data)
