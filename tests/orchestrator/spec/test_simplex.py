"""The grid of weights: as many points as combinatorics says, each once, none made too early."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.spec.axes import read_axis
from orchestrator.spec.simplex import Simplex
from orchestrator.spec.sweep_spec import SweepSpec
from trainer.input.document import Document
from trainer.input.problems import BadInput

Read = Callable[..., SweepSpec]

SWEEP = "data: digits\nmethods:\n  weighted: {vary: {weights: {simplex: 4}}}\n"


def simplex(parts: int, K: int) -> Simplex:
    branches = ["natural", "a", "b", "c", "d"][:K]
    document = Document.from_plain({"simplex": parts, "branches": branches}, "test")
    read = read_axis(document, written="weights", path=("method", "weights"))
    assert isinstance(read, Simplex)
    return read


@given(parts=st.integers(1, 7), K=st.integers(2, 5))
def test_it_is_every_composition_once(parts: int, K: int) -> None:
    read = simplex(parts, K)
    counts = (c for c in itertools.product(range(parts + 1), repeat=K) if sum(c) == parts)
    expected = [
        {name: count / parts for name, count in zip(read.branches, each, strict=True) if count}
        for each in counts
    ]
    assert list(read.grid) == expected[::-1], "the first branch's weight falls"
    assert read.size == len(expected) == math.comb(parts + K - 1, K - 1)
    assert list(read.ends) == [{name: 1.0} for name in read.branches]
    shares = [(index + 0.5) / read.size for index in range(read.size)]
    assert [read.at(share) for share in shares] == list(read.grid)
    assert read.grid[-1] == read.grid[read.size - 1]
    assert read.grid[:2] == list(read.grid)[:2]


def test_a_large_one_is_counted_and_not_made() -> None:
    read = simplex(10**6, 5)
    assert read.size == math.comb(10**6 + 4, 4)
    assert read.at(0.0) == {"natural": 1.0}


def test_cells_of_a_simplex(read: Read) -> None:
    spec = read(SWEEP)
    cells = [cell for cell in spec.cells if cell.method == "weighted"]
    assert len({cell.id for cell in cells}) == len(cells) == math.comb(7, 3)
    assert cells[0].settings == {"weights": {"natural": 1.0}}
    assert {"natural": 0.25, "pgd": 0.25, "flow": 0.25, "rt": 0.25} in [
        cell.settings["weights"] for cell in cells
    ]
    assert all(set(cell.trial.attacks) == set(cell.trial.method.attacks()) for cell in cells)
    by_hand = read(SWEEP.replace("vary: {weights: {simplex: 4}}", "weights: {natural: 1}"))
    assert by_hand.cells[1].id == cells[0].id
    again = read(spec.resolved_yaml())
    assert again.cells == spec.cells


def test_weights_may_be_drawn(read: Read) -> None:
    spec = read(SWEEP + "search: {strategy: random, trials: 5}\n")
    assert [cell.settings["weights"] for cell in spec.probes][:2] == [{"natural": 1}, {"pgd": 1}]


@pytest.mark.parametrize(
    ("simplex", "message"),
    [
        ("{simplex: 100}", "must make at most 10000 trials, got 176851"),
        ("{simplex: 0}", "simplex: must be >= 1, got 0"),
        ("{simplex: 4, branches: [pgd]}", "branches: "),
        ("{simplex: 4, branches: [pgd, pgd]}", "must name each branch once"),
        ("{simplex: 4, branches: [natural, fog]}", "training.attacks describes, got fog"),
        ("{simplex: 4, min: 0}", "min: is not a known key"),
        ("[{natural: 0.5, pgd: 0.4}]", "must sum to 1, got 0.9 of natural, pgd"),
        ("[{natural: 0.5, fog: 0.5}]", "training.attacks describes, got fog"),
    ],
)
def test_bad_weights_are_refused(read: Read, simplex: str, message: str) -> None:
    with pytest.raises(BadInput) as raised:
        read(SWEEP.replace("{simplex: 4}", simplex))
    assert message in str(raised.value)
    assert "methods" in str(raised.value)
