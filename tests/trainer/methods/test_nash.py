"""The bargaining solution: its equation, at any length of gradients, against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.trainer.runs import MakeTrial, assert_same_state, run, run_with_stops
from trainer.methods import NashMtl
from trainer.methods.nash import bargained

RNG_SEED = 0


def weigh(gram: np.ndarray, *, max_norm: float) -> np.ndarray:
    names = [f"a{place}" for place in range(len(gram) - 1)]
    weighting = NashMtl(attack_names=names, max_norm=max_norm).weighting()
    by_tensor = torch.from_numpy(np.stack([0.25 * gram, 0.75 * gram]))  # of two tensors of weights
    found: np.ndarray = weighting.weigh_gradients(by_tensor)[0].numpy()
    return found


def test_orthogonal_gradients_weigh_as_the_inverse_of_their_lengths() -> None:
    lengths = np.array([1.0, 4.0, 0.1])
    np.testing.assert_allclose(bargained(np.diag(lengths**2)), 1 / lengths, rtol=1e-9)


def test_two_gradients_at_an_angle_have_a_closed_form() -> None:
    """alpha_1 |g_1| = alpha_2 |g_2| = 1 / sqrt(1 + cos)."""
    for cosine in (-0.99, -0.3, 0.0, 0.8, 1.0):
        gram = np.array([[1.0, 3 * cosine], [3 * cosine, 9.0]])
        expected = np.array([1, 1 / 3]) / np.sqrt(1 + cosine)
        np.testing.assert_allclose(bargained(gram), expected, rtol=1e-6)


@pytest.mark.parametrize("K", [1, 2, 4, 7])
def test_the_equation_holds_and_scales_at_any_length(K: int) -> None:
    rng = np.random.default_rng(RNG_SEED)
    for _ in range(20):
        rows = rng.normal(size=(K, 9)) * 10 ** rng.uniform(-2, 2, size=(K, 1))
        alpha = bargained(rows @ rows.T)
        assert (alpha > 0).all()
        np.testing.assert_allclose((rows @ rows.T @ alpha) * alpha, 1, rtol=1e-5)
        for length in (1e-9, 1e-4, 1e5):
            scaled = length * rows
            np.testing.assert_allclose(length * bargained(scaled @ scaled.T), alpha, rtol=1e-6)


def test_what_no_bargain_solves_stays_finite() -> None:
    """Opposed gradients, and one that is 0: the direction is, and no loss rises along it."""
    for rows in ([[1.0, 0.0], [-1.0, 0.0]], [[1.0, 0.0], [0.0, 0.0]]):
        gram = np.array(rows) @ np.array(rows).T
        alpha = bargained(gram)
        assert np.isfinite(alpha).all()
        assert (gram @ alpha >= -1e-6).all()
        assert alpha @ gram @ alpha <= 2 + 1e-6


def test_a_direction_longer_than_asked_is_cut() -> None:
    gram = np.diag([1.0, 16.0, 1e-8])
    whole, cut = weigh(gram, max_norm=0), weigh(gram, max_norm=0.1)
    assert whole @ gram @ whole == pytest.approx(3)
    assert cut @ gram @ cut == pytest.approx(0.01)
    np.testing.assert_allclose(cut / whole, 0.1 / np.sqrt(3), rtol=1e-6)


def test_what_has_diverged_or_vanished_is_left_to_the_loop() -> None:
    for value in (float("nan"), 0.0):
        np.testing.assert_array_equal(weigh(np.full((2, 2), value), max_norm=1), 0.5)


@pytest.mark.slow
def test_it_trains_and_goes_on_bit_for_bit(small_trial: MakeTrial) -> None:
    trial = small_trial(method={"method": "nash_mtl"})
    _, whole = run(trial)
    _, parts = run_with_stops(trial, [3, 8])
    assert_same_state(whole.checkpoints[-1], parts.checkpoints[-1])
    assert whole.rows[-1]["loss/natural"] < whole.rows[0]["loss/natural"]
