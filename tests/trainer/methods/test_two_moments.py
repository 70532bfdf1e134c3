"""Eq. 3 and what stands on it: the spread of weighted losses from two of their moments."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.trainer.loss_samples import Matrix, Vector, moments, random_losses
from trainer.methods.alpha import LossWindow, solve_alpha

Draw = Callable[[np.random.Generator, int], Matrix]


def spread(losses: Matrix, alpha: Vector) -> Vector:
    """sum_ij (alpha_i L_i - alpha_j L_j)^2 of each sample; its mean is the objective of Eq. 12."""
    weighted = losses * alpha
    total = np.zeros(len(losses))
    for i in range(losses.shape[1]):
        for j in range(losses.shape[1]):
            total += (weighted[:, i] - weighted[:, j]) ** 2
    return total


def quadratic_form(M: Matrix, alpha: Vector) -> float:
    """1/2 alpha' P alpha with P = 4 K diag(M) - 4 M."""
    P = 4 * len(M) * np.diag(np.diag(M)) - 4 * M
    return float(alpha @ P @ alpha / 2)


# Joint distributions whose moments are known


def lognormal(K: int) -> tuple[Draw, Matrix, Vector]:
    """L = exp(G), G normal: E[L_i] = exp(mu_i + S_ii / 2), E[L_i L_j] = E[L_i] E[L_j] exp(S_ij)."""
    rng = np.random.default_rng(K)
    mu = rng.uniform(-1, 0.5, K)
    root = rng.normal(size=(K, K)) * 0.15
    S = root @ root.T
    m = np.exp(mu + np.diag(S) / 2)

    def draw(rng: np.random.Generator, count: int) -> Matrix:
        losses: Matrix = np.exp(mu + rng.normal(size=(count, K)) @ root.T)
        return losses

    return draw, np.outer(m, m) * np.exp(S), m


def gamma(K: int) -> tuple[Draw, Matrix, Vector]:
    """L_i = s_i (G + G_i), gamma of shapes a and a_i: E[L_i] = s_i (a + a_i), covariances s_i s_j a
    off the diagonal, s_i^2 (a + a_i) on it."""
    rng = np.random.default_rng(K)
    s, own, common = rng.uniform(0.05, 1, K), rng.uniform(0.5, 4, K), 2.0
    m = s * (common + own)
    covariance = np.outer(s, s) * (common + np.diag(own))

    def draw(rng: np.random.Generator, count: int) -> Matrix:
        losses: Matrix = s * (rng.gamma(common, size=(count, 1)) + rng.gamma(own, size=(count, K)))
        return losses

    return draw, np.outer(m, m) + covariance, m


Distribution = Callable[[int], tuple[Draw, Matrix, Vector]]
either_distribution = pytest.mark.parametrize("distribution", [lognormal, gamma])


def standard_scores(samples: NDArray[np.float64], expected: float | Matrix) -> Matrix:
    """How many standard errors the mean over samples, the first axis, is off."""
    errors = samples.std(axis=0, ddof=1) / len(samples) ** 0.5
    scores: Matrix = np.abs(samples.mean(axis=0) - expected) / errors
    return scores


# Eq. 3


@pytest.mark.parametrize("K", [2, 3, 4, 5, 7, 10])
def test_the_quadratic_form_is_the_spread(K: int) -> None:
    """Summed pair by pair and sample by sample, for losses decades apart.

    To 1e-12: sums of 50 K^2 terms without cancellation keep all but two or three of float64's 16
    digits, and weights that do not even the losses out leave no cancellation in the form.
    """
    rng = np.random.default_rng(K)
    for _ in range(20):
        losses, alpha = random_losses(rng, K, 2.0), rng.dirichlet(np.ones(K))
        M, _ = moments(losses)
        assert quadratic_form(M, alpha) == pytest.approx(spread(losses, alpha).mean(), rel=1e-12)


@pytest.mark.parametrize("K", [2, 3, 4, 6])
def test_the_identity_is_exact_for_any_weights(K: int) -> None:
    """In fractions, with weights of either sign: nothing is rounded, so both sides are equal."""
    rng = np.random.default_rng(K)
    samples = [[Fraction(int(x), 7) for x in row] for row in rng.integers(1, 1000, (9, K))]
    alpha = [Fraction(int(a), 11) for a in rng.integers(-20, 20, K)]
    pairs = [(i, j) for i in range(K) for j in range(K)]
    M = {(i, j): sum(L[i] * L[j] for L in samples) / Fraction(9) for i, j in pairs}
    P = {(i, j): 4 * K * (i == j) * M[i, j] - 4 * M[i, j] for i, j in pairs}
    directly = sum((alpha[i] * L[i] - alpha[j] * L[j]) ** 2 for i, j in pairs for L in samples) / 9
    assert sum(alpha[i] * P[i, j] * alpha[j] for i, j in pairs) / 2 == directly


def test_four_losses_give_the_paper_its_numbers() -> None:
    """P_ii = 12 M_ii and P_ij = -4 M_ij: read off with one weight, and with two."""
    M, _ = moments(random_losses(np.random.default_rng(0), 4, 1.0))
    one, two = np.eye(4)[2], np.eye(4)[2] + np.eye(4)[3]
    assert quadratic_form(M, one) == pytest.approx(6 * M[2, 2], rel=1e-14)
    expected = 6 * M[2, 2] + 6 * M[3, 3] - 4 * M[2, 3]
    assert quadratic_form(M, two) == pytest.approx(expected, rel=1e-14)


