"""Which cells a picture shows: the knee, what is selected, the best on images that choose."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from orchestrator.pareto.chosen_cells import chosen_cells
from orchestrator.pareto.front import Front, extract_front
from orchestrator.table.objectives import DEFAULT_OBJECTIVES, parse_objectives

OBJECTIVES = parse_objectives(DEFAULT_OBJECTIVES)


def table(**columns: list[object]) -> pd.DataFrame:
    """Five cells of one seed: standard, pgd at 0.1 and 0.2, pareto at 0.3 and 0.4."""
    facts: dict[str, object] = {
        "trial_id": [f"t{k}" for k in range(5)],
        "method": ["standard", "pgd", "pgd", "pareto", "pareto"],
        "seed": 0,
        "status": "done",
        "robustness_score": [0.0, 0.2, 0.3, 0.25, 0.1],
        "sacrificed_accuracy": [0.0, 0.1, 0.3, 0.05, 0.2],
        "selected": False,
        "at_knee": False,
        "on_front": False,
        "rho": [np.nan, 0.1, 0.2, 0.3, 0.4],
    }
    return pd.DataFrame(facts | columns)


def front(rows: pd.DataFrame) -> Front:
    return extract_front(
        rows, objectives=OBJECTIVES, reference_point=(0.0, 1.0), keep_collapsed=False
    )


def test_all_cells_and_those_on_the_front_stand_method_by_method() -> None:
    its = front(table())
    assert chosen_cells(its, "all", (), None) == [0, 1, 2, 3, 4]
    assert chosen_cells(its, "front", (), None) == [0, 2, 3]
    assert chosen_cells(its, "all", ("pgd",), None) == [1, 2]
    assert chosen_cells(its, "all", ("none",), None) == []


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({}, [0, 2, 3]),  # the best score of each method
        ({"selected": [False, True, False, False, True]}, [0, 2, 3]),  # by one rule for all
        ({"at_knee": [False, False, False, False, True]}, [0, 2, 3]),
        ({"collapsed": [False, False, True, False, False]}, [0, 1, 3]),
        ({"status": ["done", "done", "failed", "failed", "failed"]}, [0, 1]),
    ],
)
def test_of_each_method_one(columns: dict[str, list[object]], expected: list[int]) -> None:
    assert chosen_cells(front(table(**columns)), "one", (), None) == expected


def test_the_images_that_choose_decide_not_those_that_are_shown() -> None:
    by = table(robustness_score=[0.0, 0.9, 0.1, 0.1, 0.9])
    assert chosen_cells(front(table()), "one", (), by) == [0, 1, 4]
    unknown = table(robustness_score=[np.nan] * 5)
    assert chosen_cells(front(table()), "one", (), unknown) == [0, 1, 3]
