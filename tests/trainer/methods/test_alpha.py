"""The alpha problem: closed forms, symmetries, and the degenerate cases of training."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

import cvxopt
import numpy as np
import pytest
from cvxopt import solvers
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.trainer.loss_samples import Matrix, Vector, deterministic, moments, random_losses
from trainer.methods.alpha import FEASIBLE_SHARE, Alpha, solve_alpha


def assert_feasible(solution: Alpha, m: Vector) -> None:
    assert (solution.alpha >= 0).all()
    assert solution.alpha.sum() == pytest.approx(1, abs=1e-12)
    assert solution.alpha[1:] @ m[1:] == pytest.approx(solution.r, abs=1e-7 * m[1:].max())


# Closed forms


@pytest.mark.parametrize(
    "losses",
    [
        [0.6, 1.6, 1.4, 0.8],
        [1.0, 1.0, 1.0, 1.0],
        [0.01, 2.0, 0.5, 3.0],
        [1e-7, 3e-7, 2e-7, 5e-7],
        [1e6, 3e6, 2e6, 5e6],
        [2e-4, 2.0, 0.3, 0.002],
        [0.5, 2.0],
        [0.3, 0.9, 2.0, 0.1, 5.0, 1.0],
    ],
)
def test_each_loss_contributes_alike_where_it_can(losses: list[float]) -> None:
    """With K losses m_i and r = (K - 1) / sum 1/m_i, alpha_i is proportional to 1/m_i."""
    M, m = deterministic(losses)
    solution = solve_alpha(M, m, (len(m) - 1) / (1 / m).sum())
    np.testing.assert_allclose(solution.alpha, (1 / m) / (1 / m).sum(), atol=1e-7)
    assert not solution.clipped


@pytest.mark.parametrize("share", [0.99, 0.995, 0.999])
def test_alpha_tends_to_the_largest_loss_alone(share: float) -> None:
    """Near the bound the two largest, 1.6 and 1.4, are left, and r settles how they share."""
    M, m = deterministic([0.6, 1.6, 1.4, 0.8])
    second = (1 - share) * 1.6 / (1.6 - 1.4)
    solution = solve_alpha(M, m, share * 1.6)
    np.testing.assert_allclose(solution.alpha, [0, 1 - second, second, 0], atol=1e-8)


@pytest.mark.parametrize(
    ("rho", "alpha"),
    [(0.4, [0.44, 0.13, 0.15, 0.28]), (0.9, [0, 0.46, 0.46, 0.09]), (0.99, [0, 0.92, 0.08, 0])],
)
def test_known_answers(rho: float, alpha: list[float]) -> None:
    M, m = deterministic([0.6, 1.6, 1.4, 0.8])
    np.testing.assert_allclose(solve_alpha(M, m, rho * 1.6).alpha, alpha, atol=0.006)


def test_equal_losses_share_what_r_asks_for() -> None:
    for size in (1e-7, 1.0, 1e6):
        M, m = deterministic([size] * 4)
        solution = solve_alpha(M, m, 0.6 * size)
        np.testing.assert_allclose(solution.alpha, [0.4, 0.2, 0.2, 0.2], atol=1e-8)


def test_two_losses_are_settled_by_the_constraints() -> None:
    M, m = moments(random_losses(np.random.default_rng(0), 2, 1.0))
    solution = solve_alpha(M, m, 0.3 * m[1])
    np.testing.assert_allclose(solution.alpha, [0.7, 0.3], atol=1e-9)


# What changes alpha, and what does not


def test_the_robust_share_rises_with_r_where_robust_losses_are_the_larger() -> None:
    rng = np.random.default_rng(5)
    for _ in range(40):
        losses = random_losses(rng, 4, 0.7)
        losses[:, 0] *= losses.mean(axis=0)[1:].min() / losses[:, 0].mean() * rng.uniform(0.1, 1)
        M, m = moments(losses)
        shares = [solve_alpha(M, m, s * m[1:].max()).alpha[1:].sum() for s in np.arange(1, 10) / 10]
        assert (np.diff(shares) > -1e-7).all(), (M, m)


def test_the_order_of_robust_losses_does_not_matter() -> None:
    M, m = moments(random_losses(np.random.default_rng(6), 5, 1.0))
    order = [0, 3, 1, 4, 2]
    r = 0.5 * m[1:].max()
    straight = solve_alpha(M, m, r).alpha
    np.testing.assert_allclose(
        solve_alpha(M[np.ix_(order, order)], m[order], r).alpha, straight[order], atol=1e-7
    )


@pytest.mark.parametrize("unit", [1e-6, 1e-3, 1e3])
def test_the_unit_of_the_losses_does_not_matter(unit: float) -> None:
    M, m = moments(random_losses(np.random.default_rng(7), 4, 1.0))
    r = 0.5 * m[1:].max()
    scaled = solve_alpha(M * unit**2, m * unit, r * unit)
    np.testing.assert_allclose(scaled.alpha, solve_alpha(M, m, r).alpha, atol=1e-9)
    assert scaled.r == pytest.approx(r * unit)


# r at and beyond its bounds


@pytest.mark.parametrize(
    ("r", "in_effect", "clipped"),
    [
        (-1.0, 0.0, True),
        (-1e-12, 0.0, True),
        (0.0, 0.0, False),
        (0.8, 0.8, False),
        (0.999 * 1.6, 0.999 * 1.6, False),
        (0.9991 * 1.6, 0.999 * 1.6, True),
        (1.6, 0.999 * 1.6, True),
        (1e9, 0.999 * 1.6, True),
    ],
)
def test_r_is_clipped_to_what_is_feasible(r: float, in_effect: float, clipped: bool) -> None:
    M, m = deterministic([0.6, 1.6, 1.4, 0.8])
    solution = solve_alpha(M, m, r)
    assert solution.r == pytest.approx(in_effect, rel=1e-15)
    assert solution.clipped is clipped
    assert_feasible(solution, m)
    np.testing.assert_allclose(
        solution.alpha, solve_alpha(M, m, in_effect).alpha, atol=1e-12, rtol=0
    )


def test_r_may_be_a_numpy_number() -> None:
    M, m = deterministic([0.6, 1.6])
    solution = solve_alpha(M, m, np.float64(3))
    assert solution.clipped is True
    assert type(solution.r) is float


def test_a_required_robustness_of_zero_leaves_the_natural_loss_alone() -> None:
    rng = np.random.default_rng(8)
    for _ in range(30):
        M, m = moments(random_losses(rng, 4, 1.0))
        np.testing.assert_allclose(solve_alpha(M, m, 0).alpha, [1, 0, 0, 0], atol=1e-7)


def test_the_bound_does_not_count_the_natural_loss() -> None:
    M, m = deterministic([9.0, 1.0, 2.0])
    assert solve_alpha(M, m, 5.0).r == FEASIBLE_SHARE * 2.0


# Losses that vanish


@pytest.mark.parametrize("losses", [[0, 0, 0, 0], [1, 0, 0, 0], [1e-200] * 4])
def test_without_robust_losses_alpha_is_uniform(losses: list[float]) -> None:
    solution = solve_alpha(*deterministic(losses), 0.5)
    assert solution.alpha.tolist() == [0.25] * 4
    assert solution.clipped


def test_a_natural_loss_of_zero_takes_what_the_robust_ones_leave() -> None:
    M, m = deterministic([0, 1, 2, 3])
    solution = solve_alpha(M, m, 0.9)
    np.testing.assert_allclose(solution.alpha, [0.45, 0.3, 0.15, 0.1], atol=1e-8)


def test_one_robust_loss_of_zero() -> None:
    M, m = deterministic([1, 0, 2, 4])
    solution = solve_alpha(M, m, 1.0)
    assert_feasible(solution, m)
    np.testing.assert_allclose(solution.alpha[2:], [0.25, 0.125], atol=1e-6)  # 1 of 2, half of 4


# Input that is refused


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", ["moments", "means", "r"])
def test_what_is_not_finite_is_refused(bad: float, where: str) -> None:
    M, m = deterministic([0.6, 1.6, 1.4])
    r = 0.5
    if where == "moments":
        M[1, 2] = bad
    elif where == "means":
        m[0] = bad
    else:
        r = bad
    with pytest.raises(ValueError, match=r"must be finite.*diverged"):
        solve_alpha(M, m, r)


@pytest.mark.parametrize(
    ("M", "m"),
    [
        (np.ones((3, 3)), np.ones(4)),
        (np.ones((4, 3)), np.ones(4)),
        (np.ones(4), np.ones(4)),
        (np.ones((1, 1)), np.ones(1)),
        (np.ones((0, 0)), np.ones(0)),
        (np.ones((2, 2)), np.ones((2, 1))),
        (1.0, 1.0),
    ],
)
def test_shapes_that_do_not_fit_are_refused(M: Matrix, m: Vector) -> None:
    with pytest.raises(ValueError, match=r"must be \(K, K\) and \(K,\)"):
        solve_alpha(M, m, 0.5)


def test_input_is_not_written_to_and_lists_will_do() -> None:
    M, m = moments(random_losses(np.random.default_rng(9), 4, 1.0))
    copies = M.copy(), m.copy()
    solution = solve_alpha(M, m, 0.4)
    assert np.array_equal(M, copies[0])
    assert np.array_equal(m, copies[1])
    assert np.array_equal(solve_alpha(M.tolist(), m.tolist(), 0.4).alpha, solution.alpha)


# A solver that gives up


def _raises(error: Exception) -> Callable[..., NoReturn]:
    def qp(**_: object) -> NoReturn:
        raise error

    return qp


def _answers(status: str, x: list[float]) -> Callable[..., dict[str, object]]:
    return lambda **_: {"status": status, "x": cvxopt.matrix(x)}


@pytest.mark.parametrize(
    "solver",
    [
        _answers("unknown", [-1.5, 5.5, 1.0, 2.0]),
        _raises(ArithmeticError("singular KKT matrix")),
        _raises(ValueError("Rank(A) < p or Rank([P; A; G]) < n")),
        _answers("optimal", [np.nan] * 4),
        _answers("optimal", [0.25, 0.25, 0.25, 0.25]),  # misses r
        _answers("optimal", [0.6, 0.4, 0.0, 0.0]),  # meets r, and others spread less
    ],
)
def test_a_solver_that_finds_no_optimum_is_replaced(
    monkeypatch: pytest.MonkeyPatch, solver: Callable[..., object]
) -> None:
    monkeypatch.setattr(solvers, "qp", solver)
    M, m = deterministic([1.0, 1.0, 1.0, 1.0])
    np.testing.assert_allclose(solve_alpha(M, m, 0.4).alpha, [0.6] + [0.4 / 3] * 3, atol=1e-12)


def test_a_good_answer_of_the_solver_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    nearly = [0.6, 0.4 / 3 + 1e-9, 0.4 / 3 - 1e-9, 0.4 / 3]
    monkeypatch.setattr(solvers, "qp", _answers("optimal", nearly))
    M, m = deterministic([1.0, 1.0, 1.0, 1.0])
    np.testing.assert_allclose(solve_alpha(M, m, 0.4).alpha, nearly, atol=1e-15)


def test_no_interior_and_a_loss_that_is_next_to_nothing() -> None:
    """On some CPUs the solver gives up on it."""
    solution = solve_alpha(*deterministic([3, 1, 1e-9, 1]), 0)
    np.testing.assert_allclose(solution.alpha, [1, 0, 0, 0], atol=1e-6)


_LOSSES = st.one_of(st.just(0.0), st.floats(0, 1e3), st.floats(-9, 2).map(lambda x: 10.0**x))
_REQUIRED = st.one_of(st.floats(-1e6, 1e6), st.floats(-200, 3).map(lambda x: 10.0**x))


@given(st.integers(2, 6).flatmap(lambda K: arrays(np.float64, (3, K), elements=_LOSSES)), _REQUIRED)
@pytest.mark.parametrize("gives_up", [False, True])
def test_whatever_the_losses_there_is_a_feasible_answer(
    gives_up: bool, losses: Matrix, r: float
) -> None:
    """However small, large, far apart, proportional or alike they are."""
    M, m = moments(losses)
    with pytest.MonkeyPatch.context() as monkeypatch:
        if gives_up:
            monkeypatch.setattr(solvers, "qp", _answers("unknown", [0.0]))
        solution = solve_alpha(M, m, r)
    assert 0 <= solution.r <= FEASIBLE_SHARE * m[1:].max()
    assert solution.alpha.min() >= 0
    assert solution.alpha.sum() == pytest.approx(1)
    if M.diagonal()[1:].max() > 1e-300 * M.max():  # a robust loss whose square is a float
        assert_feasible(solution, m)
