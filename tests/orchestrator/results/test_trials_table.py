"""The table of trials: its columns, and scores computed by hand from a few bits."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd
import pytest

from orchestrator.pareto.front import cells, extract_front
from orchestrator.plan.plan import make_plan
from orchestrator.plan.planned_trial import PlannedTrial
from orchestrator.report.front_files import front_record
from orchestrator.results.as_stored import sweep_table
from orchestrator.results.table_files import read_table
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store import Attempt, Store
from orchestrator.table.objectives import parse_objectives
from trainer.config import Trial

Begin = Callable[[Trial], Attempt]
Finish = Callable[..., None]
Bits = tuple[list[int], Mapping[str, list[list[int]]]]

SWEEP = """\
data: digits
methods:
  flow: {}
  pareto: {vary: {rho: [0.2, 0.4]}}
evaluation: {pgd: {ladder: [1, 2]}, flow: {ladder: [5]}, rt: null, split: validation}
seeds: [0, 1]
"""
STANDARD_0: Bits = ([1, 1, 1, 1], {"pgd": [[1, 0, 0, 0], [0, 0, 0, 0]], "flow": [[1, 1, 0, 0]]})
STANDARD_1: Bits = ([1, 1, 1, 0], {"pgd": [[0, 0, 0, 0], [0, 0, 0, 0]], "flow": [[1, 0, 0, 0]]})
WEAK: Bits = ([1, 1, 0, 0], {"pgd": [[1, 0, 0, 0], [0, 0, 0, 0]], "flow": [[1, 0, 0, 0]]})
STRONG: Bits = ([1, 1, 0, 0], {"pgd": [[1, 1, 0, 0], [1, 0, 0, 0]], "flow": [[1, 1, 0, 0]]})
STANDARD_ROBUST = ((1 / 8 + 1 / 2) / 2 + (0 + 1 / 4) / 2) / 2
STRONG_ROBUST = (3 / 8 + 1 / 2) / 2
WEAK_ROBUST = (1 / 8 + 1 / 4) / 2


@pytest.fixture
def spec(read: Callable[..., SweepSpec]) -> SweepSpec:
    return read(SWEEP)


@pytest.fixture
def planned(spec: SweepSpec, store: Store) -> dict[str, PlannedTrial]:
    """Trials by title."""
    return {each.title: each for each in make_plan(spec, store).trials}


@pytest.fixture
def table(
    spec: SweepSpec, planned: dict[str, PlannedTrial], begin: Begin, finish: Finish
) -> pd.DataFrame:
    """Five trials of eight are done, one has failed."""
    for title, bits in {
        "standard seed=0": STANDARD_0,
        "standard seed=1": STANDARD_1,
        "flow seed=0": WEAK,
        "pareto rho=0.2 seed=0": STRONG,
        "pareto rho=0.4 seed=1": STRONG,
    }.items():
        finish(planned[title].trial, spec.suite, *bits)
    begin(planned["flow seed=1"].trial).fail("diverged", "losses must be finite", "")
    return sweep_table(spec)


def test_columns_are_those_of_the_contract(table: pd.DataFrame) -> None:
    assert list(table) == [
        *("trial_id", "method", "seed", "status", "split"),
        *("natural_accuracy", "robust_accuracy_pgd", "robust_accuracy_flow"),
        *("worst_pgd", "worst_flow", "union_accuracy"),
        *("robustness_score", "sacrificed_accuracy", "seconds"),
        *("training_passes", "max_passes", "evaluation_passes"),
        *("constant_accuracy", "collapsed", "degraded", "warnings", "failure", "pruned"),
        *("selected", "at_knee", "on_front", "rho"),
    ]


def test_an_evaluations_warnings_stand_in_its_row(
    spec: SweepSpec, planned: dict[str, PlannedTrial], finish: Finish, tmp_path: Path
) -> None:
    """By their codes; readers of the table keep them. Evaluations of before have none."""
    told = [{"code": code, "message": "..."} for code in ("zero_gradient", "probabilities")]
    finish(planned["standard seed=0"].trial, spec.suite, *STANDARD_0, warnings=told)
    finish(planned["flow seed=0"].trial, spec.suite, *WEAK, warnings=[])
    finish(planned["standard seed=1"].trial, spec.suite, *STANDARD_1)
    warnings = sweep_table(spec).set_index(["method", "seed"])["warnings"]
    assert warnings["standard", 0] == "zero_gradient; probabilities"
    assert warnings.isna().sum() == len(warnings) - 1
    path = tmp_path / "trials.csv"
    sweep_table(spec).to_csv(path, index=False)
    again = read_table(path, spec.objectives)["warnings"]
    assert again.dropna().tolist() == ["zero_gradient; probabilities"]


def test_one_row_a_planned_trial(table: pd.DataFrame, planned: dict[str, PlannedTrial]) -> None:
    assert table["trial_id"].tolist() == [each.id for each in planned.values()]
    assert all(trial_id.startswith("t") for trial_id in table["trial_id"])
    assert table["seed"].tolist() == [0] * 4 + [1] * 4
    assert table["method"].tolist() == ["standard", "flow", "pareto", "pareto"] * 2
    assert table["rho"].tolist()[2:4] == [0.2, 0.4]
    assert table["rho"].isna().tolist() == [True, True, False, False] * 2


def test_accuracies_are_shares_of_the_bits(table: pd.DataFrame) -> None:
    strong = table.iloc[2]
    assert strong["natural_accuracy"] == 1 / 2
    assert strong["robust_accuracy_pgd"] == 3 / 8, "the mean over the rungs"
    assert strong["worst_pgd"] == 1 / 4
    assert strong["robust_accuracy_flow"] == strong["worst_flow"] == 1 / 2
    assert strong["union_accuracy"] == 1 / 4
    assert strong["seconds"] == 12.5
    assert (strong["training_passes"], strong["evaluation_passes"]) == (100, 9), "of all kinds"
    assert strong["collapsed"] is False
    assert strong["split"] == "validation"


def test_scores_are_taken_against_the_references_mean_over_seeds(table: pd.DataFrame) -> None:
    scores = table["robustness_score"] + STANDARD_ROBUST
    sacrificed = 7 / 8 - table["sacrificed_accuracy"]
    done = table["status"] == "done"
    assert scores[done].tolist() == pytest.approx(
        [5 / 16, WEAK_ROBUST, STRONG_ROBUST, 1 / 8, STRONG_ROBUST]
    )
    assert sacrificed[done].tolist() == pytest.approx([1, 1 / 2, 1 / 2, 3 / 4, 1 / 2])
    references = table[table["method"] == "standard"]
    assert references["robustness_score"].mean() == pytest.approx(0)
    assert references["sacrificed_accuracy"].mean() == pytest.approx(0)


def test_what_is_not_done_has_no_numbers(table: pd.DataFrame) -> None:
    assert table["status"].tolist() == [
        *("done", "done", "done", "pending"),
        *("done", "failed", "pending", "done"),
    ]
    others = table[table["status"] != "done"]
    empty = others.drop(columns=["trial_id", "method", "seed", "status", "failure", "rho"])
    marks = ["selected", "at_knee", "on_front"]
    assert empty.drop(columns=marks).isna().all(axis=None)
    assert not others["on_front"].any()
    assert table["failure"].dropna().tolist() == ["diverged: losses must be finite"]


def test_front_is_of_single_trials_and_keeps_ties(table: pd.DataFrame) -> None:
    """Both strong trials tie; the weak one gives up as much for less; the first standard trial
    gives up least; the second is beaten by it in both."""
    assert table["on_front"].tolist() == [True, False, True, False, False, False, False, True]


def test_scores_are_empty_where_no_reference_is_done(
    spec: SweepSpec, planned: dict[str, PlannedTrial], finish: Finish
) -> None:
    finish(planned["flow seed=0"].trial, spec.suite, *STRONG)
    table = sweep_table(spec)
    assert table.loc[1, "natural_accuracy"] == 1 / 2
    assert table[["robustness_score", "sacrificed_accuracy"]].isna().all(axis=None)
    assert not table["on_front"].any()


def test_one_failed_reference_leaves_the_others_mean(
    spec: SweepSpec, planned: dict[str, PlannedTrial], begin: Begin, finish: Finish
) -> None:
    begin(planned["standard seed=0"].trial).fail("exception", "why", "")
    finish(planned["standard seed=1"].trial, spec.suite, *STANDARD_1)
    finish(planned["flow seed=0"].trial, spec.suite, *STRONG)
    table = sweep_table(spec)
    assert table.loc[1, "robustness_score"] == pytest.approx(STRONG_ROBUST - 1 / 8)
    assert table.loc[1, "sacrificed_accuracy"] == pytest.approx(1 / 4)


def test_one_evaluation_says_what_a_constant_has_of_all_on_its_images(
    spec: SweepSpec, planned: dict[str, PlannedTrial], finish: Finish
) -> None:
    """Those of before it was kept do not, nor has what is not done any such number."""
    finish(planned["standard seed=0"].trial, spec.suite, *STANDARD_0)
    finish(planned["flow seed=0"].trial, spec.suite, *WEAK, constant_accuracy=0.125)
    constants = sweep_table(spec)["constant_accuracy"]
    assert constants.tolist()[:2] == [0.125, 0.125]
    assert constants.isna().tolist() == [False] * 2 + [True] * 6


def test_failure_that_is_no_unicode_is_told_by_escapes(
    spec: SweepSpec, planned: dict[str, PlannedTrial], begin: Begin
) -> None:
    begin(planned["flow seed=1"].trial).fail("data", "cannot read 001_\udcff.jpg", "")
    told = sweep_table(spec)["failure"].dropna().tolist()
    assert told == [r"data: cannot read 001_\udcff.jpg"]


def test_failure_that_was_overcome_is_not_told(
    spec: SweepSpec, planned: dict[str, PlannedTrial], begin: Begin, finish: Finish
) -> None:
    first = planned["standard seed=0"].trial
    begin(first).fail("worker_lost", "its worker died 3 times", "")
    finish(first, spec.suite, *STANDARD_0)
    row = sweep_table(spec).iloc[0]
    assert row["status"] == "done"
    assert row["failure"] is None or math.isnan(row["failure"])


def test_objectives_may_be_other_columns(
    read: Callable[..., SweepSpec], table: pd.DataFrame
) -> None:
    other = sweep_table(read(SWEEP, "objectives=[union_accuracy, natural_accuracy]"))
    pd.testing.assert_frame_equal(other.drop(columns="on_front"), table.drop(columns="on_front"))
    assert other["on_front"].tolist() == [True, False, True, False, False, False, False, True]


def test_csv_reads_back_equal(table: pd.DataFrame, spec: SweepSpec, tmp_path: Path) -> None:
    path = tmp_path / "trials.csv"
    table.to_csv(path, index=False)
    found = read_table(path, spec.objectives)
    assert list(found) == list(table)
    pd.testing.assert_frame_equal(found, table, check_exact=True, check_dtype=False)
    assert (
        found["robustness_score"].dropna().tolist() == table["robustness_score"].dropna().tolist()
    )


def test_passes_that_were_not_counted_are_empty(
    spec: SweepSpec, planned: dict[str, PlannedTrial], finish: Finish, tmp_path: Path
) -> None:
    """Of results from before they were; the others stay whole numbers, and can be minimised."""
    finish(planned["standard seed=0"].trial, spec.suite, *STANDARD_0)
    finish(planned["flow seed=0"].trial, spec.suite, *WEAK, passes=None)
    table = sweep_table(spec)
    assert table["evaluation_passes"].isna().tolist()[:2] == [False, True]
    table.to_csv(tmp_path / "trials.csv", index=False)
    text = pd.read_csv(tmp_path / "trials.csv", dtype=str, keep_default_na=False)
    assert text["evaluation_passes"].tolist()[:3] == ["9", "", ""]
    objectives = parse_objectives(["evaluation_passes", "natural_accuracy"])
    front = extract_front(
        table, objectives=objectives, reference_point=(10, 0), keep_collapsed=True
    )
    assert (front.used, front.hypervolume) == (1, 1.0)


def test_the_cap_stands_beside_what_was_counted(
    read: Callable[..., SweepSpec], store: Store, finish: Finish
) -> None:
    """As the sweep file has it; the reference has none."""
    spec = read(
        "data: {name: digits, train_examples: 64}\nmethods: {pgd: {}, flow: {}}\n"
        "training: {max_passes: 99999}\n"
        "evaluation: {pgd: {ladder: [1]}, flow: null, rt: null}\n",
        "methods.flow={training.max_passes: 88888}",
    )
    for each in make_plan(spec, store).trials:
        finish(each.trial, spec.suite, [1, 1], {"pgd": [[1, 0]]})
    table = sweep_table(spec).set_index("method")
    assert table["max_passes"].isna()["standard"]
    assert table["max_passes"].dropna().to_dict() == {"pgd": 99999, "flow": 88888}
    assert "99999," in table.to_csv(), "whole beside empty cells"
    assert (table["training_passes"] == 100).all()


def test_settings_of_several_values_are_text(read: Callable[..., SweepSpec]) -> None:
    methods = "average: {vary: {attack_names: [[pgd, flow], [pgd]]}}"
    table = sweep_table(read(f"data: digits\nmethods: {{{methods}}}\n"))
    assert table["attack_names"].tolist()[1:] == ["pgd, flow", "pgd"]


def test_whole_settings_stay_whole_where_other_rows_are_empty(
    read: Callable[..., SweepSpec], store: Store, finish: Finish, tmp_path: Path
) -> None:
    spec = read(
        "data: digits\nmethods: {pareto: {rho: 0.4, vary: {window: [20, 50]}}}\n"
        "evaluation: {pgd: {ladder: [1]}, flow: null, rt: null}\n"
    )
    for each in make_plan(spec, store).trials:
        finish(each.trial, spec.suite, [1, 1], {"pgd": [[1, 0]]})
    table = sweep_table(spec)
    table.to_csv(tmp_path / "trials.csv", index=False)
    rows = (tmp_path / "trials.csv").read_text().splitlines()
    assert [row.rpartition(",")[2] for row in rows] == ["window", "", "20", "50"]
    means = cells(table, spec.objectives, keep_collapsed=False)
    assert means["window"].tolist()[1:] == [20, 50]
    front = extract_front(
        table, objectives=spec.objectives, reference_point=(0, 1), keep_collapsed=False
    )
    settings = [point["settings"] for point in front_record(front)["points"]]
    assert sorted(settings, key=str) == [{"window": 20}, {"window": 50}, {}]  # all level
