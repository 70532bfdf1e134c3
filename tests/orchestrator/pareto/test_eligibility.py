"""What is kept off a front: collapsed trials, and those that a constant classifier equals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.pareto.eligibility import constant_accuracy, is_collapsed, reasons, takes_part
from orchestrator.pareto.front import cells, extract_front, on_front
from orchestrator.table.objectives import minimised, parse_objectives

UNION = parse_objectives(["union_accuracy", "sacrificed_accuracy"])
WORST = parse_objectives(["worst_pgd", "sacrificed_accuracy"])

TRIALS = pd.DataFrame(
    [
        ("t0", "standard", 0, "done", 0.00, 0.00, 0.0, False),
        ("t1", "pgd", 0, "done", 0.25, 0.30, 0.10, False),
        ("t2", "pgd", 1, "done", 0.10, 0.20, 0.05, False),  # as good as a constant
        ("t3", "integrated", 0, "done", 0.08, 0.08, 0.90, True),
        ("t4", "integrated", 1, "done", 0.10, 0.10, 0.90, True),
        ("t5", "integrated", 2, "failed", 0.90, 0.90, 0.00, True),
        ("t6", "pareto", 0, "done", 0.20, 0.20, np.nan, True),
    ],
    columns=[
        *("trial_id", "method", "seed", "status"),
        *("union_accuracy", "worst_pgd", "sacrificed_accuracy", "collapsed"),
    ],
).assign(constant_accuracy=0.1, on_front=False)


def ids_on_front(table: pd.DataFrame, *, keep_collapsed: bool) -> list[str]:
    marks = on_front(table, UNION, keep_collapsed=keep_collapsed)
    return [str(trial_id) for trial_id in table["trial_id"][marks]]


def test_first_reason_by_hand() -> None:
    floor = "union_accuracy no higher than a constant classifier's"
    found = reasons(TRIALS, UNION, keep_collapsed=False)
    assert found.fillna("").tolist() == [
        *(floor, "", floor, "collapsed", "collapsed", "status failed"),
        "sacrificed_accuracy is empty or not finite",
    ]
    front = extract_front(
        TRIALS, objectives=UNION, reference_point=(0.0, 1.0), keep_collapsed=False
    )
    assert front.points["trial_id"].tolist() == ["t1"]
    assert front.used == 1
    assert front.dropped["collapsed"] == front.dropped[floor] == 2
    assert sum(front.dropped.values()) + front.used == len(TRIALS)
    assert front.measured["trial_id"].tolist() == ["t0", "t1", "t2", "t3", "t4"]


def test_what_is_kept_takes_part() -> None:
    front = extract_front(TRIALS, objectives=UNION, reference_point=(0.0, 1.0), keep_collapsed=True)
    assert front.points["trial_id"].tolist() == ["t1", "t2", "t0"]
    assert front.used == 5


def test_without_the_union_there_is_no_floor_but_collapsed_stay_off() -> None:
    assert takes_part(TRIALS, WORST, keep_collapsed=False).tolist() == [True] * 3 + [False] * 4
    against = parse_objectives(["min:union_accuracy", "sacrificed_accuracy"])
    assert takes_part(TRIALS, against, keep_collapsed=False).tolist()[:3] == [True] * 3


def test_a_table_that_does_not_say_it_keeps_nobody_off() -> None:
    bare = TRIALS.drop(columns=["collapsed", "constant_accuracy"])
    assert ids_on_front(bare, keep_collapsed=False) == ids_on_front(TRIALS, keep_collapsed=True)
    assert constant_accuracy(bare) is None
    assert constant_accuracy(TRIALS) == 0.1
    assert constant_accuracy(TRIALS.assign(constant_accuracy=np.nan)) is None


@pytest.mark.parametrize("column", [[True, False, None], [1.0, 0.0, np.nan], [True, False, pd.NA]])
def test_empty_is_not_collapsed(column: list[object]) -> None:
    assert is_collapsed(pd.DataFrame({"collapsed": column}), ()).tolist() == [True, False, False]


def test_a_cell_at_the_floor_is_off_the_front_of_cells() -> None:
    result = cells(TRIALS, UNION, keep_collapsed=False).set_index("method")
    assert result["on_front"].to_dict() == {
        "standard": False,
        "pgd": True,  # 0.175 in the mean
        "integrated": False,
        "pareto": False,
    }
    assert result["union_accuracy_mean"]["integrated"] == pytest.approx(0.09), "of those done"


VALUES = st.integers(0, 4).map(lambda k: k / 4)
ROWS = st.lists(st.tuples(VALUES, VALUES, st.booleans(), VALUES), max_size=10)


@pytest.mark.slow
@given(ROWS)
def test_keeping_off_never_puts_a_dominated_trial_on(
    rows: list[tuple[float, float, bool, float]],
) -> None:
    """Whoever is on is dominated at most by what is kept off, and that is never on."""
    columns = ["union_accuracy", "sacrificed_accuracy", "collapsed", "constant_accuracy"]
    table = pd.DataFrame(rows, columns=columns).assign(trial_id=[f"t{k}" for k in range(len(rows))])
    marks = on_front(table, UNION, keep_collapsed=False)
    part = takes_part(table, UNION, keep_collapsed=False)
    assert not (marks & ~part).any()
    assert not table["collapsed"][marks].any()
    assert (table["union_accuracy"] > table["constant_accuracy"])[marks].all()
    points = minimised(table, UNION)
    for k in np.flatnonzero(marks):
        dominates = (points <= points[k]).all(axis=1) & (points < points[k]).any(axis=1)
        assert not (dominates & part).any()
    with_all = on_front(table, UNION, keep_collapsed=True)
    assert (with_all & part & ~marks).sum() == 0, "who is on beside all is on beside fewer"
    assert part.any() == marks.any()
