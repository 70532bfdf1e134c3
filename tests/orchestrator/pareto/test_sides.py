"""Two sides: what is on each, and what is compared with what."""

from __future__ import annotations

import pandas as pd
import pytest

from orchestrator.pareto.contrasts import PAPER, STRICT
from orchestrator.pareto.sides import Side, differences, doubts, fronts_of, side
from tests.orchestrator.pareto.test_contrasts import THREE, WIDTH, table_of


def of(table: pd.DataFrame, name: str, method: str | None = None) -> Side:
    return side(table, name, method=method, reference="standard")


def test_a_side_is_a_method_or_all_but_the_reference() -> None:
    table = table_of(THREE)
    assert set(of(table, "a").table["method"]) == THREE.keys() - {"standard"}
    assert set(of(table, "a", "standard").table["method"]) == {"standard"}


def test_wholes_are_compared_and_each_method_that_both_have() -> None:
    first, second = table_of(THREE), table_of({k: THREE[k] for k in ("standard", "pgd", "rt")})
    found = list(differences(of(first, "a"), of(second, "b"), largest_sacrifice=WIDTH))
    assert [(it.front, *it.methods) for it in found] == [
        *((STRICT, "a", "b"), (PAPER, "a", "b")),
        *((STRICT, "pgd", "pgd"), (STRICT, "rt", "rt"), (PAPER, "pgd", "pgd"), (PAPER, "rt", "rt")),
    ]
    assert found[0].cells == (5, 2)
    assert [it.mean for it in found[2:]] == [0] * 4


def test_two_methods_are_one_difference_a_front() -> None:
    table = table_of(THREE)
    pair = of(table, "pareto", "pareto"), of(table, "average", "average")
    found = list(differences(*pair, largest_sacrifice=WIDTH))
    assert [it.methods for it in found] == [("pareto", "average")] * 2
    assert found[0].mean == pytest.approx(0.2 * 0.13 / WIDTH)


def test_a_front_takes_its_objectives_on_both_sides() -> None:
    table = table_of(THREE)
    assert fronts_of(of(table, "a"), of(table, "b")) == [STRICT, PAPER]
    few = table.drop(columns="union_accuracy")
    assert fronts_of(of(table, "a"), of(few, "b")) == [PAPER]


def test_the_front_ends_at_the_largest_sacrifice() -> None:
    front = of(table_of(THREE), "a").front(STRICT, largest_sacrifice=WIDTH)
    assert front.reference_point == (0.0, WIDTH)
    assert set(front.points["method"]) == {"pareto", "weighted", "rt"}


def test_what_may_not_measure_the_same_is_doubted() -> None:
    table = table_of(THREE).assign(natural_accuracy=0.9)
    table["natural_accuracy"] -= table["sacrificed_accuracy"]
    assert list(doubts(of(table, "a"), of(table, "b"))) == []
    other = table.assign(natural_accuracy=table["natural_accuracy"] - 0.02, split="validation")
    assert list(doubts(of(table, "a"), of(other, "b"))) == [
        "a stands on test images, b on validation ones",
        "sacrifices and scores are counted from other standard trials: of natural accuracy 0.9000 "
        "in a, 0.8800 in b",
    ]
    bare = table.drop(columns=["natural_accuracy"])
    assert list(doubts(of(table, "a"), of(bare, "b"))) == []
