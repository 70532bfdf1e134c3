"""The alpha problem: beside CVXOPT's own time for it, and beside other solvers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple

import cvxopt
import numpy as np
from cvxopt import solvers
from numpy.typing import NDArray
from scipy.optimize import minimize

from tests.bench.speed.contest import Check, Contender, Contest, WrongWorkError
from tests.bench.speed.setting import Setting
from trainer.methods.alpha import LossWindow, solve_alpha

WINDOW = 50
K = 4
RHO = 0.6
Array = NDArray[np.float64]

_TOLERANCES = {"abstol": 1e-20, "reltol": 1e-12, "feastol": 1e-12, "show_progress": False}


class Problem(NamedTuple):
    """`min 1/2 a' P a` at `A a = b`, `a >= 0` (Eq. 12), from the moments of a window."""

    second_moments: Array  # K K
    means: Array  # K
    r: float
    P: Array
    A: Array
    b: Array


def contests(setting: Setting) -> Iterator[Contest]:
    """Problems of random losses, all solved one after another."""
    problems = [random_problem(seed) for seed in range(setting.sizes.problems)]
    contenders = [
        Contender(name="ours", run=each(problems, ours), check=near(1e-6)),
        Contender(name="scipy, SLSQP", run=each(problems, slsqp), check=near(1e-3)),
    ]
    if find_spec("quadprog") is not None:
        contenders.append(
            Contender(name="quadprog", run=each(problems, quadprog), check=near(1e-6))
        )
    yield Contest(
        title=f"{len(problems)} alpha problems of {K} losses, moments of {WINDOW} mini-batches",
        bound=Contender(
            name="CVXOPT's own solve of the scaled problem",
            run=each([scaled(problem) for problem in problems], solve),
        ),
        contenders=tuple(contenders),
    )


def random_problem(seed: int) -> Problem:
    """Losses of a mean of their own each, from 0.3 to 3, that vary by a tenth of it."""
    generator = np.random.default_rng(seed)
    window, level = LossWindow(WINDOW), generator.uniform(0.3, 3, K)
    for _ in range(WINDOW):
        window.append((level * generator.normal(1, 0.1, K)).tolist())
    M, m = window.moments()
    r = RHO * float(m[1:].max())
    return Problem(
        second_moments=M,
        means=m,
        r=r,
        P=4 * K * np.diag(np.diag(M)) - 4 * M,
        A=np.stack([np.concatenate([[0.0], m[1:]]), np.ones(K)]),
        b=np.array([r, 1.0]),
    )


def each(problems: list[Any], solver: Callable[[Any], Array]) -> Callable[[], Array]:
    """All answers, N K."""
    return lambda: np.stack([solver(problem) for problem in problems])


def near(tolerance: float) -> Check:
    """See that every alpha is the bound's."""

    def check(alphas: Array, exact: Array) -> None:
        farthest = float(np.abs(alphas - exact).max())
        if not farthest <= tolerance:
            raise WrongWorkError(f"alpha must be within {tolerance:g}, it is off by {farthest:g}")

    return check


def ours(problem: Problem) -> Array:
    """From the moments, as training calls it."""
    return solve_alpha(problem.second_moments, problem.means, problem.r).alpha


class Scaled(NamedTuple):
    """A problem in the variables `a_i M_ii^(1/4)`, all that CVXOPT is given made beforehand."""

    arguments: dict[str, Any]
    scale: Array  # K


def scaled(problem: Problem) -> Scaled:
    """As `trainer.methods.alpha` scales it."""
    largest = float(np.sqrt(np.diag(problem.second_moments).max()))
    scale = np.diag(problem.second_moments / largest**2) ** 0.25
    quadratic = problem.P / np.outer(scale, scale)
    return Scaled(
        arguments={
            "P": cvxopt.matrix(quadratic / np.abs(quadratic).max()),
            "q": cvxopt.matrix(0.0, (K, 1)),
            "G": cvxopt.spdiag([-1.0] * K),
            "h": cvxopt.matrix(0.0, (K, 1)),
            "A": cvxopt.matrix(problem.A / np.array([[largest], [1.0]]) / scale),
            "b": cvxopt.matrix(problem.b / np.array([largest, 1.0])),
            "kktsolver": "ldl",
            "options": _TOLERANCES,
        },
        scale=scale,
    )


def solve(problem: Scaled) -> Array:
    """CVXOPT's answer."""
    return np.asarray(solvers.qp(**problem.arguments)["x"]).ravel() / problem.scale


def quadprog(problem: Problem) -> Array:
    """The dual method of Goldfarb and Idnani, 1983."""
    library = import_module("quadprog")  # of the peers' environment alone
    constraints = np.concatenate([problem.A, np.eye(K)]).T
    right = np.concatenate([problem.b, np.zeros(K)])
    answer: Array = library.solve_qp(problem.P, np.zeros(K), constraints, right, meq=2)[0]
    return answer


def slsqp(problem: Problem) -> Array:
    """Sequential least squares, with the gradient."""
    answer = minimize(
        lambda alpha: 0.5 * alpha @ problem.P @ alpha,
        np.full(K, 1 / K),
        jac=lambda alpha: problem.P @ alpha,
        bounds=[(0, None)] * K,
        constraints={
            "type": "eq",
            "fun": lambda alpha: problem.A @ alpha - problem.b,
            "jac": lambda alpha: problem.A,
        },
        method="SLSQP",
        options={"ftol": 1e-12},
    )
    found: Array = answer.x
    return found
