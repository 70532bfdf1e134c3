"""Comparison: exact tests against tables counted by hand, all signs tried, and SciPy's."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, permutation_test

from trainer.evaluation.comparison import compare, compared, sign_flip_p_value
from trainer.evaluation.origin import Origin
from trainer.evaluation.outcomes import Measure, Outcomes

ORIGIN = Origin(model="w1", suite="e2", examples="x3")


def of_all_signs(changes: list[int]) -> float:
    """The p-value by its definition: 2^N sums."""
    signs = np.array(list(product([-1, 1], repeat=len(changes))))
    return float((np.abs(signs @ changes) >= abs(sum(changes))).mean())


def outcomes_of(seed: int, *, strength: float) -> Outcomes:
    """Of a model that withstands a rung with that probability, on 60 examples."""
    random = np.random.default_rng(seed)
    natural = random.random(60) < 0.9
    rows = np.vstack([natural, random.random((3, 60)) < strength])
    return Outcomes(
        natural=natural,
        robust={
            "pgd": np.logical_and.accumulate(rows)[1:],
            "dark": (natural & (random.random(60) < strength))[None],
        },
        ladders={"pgd": (1, 5, 10), "dark": ()},
        origin=replace(ORIGIN, model=f"w{seed}"),
    )


# The test


@pytest.mark.parametrize(
    ("wins", "losses", "p_value"),
    [
        (0, 0, 1.0),
        (5, 5, 1.0),
        (1, 0, 1.0),
        (6, 0, 2 / 64),
        (0, 6, 2 / 64),
        (8, 2, 2 * (1 + 10 + 45) / 1024),
    ],
)
def test_mcnemar_by_hand(wins: int, losses: int, p_value: float) -> None:
    changes = np.repeat([1, -1, 0], [wins, losses, 30])
    assert sign_flip_p_value(changes) == pytest.approx(p_value)


@pytest.mark.parametrize(("wins", "losses"), [(13, 31), (450, 550), (2000, 2150), (4900, 5100)])
def test_mcnemar_is_the_binomial_test_of_those_that_differ(wins: int, losses: int) -> None:
    changes = np.repeat([1, -1], [wins, losses])
    expected = binomtest(wins, wins + losses).pvalue
    assert sign_flip_p_value(changes) == pytest.approx(expected, rel=1e-9)


@given(st.lists(st.integers(-6, 6), min_size=1, max_size=10))
def test_the_test_tries_all_signs(changes: list[int]) -> None:
    assert sign_flip_p_value(np.array(changes)) == pytest.approx(of_all_signs(changes))


@given(st.lists(st.integers(-6, 6), min_size=1, max_size=40), st.integers(1, 1000))
def test_the_unit_the_order_and_the_direction_do_not_matter(changes: list[int], unit: int) -> None:
    p_value = sign_flip_p_value(np.array(changes))
    assert sign_flip_p_value(-unit * np.array(changes[::-1])) == pytest.approx(p_value)


def test_the_test_is_scipys_on_a_ladder() -> None:
    changes = np.random.default_rng(0).integers(-4, 7, 50)
    drawn = permutation_test(
        (changes, np.zeros(50)),
        lambda one, other, axis: np.sum(one - other, axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=5_000,
        rng=np.random.default_rng(1),
    )
    p_value = sign_flip_p_value(changes)
    assert 0.005 < p_value < 0.5
    error = np.sqrt(p_value * (1 - p_value) / 5_000)
    assert drawn.pvalue == pytest.approx(p_value, abs=4 * error)


def test_sums_too_large_for_a_table_are_drawn() -> None:
    changes = [2**20 + 1, 900_001, 800_003, -500_009, -3]
    exact = of_all_signs(changes)
    drawn = sign_flip_p_value(np.array(changes))
    assert drawn != pytest.approx(exact, rel=1e-9)
    assert drawn == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 10_000))
    assert drawn == sign_flip_p_value(np.array(changes))


def test_no_smaller_p_value_is_told_than_can_be_computed() -> None:
    assert sign_flip_p_value(np.ones(500, dtype=np.int64)) == 1e-12


@pytest.mark.parametrize("full", [1, 5])
def test_the_test_keeps_its_level(full: int) -> None:
    """Two models that are alike differ at 5 % in at most that share of evaluations."""
    random = np.random.default_rng(5)
    p_values = [sign_flip_p_value(random.integers(-full, full + 1, 80)) for _ in range(1000)]
    assert 0.015 < np.mean(np.array(p_values) <= 0.05) < 0.066


# Two models


def test_a_comparison_counts() -> None:
    one = Measure(marks=np.array([3, 2, 0, 1, 3]), full=3)
    other = Measure(marks=np.array([0, 2, 1, 0, 1]), full=3)
    found = compared(one, other)
    assert (found.wins, found.losses) == (3, 1)
    assert found.difference.value == pytest.approx(5 / 15)
    assert found.p_value == pytest.approx(of_all_signs([3, -1, 1, 2]))


def test_every_measure_is_compared() -> None:
    one, other = outcomes_of(1, strength=0.9), outcomes_of(2, strength=0.5)
    found = compare(one, other)
    assert list(found) == list(one.measures())
    for name, comparison in found.items():
        change = one.measures()[name].value - other.measures()[name].value
        assert comparison.difference.value == pytest.approx(change), name
    bits, others = one.robust["pgd"][-1], other.robust["pgd"][-1]
    wins, losses = int((bits & ~others).sum()), int((others & ~bits).sum())
    assert (found["worst_pgd"].wins, found["worst_pgd"].losses) == (wins, losses)
    assert found["worst_pgd"].p_value == pytest.approx(binomtest(wins, wins + losses).pvalue)
    assert found["worst_pgd"].p_value < 0.01


def test_the_other_way_round_the_signs_turn() -> None:
    one, other = outcomes_of(1, strength=0.9), outcomes_of(2, strength=0.7)
    forth, back = compare(one, other), compare(other, one)
    for name, comparison in forth.items():
        value, low, high = comparison.difference
        assert back[name].difference == pytest.approx((-value, -high, -low))
        assert (back[name].wins, back[name].losses) == (comparison.losses, comparison.wins)
        assert back[name].p_value == comparison.p_value


def test_a_model_does_not_differ_from_itself() -> None:
    one = outcomes_of(1, strength=0.8)
    for comparison in compare(one, one).values():
        assert comparison.difference.low < comparison.difference.value == 0
        assert (comparison.wins, comparison.losses, comparison.p_value) == (0, 0, 1.0)


# What must not be compared


@pytest.mark.parametrize("change", [{"suite": "e9"}, {"examples": "x9"}])
def test_other_suites_and_images_are_refused(change: dict[str, str]) -> None:
    one, other = outcomes_of(1, strength=0.8), outcomes_of(2, strength=0.8)
    other = replace(other, origin=replace(ORIGIN, **change))
    ((name, value),) = change.items()
    before = getattr(ORIGIN, name)
    with pytest.raises(ValueError, match=f"{name} must be .* got {before} and {value}; evaluate"):
        compare(one, other)


def test_other_shapes_are_refused_where_the_origin_is_not_known() -> None:
    one, other = outcomes_of(1, strength=0.8), replace(outcomes_of(2, strength=0.8), origin=None)
    assert compare(one, other)["natural_accuracy"].p_value <= 1
    fewer = replace(
        other,
        natural=other.natural[1:],
        robust={name: bits[:, 1:] for name, bits in other.robust.items()},
    )
    unlike = {
        "number of examples must be the same .* got 60 and 59": fewer,
        r"categories must be .*'pgd'\] and \['pgd'\]": replace(other, ladders={"pgd": (1, 5, 10)}),
        "ladders must be .*10.* and .*11": replace(other, ladders={"pgd": (1, 5, 11), "dark": ()}),
    }
    for message, outcomes in unlike.items():
        with pytest.raises(ValueError, match=message):
            compare(one, outcomes)
