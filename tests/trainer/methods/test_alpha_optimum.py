"""The optimum of the alpha problem, against two oracles that share no arithmetic with the code.

Enumeration in integers knows it exactly; the KKT conditions recognise it for any number of losses.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from fractions import Fraction

import numpy as np
import pytest
from cvxopt import solvers

from tests.trainer.loss_samples import Matrix, Vector, correlated, deterministic, moments
from trainer.methods.alpha import FEASIBLE_SHARE, solve_alpha

SOLVED = 1e-8
"""Relative to the least spread. The solver stops at 1e-12 of it or at an absolute 1e-20, which is
this much of the smallest spreads here, those of losses six decades apart."""

VANISHING = 1e-18
"""Relative to the largest second moment, where a loss is zero and the least spread may be: alpha is
off by less than 1e-9, which enters squared."""

STATIONARY = 1e-14
"""In place of VANISHING for the KKT conditions: the solver meets them to an absolute 1e-12, times
the weights, and a loss of zero adds no spread to compare that with."""

ALPHA = 1e-7
"""Absolute: near a minimum the spread hardly tells one alpha from another. The root of SOLVED would
be 1e-4; the directions that the constraints leave are steep enough for a thousandth of it."""

WIDER = {"six decades": 5e-6}
"""In place of ALPHA, of the solver's own answers: 3 of 9,100 were off by more, 1.1e-6 at most."""

SUPPORT = 1e-7
"""An alpha below it is taken for 0 to guess the face of the optimum; a wrong guess costs time."""

FEASIBLE = 1e-11
"""Of the robust mean, relative to the largest: the solver's tolerance, 1e-12, and its scaling."""

MOST_LOSSES = 6
"""For which the optimum is enumerated in integers; ten where the KKT conditions judge."""


# Problems


def _some_zero(count: int) -> Callable[[np.random.Generator, Vector], Matrix]:
    def draw(rng: np.random.Generator, sizes: Vector) -> Matrix:
        losses = correlated(rng, sizes)
        losses[:, rng.choice(len(sizes), min(count, len(sizes) - 1), replace=False)] = 0
        return losses

    return draw


def _twins(rng: np.random.Generator, sizes: Vector) -> Matrix:
    losses = correlated(rng, sizes)
    losses[:, -1] = losses[:, -2]
    return losses


KINDS: dict[str, Callable[[np.random.Generator, Vector], Matrix]] = {
    "correlated": correlated,
    "four decades": lambda rng, sizes: correlated(rng, sizes**4),
    "six decades": lambda rng, sizes: correlated(rng, sizes**6),
    "tiny": lambda rng, sizes: 1e-9 * correlated(rng, sizes),
    "huge": lambda rng, sizes: 1e9 * correlated(rng, sizes),
    "fixed": lambda _rng, sizes: np.tile(sizes, (50, 1)),
    "proportional": lambda rng, sizes: sizes * rng.gamma(4, 0.25, (50, 1)),
    "equal": lambda rng, sizes: np.ones_like(sizes) * rng.gamma(4, 0.25, (50, 1)),
    "two of them equal": _twins,
    "one of them zero": _some_zero(1),
    "two of them zero": _some_zero(2),
}
"""Losses of K sizes in [0.1, 1]: 50 mini-batches, 50 K."""

REQUIREMENTS: list[Callable[[np.random.Generator, Vector], float]] = [
    lambda rng, robust: rng.uniform(0.01, 0.99) * robust.max(),
    lambda rng, robust: rng.uniform(0.01, 0.99) * robust.max(),
    lambda rng, robust: float(rng.choice(robust)),
    lambda rng, robust: 1e-6 * robust.max(),
    lambda _rng, _robust: 0.0,
    lambda _rng, robust: FEASIBLE_SHARE * robust.max(),
    lambda _rng, robust: 10 * robust.max(),
    lambda _rng, robust: -robust.max(),
]
"""r within its bounds, at one of the robust means, next to zero, at the bounds, beyond them."""


def problem(kind: str, number: int, most_losses: int) -> tuple[Matrix, Vector, float]:
    """Moments of 2, 3, ... losses in turn, and r; each number another problem."""
    rng = np.random.default_rng([number, most_losses, list(KINDS).index(kind)])
    sizes = 10 ** rng.uniform(-1, 0, 2 + number % (most_losses - 1))
    M, m = moments(KINDS[kind](rng, sizes))
    return M, m, REQUIREMENTS[rng.integers(len(REQUIREMENTS))](rng, m[1:])


