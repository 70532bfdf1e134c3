"""Where other methods' cells lie beside a method's front, by hand."""

from __future__ import annotations

import pytest

from orchestrator.pareto.contrasts import FRONTS, STRICT
from orchestrator.pareto.surroundings import Surroundings, surroundings
from tests.orchestrator.pareto.test_contrasts import changed, table_of

CELLS = {
    "standard": [(0.9, -0.1)],
    "pareto": [(0.4, 0.05), (0.2, 0.0), (0.15, 0.04)],
    "above": [(0.3, 0.06), (0.2, 0.01)],
    "below": [(0.4, 0.04)],
    "beside": [(0.5, 0.10), (0.4, 0.05)],  # an equal point neither dominates nor is dominated
    "inside": [(0.16, 0.03)],  # better than a cell that is not on the front, and dominated
}


def counted(table: object, method: str = "pareto") -> Surroundings:
    return surroundings(table, method, FRONTS[STRICT], reference="standard")  # type: ignore[arg-type]


def test_where_cells_lie() -> None:
    found = counted(table_of(CELLS))
    assert (found.dominated, found.dominating, found.beside) == (3, 1, 2)
    assert (found.left_out, found.own) == (0, 2)
    assert not found.all_dominated


def test_all_are_dominated_only_where_there_are_some() -> None:
    few = {method: CELLS[method] for method in ("standard", "pareto", "above", "inside")}
    assert counted(table_of(few)).all_dominated
    alone = {"pareto": CELLS["pareto"]}
    assert not counted(table_of(alone)).all_dominated, "of no other cells nothing is claimed"


@pytest.mark.parametrize("kept_off", [{"status": "failed"}, {"collapsed": True}])
def test_cells_that_are_on_no_front_do_not_count(kept_off: dict[str, object]) -> None:
    table = table_of(CELLS)
    for seed in (0, 1):
        table = changed(table, f"tbelow0{seed}", **kept_off)
    found = counted(table)
    assert (found.dominating, found.left_out) == (0, 1)


def test_a_method_without_a_front_dominates_nothing() -> None:
    found = counted(table_of(CELLS), "missing")
    assert (found.dominated, found.dominating, found.beside) == (0, 0, 9)
    assert found.own == 0
