"""How sure a front is, in the last lines that people read and in `front.json`."""

from __future__ import annotations

import io

from rich.console import Console

from orchestrator.pareto.front import Front
from orchestrator.report.front_files import front_record
from orchestrator.report.front_text import show
from tests.orchestrator.pareto.test_sure_front import NO_BITS, STRICT, drawn, front_of


def said_of(front: Front, width: int = 100) -> str:
    console = Console(file=io.StringIO(), width=width)
    show(front, console, of="cells")
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_cells_that_may_be_on_the_front_are_shown_with_intervals_and_counted() -> None:
    front = front_of(*drawn(), STRICT)
    said = said_of(front)
    cells = front.cells.set_index("method")
    for method in ("standard", "far", "near"):
        (row,) = (line for line in said.splitlines() if line.startswith(method))
        low, high = cells.loc[method, ["union_accuracy_low", "union_accuracy_high"]]
        assert f"{cells.loc[method, 'union_accuracy_mean']:.4f} [{low:.3f}, {high:.3f}]" in row
    assert not any(line.startswith("worse") for line in said.splitlines())
    assert "cells       surely on the front 0, possibly 3, ruled out 1 (simultaneous 95 %)" in said
    assert "intervals   95 %, over 5 seeds and 300 images" in said
    assert "without the optimism of having chosen" in said
    assert max(map(len, said.split("front of")[0].splitlines())) <= 100
    record = front_record(front)["statistics"]
    assert record["membership"] == {"yes": 0, "possible": 3, "no": 1}
    assert record["left_out"] == {}
    assert (record["noise"], record["images"], record["seeds"]) == ("seeds and images", 300, [5, 5])
    volume = record["hypervolume"]
    assert volume["low"] <= volume["value"] == volume["seen"] - volume["optimism"]


def test_what_is_not_known_is_said_in_a_line() -> None:
    table, answers = drawn()
    alone = said_of(front_of(table, NO_BITS))
    assert "intervals   95 %, over 5 seeds alone: there are none" in alone
    one = front_of(table[table["seed"] == 0], answers)
    assert "intervals   none: no cell has two seeds that are done" in said_of(one, 300)
    assert front_record(one)["statistics"]["left_out"].keys() == {"intervals"}
    chosen = said_of(front_of(table, "results chose them"), 300)
    assert "intervals   none: results chose them" in chosen
    assert "±" not in chosen, "a deviation beside a mean would be taken for its interval"
    two = said_of(front_of(table[table["seed"] < 2], answers), 300)
    assert "how optimistic that is, is not known: two seeds" in two