def clipped_to_feasible(r: float, m: Vector) -> float:
    return float(np.clip(r, 0, FEASIBLE_SHARE * m[1:].max()))


# The first oracle


class Exact:
    """The problem of these very floats, in integers: every number of it times a power of two."""

    def __init__(self, M: Matrix, m: Vector, r: float) -> None:
        self.K = K = len(m)
        M_integers, self._unit = _integers(M.ravel().tolist())
        self.P = [
            [4 * K * (i == j) * M_integers[i * K + j] - 4 * M_integers[i * K + j] for j in range(K)]
            for i in range(K)
        ]
        (*self._robust, self._r), _ = _integers([0.0, *m[1:].tolist(), r])

    def spread(self, alpha: Vector | list[Fraction]) -> Fraction:
        """1/2 alpha' P alpha."""
        a = [Fraction(value) for value in alpha]
        form = sum(
            p * x * y
            for x, row in zip(a, self.P, strict=True)
            for y, p in zip(a, row, strict=True)
            if x and y
        )
        return Fraction(form) / (2 * self._unit)

    def optimum_on(self, face: tuple[int, ...]) -> list[Fraction]:
        """The optimum, looked for on one face first: where no other loss would lower the spread
        from its stationary point there is nothing else to try.

        By the KKT conditions: for some slope  `g_i - g_low >= slope (c_i - c_low)`  of the gradient
        g everywhere, with equality on the face.
        """
        point = self._stationary(face)
        if point is None:
            return self.optimum()
        g = [sum(p * a for p, a in zip(row, point, strict=True)) for row in self.P]
        low = min(face, key=self._robust.__getitem__)
        rises = [(self._robust[i] - self._robust[low], g[i] - g[low]) for i in range(self.K)]
        on_face = [Fraction(rise) / run for run, rise in (rises[i] for i in face) if run]
        slope = (
            on_face[0] if on_face else min(Fraction(rise) / run for run, rise in rises if run > 0)
        )
        return point if all(rise >= slope * run for run, rise in rises) else self.optimum()

    def optimum(self) -> list[Fraction]:
        """The feasible stationary point of least spread among those of all faces of the simplex.

        A face where the equations have no single solution needs no look: its optimum, if it has
        one, can be moved at no cost until it meets a smaller face.
        """
        faces = (
            face
            for size in range(1, self.K + 1)
            for face in itertools.combinations(range(self.K), size)
        )
        points = [point for face in faces if (point := self._stationary(face)) is not None]
        return min(points, key=self.spread)

    def _stationary(self, face: tuple[int, ...]) -> list[Fraction] | None:
        """Where the gradient is a combination of the constraints', if all alphas are feasible."""
        c = [self._robust[i] for i in face]
        if not min(c) <= self._r <= max(c):
            return None
        constraints = [([1] * len(face), 1)]
        if min(c) < max(c):  # else the other says it all
            constraints.append((c, self._r))
        nothing = [0] * len(constraints)
        equations = [
            [self.P[i][j] for j in face] + [row[position] for row, _ in constraints] + [0]
            for position, i in enumerate(face)
        ] + [[*row, *nothing, value] for row, value in constraints]
        solution = _solve(equations)
        if solution is None or min(solution[: len(face)]) < 0:
            return None
        alpha = [Fraction(0)] * self.K
        for i, value in zip(face, solution[: len(face)], strict=True):
            alpha[i] = value
        return alpha


