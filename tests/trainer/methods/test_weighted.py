"""Training under weights that the user gives: they are taken exactly as given, or refused."""

from __future__ import annotations

import random

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.trainer.runs import MakeTrial, assert_same_bits, run
from trainer.methods import Weighted
from trainer.methods.weighted import TOLERANCE

COUNTS = st.lists(st.integers(0, 5), min_size=4, max_size=4).filter(any)


@given(counts=COUNTS, order=st.randoms(use_true_random=False))
def test_weights_are_exact_and_none_of_no_weight_is_a_branch(
    counts: list[int], order: random.Random
) -> None:
    names = ["natural", "pgd", "flow", "rt"]
    weights = {name: count / sum(counts) for name, count in zip(names, counts, strict=True)}
    items = list(weights.items())
    order.shuffle(items)
    method = Weighted(weights=dict(items))
    assert set(method.branches()) == {name for name, weight in weights.items() if weight}
    assert "natural" not in method.branches()[1:]
    losses = torch.ones(len(method.branches()), 3, dtype=torch.float64)
    weighed = method.weighting().weigh(losses).squeeze(1).tolist()
    assert weighed == [weights[branch] for branch in method.branches()]
    assert method.branches() == Weighted(weights=weights).branches(), "however they were written"
    assert method.content() == Weighted(weights=weights).content()


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"natural": 0.5, "pgd": 0.4}, "must sum to 1, got 0.9 of natural, pgd"),
        ({"natural": 1.5, "pgd": -0.5}, "less than or equal to 1"),
        ({"pgd": 1 - 2 * TOLERANCE}, "must sum to 1"),
        ({}, "must sum to 1, got 0 of no loss"),
    ],
)
def test_weights_that_are_none(weights: dict[str, float], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Weighted(weights=weights)


def test_rounding_is_let_pass() -> None:
    assert Weighted(weights={"natural": 0.1, "pgd": 0.2, "flow": 0.7}).branches()[0] == "natural"
    assert Weighted.model_validate({"weights": {"pgd": "1/3", "flow": "1/3", "rt": "1/3"}})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("weights", "method"),
    [
        ({"natural": 1}, {"method": "standard"}),
        ({"natural": 0.25, "pgd": 0.75, "rt": 0}, {"method": "pgd", "natural_weight": 0.25}),
    ],
)
def test_it_trains_as_the_method_of_the_same_weights(
    small_trial: MakeTrial, weights: dict[str, float], method: dict[str, object]
) -> None:
    ours, diary = run(small_trial(method={"method": "weighted", "weights": weights}))
    theirs, other = run(small_trial(method=method))
    assert_same_bits(ours.state_dict(), theirs.state_dict())
    assert diary.facts() == other.facts()  # the passes too: what has no weight costs none