# The objective as an expectation


@either_distribution
@pytest.mark.parametrize("K", [2, 4, 5])
def test_the_form_is_the_expected_spread(distribution: Distribution, K: int) -> None:
    """Of the true moments, within the error of 100,000 draws: 12 weights, 4 standard errors."""
    draw, M, m = distribution(K)
    rng = np.random.default_rng(1)
    losses = draw(rng, 100_000)
    even = 1 / m / (1 / m).sum()  # all losses contribute alike, and only their variance is left
    for alpha in [even, *rng.dirichlet(np.ones(K), 11)]:
        assert standard_scores(spread(losses, alpha), quadratic_form(M, alpha)) < 4


@either_distribution
def test_no_other_weights_spread_new_losses_less(distribution: Distribution) -> None:
    """Alpha of the true moments, on draws that it has not seen, against feasible neighbours."""
    draw, M, m = distribution(4)
    rng = np.random.default_rng(2)
    losses = draw(rng, 100_000)
    constraints = np.stack([np.concatenate([[0.0], m[1:]]), np.ones(4)])
    directions = np.linalg.svd(constraints)[2][2:]
    compared = 0
    for rho in (0.2, 0.5, 0.8):
        alpha = solve_alpha(M, m, rho * m[1:].max()).alpha
        least = spread(losses, alpha)
        for _ in range(12):
            other = alpha + rng.normal(scale=0.1, size=2) @ directions
            if (other >= 0).all():
                excess = spread(losses, other) - least
                assert excess.mean() > -4 * excess.std() / len(losses) ** 0.5
                compared += 1
    assert compared >= 6


def test_no_other_weights_spread_the_window_less() -> None:
    """Alpha of the window's moments, on the window's own losses."""
    rng = np.random.default_rng(3)
    for _ in range(30):
        losses = random_losses(rng, 4, 1.0)
        M, m = moments(losses)
        alpha = solve_alpha(M, m, rng.uniform(0.1, 0.9) * m[1:].max()).alpha
        least = spread(losses, alpha).mean()
        constraints = np.stack([np.concatenate([[0.0], m[1:]]), np.ones(4)])
        directions = np.linalg.svd(constraints)[2][2:]  # along which both constraints hold
        for _ in range(20):
            other = alpha + rng.normal(scale=0.05, size=2) @ directions
            if (other >= 0).all():
                assert spread(losses, other).mean() >= least - 1e-12


# The window


def filled(rows: Matrix) -> LossWindow:
    window = LossWindow(len(rows))
    for row in rows:
        window.append(row.tolist())
    return window


def test_moments_are_uncentred_means_over_the_window() -> None:
    rows = np.random.default_rng(10).gamma(2, 1, (7, 3))
    M, m = filled(rows).moments()
    np.testing.assert_allclose(m, rows.mean(axis=0), rtol=1e-14)
    for i in range(3):
        for j in range(3):
            assert M[i, j] == pytest.approx((rows[:, i] * rows[:, j]).mean(), rel=1e-14)
    assert not np.allclose(M, np.cov(rows.T, bias=True))


@either_distribution
@pytest.mark.parametrize("size", [100, 10_000])
def test_the_window_estimates_the_true_moments(distribution: Distribution, size: int) -> None:
    """Each of 14 numbers within 4 standard errors, which fall as the window grows."""
    draw, true_M, true_m = distribution(4)
    rows = draw(np.random.default_rng(5), size)
    M, m = filled(rows).moments()
    products = rows[:, :, None] * rows[:, None, :]
    assert (np.abs(M - true_M) < 4 * products.std(axis=0) / size**0.5).all()
    assert (np.abs(m - true_m) < 4 * rows.std(axis=0) / size**0.5).all()


@either_distribution
def test_alpha_of_a_window_converges_to_alpha(distribution: Distribution) -> None:
    """Like any smooth function of means: a hundred times the mini-batches, a tenth of the error."""
    draw, true_M, true_m = distribution(4)
    r = 0.4 * true_m[1:].max()
    rng = np.random.default_rng(6)
    truth = solve_alpha(true_M, true_m, r).alpha
    assert truth.min() > 0.01  # no corner, where the error would be less

    def error(size: int) -> float:
        estimates = [solve_alpha(*filled(draw(rng, size)).moments(), r).alpha for _ in range(30)]
        return float(np.sqrt(np.mean((np.array(estimates) - truth) ** 2)))

    assert error(40) / error(4000) == pytest.approx(10, rel=0.35)


def test_the_window_slides() -> None:
    window = LossWindow(3)
    for value in range(10):
        window.append([float(value), 1.0])
        assert len(window) == min(value + 1, 3)
    assert window.rows() == [[7.0, 1.0], [8.0, 1.0], [9.0, 1.0]]
    M, m = window.moments()
    np.testing.assert_allclose(m, [8, 1])
    np.testing.assert_allclose(M, [[(49 + 64 + 81) / 3, 8.0], [8.0, 1.0]])


def test_rows_are_a_list_of_its_own() -> None:
    window = LossWindow(3)
    window.append([1.0, 2.0])
    window.rows().clear()
    assert len(window) == 1
