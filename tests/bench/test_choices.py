"""The benchmark of choices: what it varies is what it says, and it runs on real images."""

from __future__ import annotations

import os

import pytest

from tests.bench.choices import CHOICES, SETS, measured, trial_of

ROOT = os.environ.get("PARETO_DATA")


@pytest.mark.parametrize("name", SETS)
def test_choices_differ_in_nothing_else(name: str) -> None:
    plain = {
        label: trial_of(name, choice, root="data", seed=1).content()
        for label, choice in CHOICES.items()
    }
    for label, choice in CHOICES.items():
        changed = {**plain["joint"]["training"], **choice}
        assert plain[label] == {**plain["joint"], "training": changed}
    assert len({str(content) for content in plain.values()}) == len(CHOICES)


@pytest.mark.slow
@pytest.mark.skipif(ROOT is None, reason="PARETO_DATA names no folder of real images")
@pytest.mark.parametrize("name", SETS)
def test_it_measures_real_images(name: str) -> None:
    assert ROOT is not None
    trial = trial_of(name, {}, root=ROOT, seed=0)
    data = trial.data.model_copy(update={"train_examples": 200})
    training = trial.training.model_copy(update={"epochs": 1})
    suite = {
        "pgd": {"epsilon": 0.01, "ladder": [1]},
        "rt": {"epsilon": 0.01, "ladder": [1]},
        "examples": 20,
    }
    found = measured(trial.model_copy(update={"data": data, "training": training}), suite)
    assert set(found) == {"natural", "pgd", "rt", "union"}
    assert all(0 <= value <= 100 for value in found.values())
    assert found["union"] <= min(found["pgd"], found["rt"]) <= found["natural"]
