"""What is said of a front's trials, and what changes where nothing is kept off."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from orchestrator.pareto.front import Front, extract_front
from orchestrator.report.remarks import MOST, remarks, what_differs
from orchestrator.results.table_files import read_csv
from orchestrator.table.objectives import DEFAULT_OBJECTIVES, parse_objectives

SCORES = parse_objectives(DEFAULT_OBJECTIVES)
UNION = parse_objectives(["union_accuracy", "sacrificed_accuracy"])

TRIALS = """\
trial_id,method,seed,status,split,union_accuracy,robustness_score,sacrificed_accuracy,constant_accuracy,collapsed,warnings,on_front,rho
t0,standard,0,done,test,0.0,0.0,0.0,0.1,False,,,
t1,standard,1,done,test,0.0,0.01,-0.01,0.1,False,,,
t2,pareto,0,done,test,0.2,0.3,0.1,0.1,False,gradients of 3 images are 0,,0.4
t3,pareto,1,failed,,,,,,,,,0.4
t4,pareto,0,done,test,0.05,0.35,0.95,0.1,False,,,0.7
t5,pareto,1,done,test,0.3,0.36,0.95,0.1,False, ,,0.7
t6,integrated,0,done,test,0.1,0.02,0.9,0.1,True,,,
t7,integrated,1,done,test,0.1,0.5,0.9,0.1,True,,,
"""


@pytest.fixture
def table(tmp_path: Path) -> pd.DataFrame:
    (tmp_path / "trials.csv").write_text(TRIALS)
    return read_csv(tmp_path / "trials.csv")


def front_of(table: pd.DataFrame, *, keep_collapsed: bool = False, union: bool = False) -> Front:
    return extract_front(
        table,
        objectives=UNION if union else SCORES,
        reference_point=(0.0, 1.0),
        keep_collapsed=keep_collapsed,
    )


def test_all_that_is_to_say_by_hand(table: pd.DataFrame) -> None:
    assert list(remarks(front_of(table, union=True))) == [
        (
            "collapsed",
            "2 of 7 right on one class at most: t6 (integrated seed=0), t7 (integrated seed=1)",
        ),
        ("constant", "the best constant classifier has union_accuracy 0.1000"),
        ("cells", "1 of 4 lack seeds: pareto rho=0.4: 1 of 2"),
        ("warnings", "1 of 7 evaluations have some"),
        ("", "t2 (pareto rho=0.4 seed=0): gradients of 3 images are 0"),
    ]
    assert "constant" not in dict(remarks(front_of(table))), "no objective is under attack"


def test_settings_that_a_methods_trials_share_are_not_told(table: pd.DataFrame) -> None:
    rates = table["method"].map({"integrated": 3.0}).fillna(0.002)
    usual, with_rates = (front_of(each) for each in (table, table.assign(learning_rate=rates)))
    assert list(remarks(with_rates)) == list(remarks(usual))


def test_of_a_table_without_these_columns_nothing_is_said(table: pd.DataFrame) -> None:
    bare = table[["trial_id", "robustness_score", "sacrificed_accuracy", "status"]]
    assert list(remarks(front_of(bare))) == []
    assert list(remarks(front_of(bare.head(0)))) == []


def test_few_are_named_and_the_others_counted(table: pd.DataFrame) -> None:
    rows = [{**table.iloc[6], "trial_id": f"c{k}", "warnings": "odd"} for k in range(MOST + 3)]
    told = list(remarks(front_of(pd.DataFrame(rows))))
    assert told[0][1].endswith("c9 (integrated seed=0), and 3 more")
    assert told[-1] == ("", "and 3 more, in the column warnings")
    assert len(told) == 1 + 1 + MOST + 1


def test_cells_of_a_sweep_under_way_are_not_listed(table: pd.DataFrame) -> None:
    begun = table.assign(status=["done" if seed == 0 else "pending" for seed in table["seed"]])
    told = dict(remarks(front_of(begun)))
    assert told["cells"] == "none of 4 has all its seeds, as standard: 1 of 2"


@pytest.mark.parametrize(
    ("union", "expected"),
    [
        (False, "on the front only so: t7 (collapsed); no longer on it: t5"),
        (True, "on the front only so: t1 (union_accuracy no higher than a constant classifier's)"),
    ],
)
def test_what_keeping_them_changes(table: pd.DataFrame, *, union: bool, expected: str) -> None:
    kept = front_of(table, keep_collapsed=True, union=union)
    assert what_differs(kept, front_of(table, union=union)) == expected


def test_nothing_changes_where_nothing_is_kept_off(table: pd.DataFrame) -> None:
    learned = table.head(3)
    kept = front_of(learned, keep_collapsed=True)
    assert what_differs(kept, front_of(learned)) == "the front is the same without them"


@pytest.mark.parametrize(
    ("standard", "others", "said"),
    [
        (0.0, [0.019, 0.0], "worst_pgd is below 2 % in every trial that has not collapsed: "),
        (0.0, [0.981, 1.0], "worst_pgd is above 98 % in every trial that has not collapsed and"),
        (0.0, [0.019, 0.5], ""),
        (0.0, [0.979, 1.0], ""),
        (0.5, [0.0, 0.0], ""),
        (0.0, [0.0, 1.0], ""),  # methods that are told apart as well as can be
    ],
)
def test_a_category_at_one_end_in_every_trial_is_named(
    standard: float, others: list[float], said: str
) -> None:
    rows = [
        {
            "trial_id": f"t{k}",
            "method": "standard" if k == 0 else "pgd",
            "status": "done",
            "worst_pgd": worst,
            "worst_rt": 0.3,
            "robustness_score": 0.1 * k,
            "sacrificed_accuracy": 0.0,
        }
        for k, worst in enumerate([standard, *others])
    ]
    rows.append({**rows[0], "trial_id": "t9", "status": "failed", "worst_pgd": float("nan")})
    rows.append({**rows[1], "trial_id": "tc", "collapsed": True, "worst_pgd": 0.1})
    told = [text for title, text in remarks(front_of(pd.DataFrame(rows))) if title == "saturated"]
    assert len(told) == bool(said)
    assert all(text.startswith(said) and "cannot tell methods apart" in text for text in told)
