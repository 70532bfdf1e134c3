"""What simultaneous intervals rule out, by their definition; and how often cells recur."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.pareto.dominance import non_dominated
from orchestrator.pareto.membership import Membership, membership, recurrence

YES, POSSIBLE, NO = Membership.YES, Membership.POSSIBLE, Membership.NO


def around(points: np.ndarray, noise: float, count: int = 800, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return points + noise * random.standard_t(8, (count, *points.shape))


def by_definition(points: np.ndarray, draws: np.ndarray, level: float) -> list[Membership]:
    cells, objectives = points.shape
    pairs = list(combinations(range(cells), 2))
    spread = {
        (a, b, m): np.std(draws[:, a, m] - draws[:, b, m], ddof=1)
        for a, b in pairs
        for m in range(objectives)
    }
    moved = draws - points
    statistic = [
        max((abs(each[a, m] - each[b, m]) / s for (a, b, m), s in spread.items()), default=0)
        for each in moved
    ]
    q = np.quantile(statistic, level)

    def ends(a: int, b: int) -> list[tuple[float, float]]:
        reach = [q * spread[min(a, b), max(a, b), m] for m in range(objectives)]
        d = points[a] - points[b]
        return [(x - r, x + r) for x, r in zip(d, reach, strict=True)]

    said = []
    for cell in range(cells):
        others = [ends(a, cell) for a in range(cells) if a != cell]
        if any(all(high <= 0 for _, high in it) and any(h < 0 for _, h in it) for it in others):
            said.append(NO)
        elif all(any(low > 0 for low, _ in it) for it in others):
            said.append(YES)
        else:
            said.append(POSSIBLE)
    return said


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 4), st.integers(1, 3), st.integers(0, 2**32 - 1), st.sampled_from([0.1, 0.6, 3])
)
def test_it_is_what_the_intervals_say(cells: int, objectives: int, seed: int, noise: float) -> None:
    points = np.random.default_rng(seed).integers(0, 9, (cells, objectives)).astype(float)
    draws = around(points, noise, count=40, seed=seed)
    assert membership(points, draws) == by_definition(points, draws, 0.95)


def test_without_noise_it_is_the_front() -> None:
    """Ties stand together, as on the front: equal cells cannot dominate each other, nor be ruled
    out; but that one of them is better is not known, so that they are possible."""
    points = np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [0.5, 0.5], [0.5, 0.5], [2, 0]])
    draws = np.repeat(points[None], 50, axis=0)
    said = membership(points, draws)
    assert [it is not NO for it in said] == non_dominated(points).tolist()
    assert said == [YES, YES, NO, POSSIBLE, POSSIBLE, NO]
    assert recurrence(draws).tolist() == [1, 1, 0, 1, 1, 0]


def test_noise_makes_cells_possible() -> None:
    points = np.array([[0.0, 1.0], [1.0, 0.0], [0.6, 0.6], [1.01, 0.01], [3.0, 3.0]])
    said = membership(points, around(points, 0.05))
    assert said == [YES, POSSIBLE, YES, POSSIBLE, NO]


def test_one_cell_is_the_front() -> None:
    points = np.array([[0.3, 0.4]])
    assert membership(points, around(points, 0.1)) == [YES]


def test_near_duplicates_take_turns() -> None:
    alone = np.array([[0.0, 1.0], [1.0, 0.0]])
    crowded = np.concatenate([alone, np.repeat(alone[:1], 3, axis=0)])
    assert recurrence(around(alone, 0.1)).min() == 1
    assert recurrence(around(crowded, 0.1))[[0, 2, 3, 4]].max() < 0.75


def test_a_higher_level_says_less() -> None:
    points = np.array([[0.0, 1.0], [0.35, 0.65], [1.0, 0.0], [0.9, 0.9]])
    draws = around(points, 0.1)
    known = [
        sum(it is not POSSIBLE for it in membership(points, draws, level=level))
        for level in (0.5, 0.95, 0.9999)
    ]
    assert known == sorted(known, reverse=True)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="points must be of shape"):
        membership(np.zeros((3, 2)), np.zeros((5, 2, 2)))
    with pytest.raises(ValueError, match="leave cells without a result out"):
        membership([[0.0, np.nan]], np.zeros((5, 1, 2)))
