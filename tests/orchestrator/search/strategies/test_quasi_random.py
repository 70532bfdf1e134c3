"""Quasi-random search: even, fair to every method, and the same again whatever is asked for."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import qmc

from orchestrator.search.strategies.quasi_random import points, propose
from orchestrator.spec.axes import read_axis
from orchestrator.spec.method_space import MethodSpace
from tests.orchestrator.search.strategies.spaces import (
    AVERAGE,
    METHODS,
    PARETO,
    PGD,
    known_in,
    space_of,
)
from trainer.input.document import Document

SPACE = space_of(METHODS)


def unit_cube(dimensions: int) -> MethodSpace:
    """A method with axes from 0 to 1."""
    unit = Document.from_plain({"min": 0, "max": 1}, "test")
    axes = {
        str(at): read_axis(unit, written=str(at), path=(str(at),)).of_kind(0.0)
        for at in range(dimensions)
    }
    return MethodSpace(label="cube", where="test", fixed=(), axes=axes)


@pytest.mark.parametrize("dimensions", [1, 2, 3, 6])
@pytest.mark.parametrize("count", [20, 64])
def test_points_lie_more_evenly_than_independent_ones(dimensions: int, count: int) -> None:
    """By the centred L2 discrepancy: under half of the mean of independent uniform draws."""
    cube = unit_cube(dimensions)
    drawn = [
        [list(point.values()) for point in itertools.islice(points(cube, seed=seed), count)]
        for seed in range(5)
    ]
    independent = np.random.default_rng(0).random((20, count, dimensions))
    ours = np.mean([qmc.discrepancy(np.array(each)) for each in drawn])
    theirs = np.mean([qmc.discrepancy(each) for each in independent])
    assert ours < theirs / 2


def test_each_half_of_an_axis_has_half_of_a_power_of_two() -> None:
    """And each sixteenth its sixteenth: a scrambled Sobol sequence is a (0, m, 1)-net by axis."""
    for axis in np.array(
        [list(it.values()) for it in itertools.islice(points(unit_cube(4), seed=3), 64)]
    ).T:
        counts = np.histogram(axis, bins=16, range=(0, 1))[0]
        assert np.abs(counts - 4).max() <= 1  # a value may round over an edge


def test_methods_take_turns_until_they_have_no_more() -> None:
    proposed = propose(known_in(SPACE), most=40)
    methods = [proposal.method for proposal in proposed]
    assert methods[:6] == ["pgd", "pareto", "average"] * 2
    assert Counter(methods) == {"pgd": 19, "pareto": 18, "average": 3}
    for method, axis in (("pgd", "pgd.epsilon"), ("pareto", "rho"), ("average", "natural_weight")):
        values = [it.point[axis] for it in proposed if it.method == method]
        assert len(set(values)) == len(values)


def test_a_finite_space_is_drawn_to_its_last_cell() -> None:
    """Though two methods share cells, and one of them is another's that follows from the file."""
    space = space_of(
        {
            "average": AVERAGE,
            "again": {"method": "average", **AVERAGE},
            "fixed": {"method": "average", "natural_weight": 0.25},
        }
    )
    proposed = propose(known_in(space), most=100)
    assert sorted(it.point["natural_weight"] for it in proposed) == [0, 0.5]
    epochs = {"pareto": {"rho": 0.5, "vary": {"training.epochs": {"min": 5, "max": 20}}}}
    proposed = propose(known_in(space_of(epochs)), most=100)
    assert sorted(it.point["training.epochs"] for it in proposed) == list(range(5, 21))


@given(
    seed=st.integers(0, 2**31 - 1),
    seeds=st.integers(1, 3).map(lambda count: tuple(range(count))),
    few=st.integers(0, 12),
    more=st.integers(0, 12),
)
@settings(max_examples=25, deadline=None)
def test_more_proposals_begin_with_the_fewer(
    seed: int, seeds: tuple[int, ...], few: int, more: int
) -> None:
    few, both = few * len(seeds), (few + more) * len(seeds)
    first = propose(known_in(SPACE, seed=seed, seeds=seeds), most=few)
    whole = propose(known_in(SPACE, seed=seed, seeds=seeds), most=both)
    assert list(whole[: len(first)]) == list(first)
    assert sum(len(proposal.seeds) for proposal in whole) == both
    rest = propose(known_in(SPACE, first, seed=seed, seeds=seeds), most=both - few)
    assert [*first, *rest] == list(whole)


def test_another_seed_is_another_sequence_and_so_is_another_method() -> None:
    one, other = (propose(known_in(SPACE, seed=seed), most=9) for seed in (0, 1))
    assert one != other
    twins = space_of({"pgd": PGD, "other": {"method": "pgd", **PGD}})
    ours = propose(known_in(twins), most=8)
    values = {
        it: [p.point["pgd.epsilon"] for p in ours if p.method == it] for it in ("pgd", "other")
    }
    assert not set(values["pgd"]) & set(values["other"])


def test_what_is_left_decides_not_what_is_asked() -> None:
    assert propose(known_in(SPACE, seeds=(0, 1, 2)), most=2) == []


def test_golden_proposals() -> None:
    """The same in every process and on every machine: what was drawn is continued, not mixed."""
    space = space_of({"pgd": PGD, "pareto": PARETO})
    assert [(it.method, it.point) for it in propose(known_in(space, seed=7), most=4)] == [
        ("pgd", {"pgd.epsilon": 0.1292}),
        ("pareto", {"rho": 0.1101, "training.epochs": 6}),
        ("pgd", {"pgd.epsilon": 0.1165}),
        ("pareto", {"rho": 0.626, "training.epochs": 13}),
    ]