def _integers(values: list[float]) -> tuple[list[int], int]:
    """`values` times their common denominator, and that: a float is an integer over 2^n."""
    ratios = [value.as_integer_ratio() for value in values]
    unit = max(denominator for _, denominator in ratios)
    return [numerator * (unit // denominator) for numerator, denominator in ratios], unit


def _solve(equations: list[list[int]]) -> list[Fraction] | None:
    """x of n linear equations, n n+1, right-hand sides last; None if they are singular.

    Elimination without fractions (Bareiss 1968): each entry stays a minor of the system, so every
    division is exact.
    """
    rows, divisor = equations, 1
    for k in range(len(rows)):
        pivot = next((i for i in range(k, len(rows)) if rows[i][k]), None)
        if pivot is None:
            return None
        rows[k], rows[pivot] = rows[pivot], rows[k]
        top = rows[k]
        for i, row in enumerate(rows):
            if i != k:
                rows[i] = [
                    (top[k] * x - row[k] * y) // divisor for x, y in zip(row, top, strict=True)
                ]
        divisor = top[k]
    return [Fraction(row[-1], divisor) for row in rows]


# The second oracle


def violation(M: Matrix, m: Vector, r: float, alpha: Vector) -> float:
    """By how much feasible weights miss the KKT conditions: `P alpha = y1 c + y2 + z`, `z >= 0`.

    It is the least complementary slackness `z' alpha` over all multipliers y1, y2 and z. By duality
    that is the fall of the linearised objective to its lowest vertex; with two constraints a vertex
    mixes two losses i and j, `c_i <= r <= c_j`. No other feasible weights have a spread that is
    less by more.
    """
    K = len(m)
    gradient = 4 * K * np.diag(M) * alpha - 4 * M @ alpha
    c = np.concatenate([[0.0], m[1:]])
    low, high = (c <= r).nonzero()[0][:, None], (c >= r).nonzero()[0][None, :]
    gap = c[high] - c[low]
    share = np.divide(r - c[low], gap, out=np.zeros_like(gap), where=gap > 0)
    return float(gradient @ alpha - ((1 - share) * gradient[low] + share * gradient[high]).min())


# The oracles themselves


def test_the_enumeration_is_exact() -> None:
    """For losses that do not vary, alpha_i is proportional to 1/m_i at r = (K - 1) / sum 1/m_i."""
    m = np.array([1.0, 2.0, 4.0, 8.0])  # sum of inverses 15/8, r 8/5: no float, so twice nothing
    M = np.outer(m, m)
    exact = Exact(M * 25, m * 5, 8.0)
    assert exact.optimum() == [Fraction(n, 15) for n in (8, 4, 2, 1)]
    assert exact.spread(exact.optimum()) == 0


def test_the_enumeration_finds_each_size_of_face() -> None:
    """Nothing required: the natural loss alone. At the top: the largest. Between: more of them."""
    M, m = deterministic([0.5, 2.0, 1.0, 0.25])
    supports = [
        [value > 0 for value in Exact(M, m, r).optimum()] for r in (0.0, 0.5, 1.25, 1.75, 2.0)
    ]
    assert supports[0] == [True, False, False, False]
    assert supports[-1] == [False, True, False, False]
    assert [sum(support) for support in supports] == [1, 4, 3, 2, 1]


def test_a_good_guess_of_the_face_changes_nothing() -> None:
    for kind in KINDS:
        for number in range(24):
            M, m, r = problem(kind, number, 4)
            exact = Exact(M, m, clipped_to_feasible(r, m))
            if not m[1:].any():
                continue
            optimum = exact.optimum()
            found = {size: exact.optimum_on(tuple(range(size))) for size in range(1, len(m) + 1)}
            found[0] = exact.optimum_on(tuple(i for i, value in enumerate(optimum) if value))
            spread = exact.spread(optimum)
            assert {exact.spread(point) for point in found.values()} == {spread}, (kind, number)


def test_the_oracles_agree() -> None:
    """The exact optimum, to the nearest float, meets the KKT conditions; other weights do not."""
    for number in range(60):
        M, m, r = problem("correlated", number, 5)
        r = clipped_to_feasible(r, m)
        exact = Exact(M, m, r)
        optimum = exact.optimum()
        rounded = np.array(optimum, dtype=np.float64)
        assert abs(violation(M, m, r, rounded)) < 1e-13 * np.diag(M).max()

        top = m[1:].argmax() + 1
        other = np.zeros(len(m))
        other[0], other[top] = 1 - r / m[top], r / m[top]
        excess = float(exact.spread(other) - exact.spread(optimum))
        assert violation(M, m, r, other) > excess - 1e-12


def test_the_optimum_is_unique_unless_two_losses_vanish() -> None:
    """P is positive definite where losses vary on their own, positive along the constraints' null
    space where they are proportional or one of them is zero, and zero along an exchange of two
    zeros: then alpha is no test of the solver, only its spread is."""
    for kind, vanishing in [("correlated", 0), ("proportional", 1), ("one of them zero", 1)]:
        for number in range(30):
            M, m, _ = problem(kind, number, 5)
            if not m[1:].any():
                continue
            assert _null_dimensions(_quadratic(M)) == vanishing
            assert _null_dimensions(_along_constraints(M, m)) == 0
    for number in range(2, 30):
        M, m, _ = problem("two of them zero", number, 5)
        if (m == 0).sum() == 2 and m[1:].any():
            assert _null_dimensions(_along_constraints(M, m)) == 1


def _quadratic(M: Matrix) -> Matrix:
    """P, K K, in units of the largest second moment."""
    P: Matrix = (4 * len(M) * np.diag(np.diag(M)) - 4 * M) / np.diag(M).max()
    return P


def _along_constraints(M: Matrix, m: Vector) -> Matrix:
    """P on the directions in which neither `1' alpha` nor the robust mean changes, K-2 K-2."""
    constraints = np.stack([np.concatenate([[0.0], m[1:] / m.max()]), np.ones(len(m))])
    directions = np.linalg.svd(constraints)[2][2:]
    along: Matrix = directions @ _quadratic(M) @ directions.T
    return along


def _null_dimensions(P: Matrix) -> int:
    values = np.linalg.eigvalsh(P)
    assert (values > -1e-12).all()
    return int((values < 1e-12).sum())


# The answers


@contextmanager
def solver_gives_up() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(solvers, "qp", lambda **_: {"status": "unknown", "x": None})
        yield


@pytest.mark.parametrize("gives_up", [False, True], ids=["solver", "faces"])
@pytest.mark.parametrize(
    "count",
    [
        40,
        pytest.param(500, marks=pytest.mark.slow),
        pytest.param(9100, marks=pytest.mark.long),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_alpha_is_the_exact_optimum(kind: str, count: int, gives_up: bool) -> None:
    """Of 2 to 6 losses, at every kind of r: by the solver, and by what decides where it gives up.

    The long run is of 100,100 problems.
    """
    for number in range(count):
        M, m, r = problem(kind, number, MOST_LOSSES)
        message = f"{kind} {number}: M={M.tolist()} m={m.tolist()} r={r}"
        if not m[1:].any():
            continue  # uniform by decree, test_alpha.py
        with solver_gives_up() if gives_up else nullcontext():
            solution = solve_alpha(M, m, r)
        assert solution.r == clipped_to_feasible(r, m), message
        exact = Exact(M, m, solution.r)
        optimum = exact.optimum_on(tuple(np.flatnonzero(solution.alpha > SUPPORT).tolist()))
        least = float(exact.spread(optimum))
        excess = float(exact.spread(solution.alpha) - exact.spread(optimum))
        slack = 0.0 if m.all() else VANISHING * np.diag(M).max()
        assert abs(excess) <= SOLVED * least + slack, message
        if (m == 0).sum() <= 1:
            expected = np.array(optimum, dtype=np.float64)
            atol = ALPHA if gives_up else WIDER.get(kind, ALPHA)
            np.testing.assert_allclose(solution.alpha, expected, atol=atol, err_msg=message)


@pytest.mark.parametrize("decades", [9, 12])
def test_the_faces_are_exact_however_many_decades_there_are(decades: int) -> None:
    """Alpha of a loss nine decades below the largest is as sure as any."""
    rng = np.random.default_rng(decades)
    for number in range(60):
        M, m = moments(correlated(rng, 10 ** rng.uniform(-decades, 0, 2 + number % 4)))
        with solver_gives_up():
            solution = solve_alpha(M, m, rng.uniform(0, 1) * m[1:].max())
        exact = np.array(Exact(M, m, solution.r).optimum(), dtype=np.float64)
        np.testing.assert_allclose(solution.alpha, exact, atol=1e-12, err_msg=str((M, m)))


@pytest.mark.parametrize("gives_up", [False, True], ids=["solver", "faces"])
@pytest.mark.parametrize("count", [20, pytest.param(400, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", KINDS)
def test_alpha_meets_the_kkt_conditions(kind: str, count: int, gives_up: bool) -> None:
    """Of 2 to 10 losses; in units of what the losses' own second moments add to the spread."""
    most_losses = 7 if gives_up else 10
    for number in range(count):
        M, m, r = problem(kind, number, most_losses)
        message = f"{kind} {number}: M={M.tolist()} m={m.tolist()} r={r}"
        if not m[1:].any():
            continue
        with solver_gives_up() if gives_up else nullcontext():
            alpha, r, _ = solve_alpha(M, m, r)
        assert (alpha >= 0).all(), message
        assert alpha.sum() == pytest.approx(1, abs=1e-14), message
        assert alpha[1:] @ m[1:] == pytest.approx(r, abs=FEASIBLE * m[1:].max()), message
        unit = 2 * len(m) * (np.diag(M) * alpha**2).sum()
        slack = 0.0 if m.all() else STATIONARY * np.diag(M).max()
        assert violation(M, m, r, alpha) <= SOLVED * unit + slack, message
