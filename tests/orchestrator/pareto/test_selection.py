"""The cells on the front of cells, and its knee, marked in the rows of their trials."""

from __future__ import annotations

import pandas as pd

from orchestrator.pareto.front import cell_numbers, cells, extract_front
from orchestrator.pareto.selection import selection
from orchestrator.table.objectives import parse_objectives

OBJECTIVES = parse_objectives(["robustness_score", "sacrificed_accuracy"])


def table_of(rows: dict[str, list[tuple[float, float]]]) -> pd.DataFrame:
    """A row for each score and sacrifice of a cell, seeds 0, 1, ...; one seed of each in turn."""
    found = [
        {
            "trial_id": f"t{name}{seed}",
            "method": name,
            "seed": seed,
            "status": "done",
            "robustness_score": score,
            "sacrificed_accuracy": sacrifice,
            "on_front": False,
        }
        for name, numbers in rows.items()
        for seed, (score, sacrifice) in enumerate(numbers)
    ]
    return pd.DataFrame(sorted(found, key=lambda row: row["seed"]))


CELLS = table_of(
    {
        "low": [(0.0, 0.0), (0.0, 0.0)],
        "bend": [(0.8, 0.1), (0.8, 0.3)],
        "lucky": [(0.9, 0.05), (0.1, 0.6)],  # one of its trials beats all others
        "high": [(1.0, 0.8), (1.0, 1.0)],
    }
)


def marked(table: pd.DataFrame, name: str) -> list[str]:
    marks = selection(table, OBJECTIVES)
    assert marks.index.equals(table.index)
    return table.loc[marks[name], "trial_id"].tolist()


def test_means_over_seeds_decide_and_mark_all_their_trials() -> None:
    assert marked(CELLS, "selected") == ["tlow0", "tbend0", "thigh0", "tlow1", "tbend1", "thigh1"]
    assert marked(CELLS, "at_knee") == ["tbend0", "tbend1"]


def test_a_cell_that_lacks_a_seed_is_not_selected() -> None:
    lacking = CELLS.assign(status=["done"] * 4 + ["done", "pending", "done", "done"])
    assert not {"tbend0", "tbend1"} & set(marked(lacking, "selected"))
    assert marked(lacking, "at_knee") == ["tlucky0", "tlucky1"], "which nothing beats any more"


def test_nothing_measured_selects_nothing() -> None:
    nothing = CELLS.assign(status="pending")
    assert marked(nothing, "selected") == marked(nothing, "at_knee") == []


def test_order_and_index_of_rows_make_no_difference() -> None:
    shuffled = CELLS.iloc[[5, 2, 7, 0, 3, 6, 1, 4]].set_axis([9, 4, 1, 7, 3, 8, 2, 6], axis="index")
    for name in ("selected", "at_knee"):
        assert sorted(marked(shuffled, name)) == sorted(marked(CELLS, name))


def test_cells_are_numbered_in_their_order() -> None:
    assert cell_numbers(CELLS, OBJECTIVES).tolist() == [0, 1, 2, 3] * 2
    found = cells(CELLS, OBJECTIVES, keep_collapsed=False)
    assert found["method"].tolist() == ["low", "bend", "lucky", "high"]


def test_the_fronts_knee_is_that_of_what_was_selected() -> None:
    """Also where the trial is not on the front of single trials; its cell says so of itself."""
    shown = CELLS.assign(**selection(CELLS, OBJECTIVES))
    shown = shown[[*(name for name in shown if name != "on_front"), "on_front"]]
    front = extract_front(
        shown, objectives=OBJECTIVES, reference_point=(0, 1), keep_collapsed=False
    )
    assert front.is_selected_apart
    assert front.knee == "tbend0"
    assert "tbend0" not in front.points["trial_id"].tolist()
    assert front.cells.set_index("method")["selected"].to_dict() == {
        "low": True,
        "bend": True,
        "lucky": False,
        "high": True,
    }
    bare = extract_front(CELLS, objectives=OBJECTIVES, reference_point=(0, 1), keep_collapsed=False)
    assert not bare.is_selected_apart
    assert bare.knee == "tlucky0", "on the very numbers that are shown"
    none = extract_front(
        shown.assign(at_knee=False),
        objectives=OBJECTIVES,
        reference_point=(0, 1),
        keep_collapsed=False,
    )
    assert none.knee is None
