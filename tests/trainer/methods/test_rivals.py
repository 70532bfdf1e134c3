"""The methods of the field, from their names in a file to a trained network."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from tests.trainer.runs import (
    MakeTrial,
    assert_same_state,
    descent_of,
    run,
    run_with_stops,
)
from trainer.config import Trial
from trainer.methods import METHODS

RIVALS: dict[str, dict[str, Any]] = {
    "sat": {},
    "eat": {},
    "msd": {"natural_weight": 0.3},
    "ramp": {},
    "trades": {"beta": 2.0},
    "mgda": {"normalise": True},
    "tchebycheff": {"natural_weight": 0.3},
}

LOSSES = ("pgd", "flow", "rt")


def trial_of(small_trial: MakeTrial, name: str, **sections: Any) -> Trial:
    return small_trial(method={"method": name, **RIVALS[name]}, **sections)


def test_their_classes_are_found_by_name() -> None:
    assert RIVALS.keys() <= METHODS.keys()


@pytest.mark.slow
@pytest.mark.parametrize("name", RIVALS)
def test_each_trains_real_digits(name: str, small_trial: MakeTrial) -> None:
    """It learns to read, and its rows have what its losses and weights were."""
    trial = trial_of(small_trial, name, data={"train_examples": 1200}, training={"epochs": 4})
    _, diary = run(trial)
    first, last = diary.rows[0], diary.rows[-1]
    assert last["validation/natural_accuracy"] > 0.3
    for row in (first, last):
        assert all(math.isfinite(value) for value in row.values())
    names = trial.method.loss_names()
    assert {f"weight/{it}" for it in names} <= last.keys()
    assert {key for key in last if key.startswith("loss/")} == {f"loss/{it}" for it in names}


@pytest.mark.slow
@pytest.mark.parametrize("name", RIVALS)
def test_each_goes_on_bit_for_bit(name: str, small_trial: MakeTrial) -> None:
    """Stopped within epochs, at steps whose choices derive from where they are."""
    trial = trial_of(small_trial, name)
    _, whole = run(trial)
    _, parts = run_with_stops(trial, [2, 7, 11])
    assert_same_state(whole.checkpoints[-1], parts.checkpoints[-1])
    assert whole.facts() == parts.facts()


@pytest.mark.parametrize("name", ["sat", "eat"])
def test_chosen_attacks_have_their_share_of_the_weight(name: str, small_trial: MakeTrial) -> None:
    trial = trial_of(small_trial, name, training={"epochs": 1})
    _, diary = run(trial)
    (row,) = diary.rows
    shares = [row[f"weight/{it}"] for it in LOSSES]
    assert sum(shares) == pytest.approx(1)
    assert [f"loss/{it}" in row for it in LOSSES] == [share > 0 for share in shares]


@pytest.mark.slow
def test_two_seeds_choose_otherwise(small_trial: MakeTrial) -> None:
    def chosen(seed: int) -> list[frozenset[int]]:
        descent = descent_of(small_trial(method={"method": "sat"}, seed=seed), micro_batches=1)
        steps = [divmod(step, 5) for step in range(10)]
        return [
            descent.step(torch.arange(4), epoch=epoch, step=step).left_out for epoch, step in steps
        ]

    assert chosen(0) == chosen(0)
    assert chosen(0) != chosen(1)
    assert all(len(left_out) == 2 for left_out in chosen(0))
