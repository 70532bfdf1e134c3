"""What a page shows of a table is what its fronts say, in the units of people."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from orchestrator.page.fronts import NamedTable, fronts_over
from orchestrator.page.tables import axes_of, settings_of_any, table_view
from orchestrator.page.view import Axis, TableView
from orchestrator.pareto.answers import Answers
from orchestrator.pareto.front import extract_front
from orchestrator.pareto.sure_front import ONE_SEED, with_certainty
from orchestrator.table.objectives import DEFAULT_OBJECTIVES, parse_objectives
from tests.orchestrator.pareto.test_sure_front import NO_BITS, drawn


def shown_of(
    table: pd.DataFrame,
    known: Answers | str | None,
    names: tuple[str, ...] = DEFAULT_OBJECTIVES,
    ends: tuple[float, ...] = (0.0, 1.0),
) -> tuple[tuple[Axis, ...], TableView]:
    objectives = parse_objectives(names)
    front = extract_front(table, objectives=objectives, reference_point=ends, keep_collapsed=False)
    first = front if known is None else with_certainty(front, table, known)
    named = NamedTable(
        models="trials",
        images="",
        split="test",
        table=table,
        fronts=fronts_over(table, first, known),
        weights={"t-far-0": "runs/far"},
    )
    axes = axes_of([named])
    return axes, table_view(named, axes, settings_of_any([named]))


@pytest.mark.slow
def test_cells_have_the_numbers_intervals_and_marks_of_both_fronts() -> None:
    table, answers = drawn()
    axes, shown = shown_of(table, answers)
    assert [axis.name for axis in axes] == [
        *("robustness_score", "sacrificed_accuracy", "union_accuracy", "natural_accuracy")
    ]
    assert axes[0].words == "robustness score (points)"
    assert [it.title.partition(":")[0] for it in shown.fronts] == [
        *("the paper's front", "the strict front")
    ]
    assert [(it.x, it.y, it.line) for it in shown.fronts] == [
        (1, 0, "step-after"),
        (3, 2, "step-before"),
    ]
    objectives = parse_objectives(DEFAULT_OBJECTIVES)
    front = with_certainty(
        extract_front(
            table, objectives=objectives, reference_point=(0.0, 1.0), keep_collapsed=False
        ),
        table,
        answers,
    )
    of_front = front.cells.set_index("method")
    for cell in shown.cells:
        its = of_front.loc[cell.method]
        spot, mark = cell.spots[0], cell.marks[0]
        assert spot.mean == 100 * its["robustness_score_mean"]
        assert (spot.low, spot.high) == (
            100 * its["robustness_score_low"],
            100 * its["robustness_score_high"],
        )
        assert mark.is_on_front == its["on_front"]
        assert mark.membership == its["membership"]
        assert mark.recurrence == its["recurrence"]
        assert cell.spots[2].low is not None, "the strict front knows those of its own objectives"
        assert (cell.seeds, cell.planned, len(cell.trials)) == (5, 5, 5)
    assert [it.marks[0].is_on_front for it in shown.cells] == sorted(
        (it.marks[0].is_on_front for it in shown.cells), reverse=True
    )
    far = next(cell for cell in shown.cells if cell.method == "far")
    assert [it.weights for it in far.trials] == ["runs/far", "", "", "", ""]
    knees = [cell.method for cell in shown.cells if cell.marks[0].is_knee]
    assert knees == [of_front.index[front.knee_of_cells]]


@pytest.mark.slow
def test_what_is_not_known_is_left_out_with_why() -> None:
    table, _ = drawn()
    _, alone = shown_of(table, NO_BITS)
    assert alone.fronts[0].has_intervals
    assert dict(alone.fronts[0].lines)["intervals"] == "95 %, over 5 seeds alone: there are none"
    _, one = shown_of(table[table["seed"] == 0], NO_BITS)
    assert not one.fronts[0].has_intervals
    assert one.fronts[0].why_points == ONE_SEED
    assert {spot.low for cell in one.cells for spot in cell.spots} == {None}
    _, chosen = shown_of(table, "a rule chose")
    assert (chosen.fronts[0].why_points, chosen.fronts[0].has_members) == ("a rule chose", False)
    _, unasked = shown_of(table, None)
    assert "was not asked" in unasked.fronts[0].why_points


@pytest.mark.parametrize(
    ("change", "about", "says"),
    [
        ({"status": "failed"}, "empty", "no trial is done with finite objectives"),
        ({"sacrificed_accuracy": 0.1}, "constant", "sacrificed_accuracy is the same in every cell"),
        ({"robustness_score": np.nan}, "empty", "no trial is done with finite objectives"),
    ],
)
def test_a_front_without_a_trade_off_says_so(
    change: dict[str, object], about: str, says: str
) -> None:
    _, shown = shown_of(drawn()[0].assign(**change), NO_BITS)
    assert says in dict(shown.fronts[0].lines)[about]


@pytest.mark.slow
def test_other_objectives_stand_first_and_what_the_table_lacks_is_not_offered() -> None:
    table, _ = drawn()
    table = table.drop(columns=["robustness_score"]).assign(seconds=table["seed"] + 1.0)
    axes, shown = shown_of(
        table, NO_BITS, ("seconds", "union_accuracy", "natural_accuracy"), (9.0, 0.0, 0.0)
    )
    assert [axis.name for axis in axes[:3]] == ["seconds", "union_accuracy", "natural_accuracy"]
    assert [it.title for it in shown.fronts] == [
        "front: seconds against union accuracy against natural accuracy",
        "the strict front: union accuracy against natural accuracy",
    ]
    assert shown.fronts[0].line == "", "in a plane of two of three objectives no line bounds"
    assert shown.cells[0].spots[0].mean == 3.0, "seconds are no fraction"
