"""Gradients combined by TorchJD, where it is installed; what is said where it is not."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from tests.trainer.runs import MakeTrial, assert_same_state, run, run_with_stops
from trainer.input.problems import BadInput
from trainer.methods import METHODS, Weighting
from trainer.methods.jacobian import EXTRA

NAMES = ("pcgrad", "upgrad", "cagrad")


def is_there(name: str) -> bool:
    packages = METHODS[name].packages  # type: ignore[attr-defined]
    return all(importlib.util.find_spec(package) is not None for package in packages)


def need(name: str) -> None:
    if not is_there(name):
        pytest.skip(f"pip install '{EXTRA}'")


def weighting_of(name: str, **settings: Any) -> Weighting:
    need(name)
    method = METHODS[name].model_validate({"attack_names": ["a"], **settings})
    weighting = method.weighting()
    weighting.begin(3)
    return weighting


def weigh(weighting: Weighting, rows: list[list[float]]) -> list[float]:
    gradients = torch.tensor(rows)
    weights: list[float] = weighting.weigh_gradients((gradients @ gradients.T)[None])[0].tolist()
    return weights


@pytest.mark.parametrize("name", NAMES)
def test_without_its_packages_it_says_what_to_install(
    name: str, monkeypatch: pytest.MonkeyPatch, small_trial: MakeTrial
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ValidationError, match=r"must have the packages torchjd.* is not installed"):
        METHODS[name]()
    with pytest.raises(BadInput) as caught:
        small_trial(method={"method": name})
    assert f"pip install '{EXTRA}'" in str(caught.value)


def test_gradient_surgery_takes_conflicts_away() -> None:
    """g_1 = (1, 0), g_2 = (-1, 1): each loses its part against the other, (1/2, 1/2) and (0, 1)."""
    weights = weigh(weighting_of("pcgrad"), [[1.0, 0.0], [-1.0, 1.0]])
    np.testing.assert_allclose(np.array(weights) @ [[1.0, 0.0], [-1.0, 1.0]], [0.5, 1.5])
    assert weigh(weighting_of("pcgrad"), [[1.0, 0.0], [1.0, 1.0]]) == [1.0, 1.0]


def test_the_order_of_surgery_is_of_the_steps_seed() -> None:
    need("pcgrad")
    rows = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    products = (rows @ rows.T - 0.3 * torch.ones(4, 4))[None]
    found = set()
    for seed in range(12):
        ours = []
        for noise in (1, 2):
            weighting = METHODS["pcgrad"]().weighting()
            weighting.begin(seed)
            torch.manual_seed(noise)  # as dropout may have left it
            ours.append(tuple(weighting.weigh_gradients(products)[0].tolist()))
        assert ours[0] == ours[1]
        found.add(ours[0])
    assert len(found) > 1


def test_projected_gradients_lie_where_no_loss_rises() -> None:
    """The same two: projections (1/2, 1/2) and (0, 1), of which the mean is taken."""
    weights = weigh(weighting_of("upgrad"), [[1.0, 0.0], [-1.0, 1.0]])
    found = np.array(weights) @ [[1.0, 0.0], [-1.0, 1.0]]
    np.testing.assert_allclose(found, [0.25, 0.75], atol=1e-3)


def test_the_least_falling_loss_falls_most_within_a_ball() -> None:
    """Orthogonal gradients of one length: the mean is best already, and grows by c."""
    weights = weigh(weighting_of("cagrad", c=0.5), [[1.0, 0.0], [0.0, 1.0]])
    np.testing.assert_allclose(weights, [0.75, 0.75], rtol=1e-3)
    assert weigh(weighting_of("cagrad", c=0), [[1.0, 0.0], [0.0, 3.0]]) == pytest.approx([0.5, 0.5])


@pytest.mark.parametrize("name", ["pcgrad", "upgrad", "cagrad"])
def test_short_gradients_are_weighed_as_long_ones(name: str) -> None:
    """Below a length of 0.01 the library took them for none: CAGrad then stood still, and UPGrad
    left the conflicts in."""
    rows = [[1.0, 0.0], [-1.0, 1.0]]
    short = [[1e-5 * entry for entry in row] for row in rows]
    expected = weigh(weighting_of(name), rows)
    assert weigh(weighting_of(name), short) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_what_has_diverged_or_vanished_is_left_to_the_loop(name: str) -> None:
    for value in (float("nan"), 0.0):
        found = weighting_of(name).weigh_gradients(torch.full((3, 2, 2), value))
        assert found.tolist() == [[0.5, 0.5]]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_each_trains_and_goes_on_bit_for_bit(name: str, small_trial: MakeTrial) -> None:
    need(name)
    trial = small_trial(method={"method": name})
    _, whole = run(trial)
    _, parts = run_with_stops(trial, [3, 8])
    assert_same_state(whole.checkpoints[-1], parts.checkpoints[-1])
    assert whole.facts() == parts.facts()
    assert whole.rows[-1]["loss/natural"] < whole.rows[0]["loss/natural"]
