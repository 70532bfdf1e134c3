"""Objectives, the front of a table and its cells, on tables small enough to do by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.pareto.front import (
    by_contract,
    cells,
    extract_front,
    on_front,
    settings_columns,
    settings_of,
)
from orchestrator.table.objectives import (
    DEFAULT_OBJECTIVES,
    Direction,
    Objective,
    ObjectiveError,
    default_reference_point,
    minimised,
    parse_objectives,
)

OBJECTIVES = parse_objectives(DEFAULT_OBJECTIVES)
REFERENCE = default_reference_point(OBJECTIVES)

TRIALS = pd.DataFrame(
    [
        # trial_id, method, seed, status, score, sacrifice, natural, on_front, pgd.epsilon, rho
        ("t0", "standard", 0, "done", 0.00, 0.00, 0.90, False, np.nan, np.nan),
        ("t1", "pgd", 0, "done", 0.20, 0.10, 0.80, False, 0.1, np.nan),
        ("t2", "pgd", 1, "done", 0.30, 0.30, 0.60, False, 0.1, np.nan),
        ("t3", "pgd", 0, "done", 0.40, 0.50, 0.40, False, 0.2, np.nan),
        ("t4", "pareto", 0, "done", 0.30, 0.10, 0.80, False, np.nan, 0.4),
        ("t5", "pareto", 1, "done", 0.30, 0.10, 0.80, False, np.nan, 0.4),
        ("t6", "pareto", 2, "failed", 0.99, 0.00, 0.90, False, np.nan, 0.4),
        ("t7", "pareto", 0, "done", np.nan, np.nan, 0.70, False, np.nan, 0.7),
        ("t8", "pareto", 1, "pending", np.nan, np.nan, np.nan, False, np.nan, 0.7),
    ],
    columns=[
        "trial_id",
        "method",
        "seed",
        "status",
        "robustness_score",
        "sacrificed_accuracy",
        "natural_accuracy",
        "on_front",
        "pgd.epsilon",
        "rho",
    ],
)


# --- objectives


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("robustness_score", Direction.MAXIMISE),
        ("natural_accuracy", Direction.MAXIMISE),
        ("union_accuracy", Direction.MAXIMISE),
        ("robust_accuracy_rt", Direction.MAXIMISE),
        ("worst_pgd", Direction.MAXIMISE),
        ("sacrificed_accuracy", Direction.MINIMISE),
        ("seconds", Direction.MINIMISE),
        ("min:latency", Direction.MINIMISE),
        ("max:a:b", Direction.MAXIMISE),
        ("max:seconds", Direction.MAXIMISE),
    ],
)
def test_directions(text: str, expected: Direction) -> None:
    objective, _ = parse_objectives([text, "min:other"])
    assert objective == Objective(text.removeprefix("min:").removeprefix("max:"), expected)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["seconds", "latency"], "got 'latency'; write min:latency or max:latency"),
        (["seconds", "min:"], "got 'min:'"),
        (["seconds", "min:seconds"], "different columns, got seconds twice"),
        (["seconds"], "at least two columns, got 1"),
    ],
)
def test_objectives_that_mean_nothing_are_refused(texts: list[str], message: str) -> None:
    with pytest.raises(ObjectiveError, match=message):
        parse_objectives(texts)


def test_reference_points_are_in_user_units() -> None:
    assert default_reference_point(OBJECTIVES) == (0.0, 1.0)
    for text in ("seconds", "min:latency", "min:natural_accuracy"):
        objectives = parse_objectives(["robustness_score", text])
        with pytest.raises(ObjectiveError, match="reference_point must be given"):
            default_reference_point(objectives)


def test_signs_turn_for_what_is_maximised() -> None:
    assert minimised(TRIALS, OBJECTIVES)[1].tolist() == [-0.2, 0.1]
    assert minimised([0.2, 0.1], OBJECTIVES).tolist() == [-0.2, 0.1]


@pytest.mark.parametrize("point", [[0.0], [0.0, 1.0, 2.0]])
def test_a_reference_point_has_one_number_an_objective(point: list[float]) -> None:
    with pytest.raises(ValueError, match="one number for each of max:robustness_score, min:sacr"):
        extract_front(TRIALS, objectives=OBJECTIVES, reference_point=point, keep_collapsed=False)


# --- the front


def test_front_by_hand() -> None:
    front = extract_front(
        TRIALS, objectives=OBJECTIVES, reference_point=REFERENCE, keep_collapsed=False
    )
    assert front.points["trial_id"].tolist() == ["t3", "t4", "t5", "t0"]  # ties stay, by id
    assert front.points["on_front"].all()
    assert list(front.points.columns) == list(TRIALS.columns)
    # to the right of sacrifice 0.5 at score 0.4, and from 0.1 to 0.5 at score 0.3
    assert front.hypervolume == pytest.approx(0.5 * 0.4 + 0.4 * 0.3)
    assert front.knee == "t4"
    assert front.used == 6
    assert front.dropped == {
        "status failed": 1,
        "status pending": 1,
        "robustness_score is empty or not finite": 1,
    }


def test_marks_follow_the_rows_and_the_table_stays() -> None:
    before = TRIALS.copy()
    shuffled = TRIALS.sample(frac=1.0, random_state=1)
    marks = on_front(shuffled, OBJECTIVES, keep_collapsed=False)
    assert set(shuffled["trial_id"][marks]) == {"t0", "t3", "t4", "t5"}
    assert marks.index.equals(shuffled.index)
    pd.testing.assert_frame_equal(TRIALS, before)


def test_a_table_without_status_is_all_done() -> None:
    front = extract_front(
        TRIALS.drop(columns="status"),
        objectives=OBJECTIVES,
        reference_point=REFERENCE,
        keep_collapsed=False,
    )
    assert front.points["trial_id"].tolist() == ["t6"]


@pytest.mark.parametrize("table", [TRIALS.head(0), TRIALS.tail(2)])
def test_no_trial_no_front(table: pd.DataFrame) -> None:
    front = extract_front(
        table, objectives=OBJECTIVES, reference_point=REFERENCE, keep_collapsed=False
    )
    assert front.points.empty
    assert (front.hypervolume, front.knee, front.used) == (0.0, None, 0)
    assert sum(front.dropped.values()) == len(table)
    assert not cells(table, OBJECTIVES, keep_collapsed=False)["seeds"].any()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=12))
def test_turning_an_objective_around_turns_its_values(values: list[tuple[int, int]]) -> None:
    table = pd.DataFrame(values, columns=["a", "b"], dtype=float)
    turned = table.assign(b=-table["b"])
    marks = on_front(table, parse_objectives(["max:a", "min:b"]), keep_collapsed=False)
    assert (
        marks.tolist()
        == on_front(turned, parse_objectives(["max:a", "max:b"]), keep_collapsed=False).tolist()
    )


# --- cells


def test_cells_by_hand() -> None:
    result = cells(TRIALS, OBJECTIVES, keep_collapsed=False)
    assert result["method"].tolist() == ["standard", "pgd", "pgd", "pareto", "pareto"]
    assert result["seeds"].tolist() == [1, 2, 1, 2, 0]
    assert result["planned"].tolist() == [1, 2, 1, 3, 2]
    scores, sacrifices = result["robustness_score_mean"], result["sacrificed_accuracy_mean"]
    assert scores.tolist() == pytest.approx([0.0, 0.25, 0.4, 0.3, np.nan], nan_ok=True)
    assert sacrifices.tolist() == pytest.approx([0.0, 0.2, 0.5, 0.1, np.nan], nan_ok=True)
    deviations = result["sacrificed_accuracy_std"]
    assert deviations.isna().tolist() == [True, False, True, False, True]  # one seed has none
    assert deviations[1] == pytest.approx(np.sqrt(0.1**2 + 0.1**2))  # divisor n - 1 = 1
    assert deviations[3] == 0.0
    naturals = result["natural_accuracy_mean"]
    assert naturals.tolist() == pytest.approx([0.9, 0.7, 0.4, 0.8, np.nan], nan_ok=True)
    assert result["on_front"].tolist() == [True, True, True, False, False]
    assert list(result.columns)[-3:] == ["on_front", "pgd.epsilon", "rho"]


def test_each_trial_is_a_cell_where_nothing_says_what_it_repeats() -> None:
    result = cells(TRIALS.drop(columns="seed"), OBJECTIVES, keep_collapsed=False)
    assert result["trial_id"].tolist() == TRIALS["trial_id"].tolist()
    assert result["seeds"].tolist() == [1] * 6 + [0] * 3
    assert (result["planned"] == 1).all()


def test_cells_of_columns_named_as_theirs() -> None:
    """A foreign table may call its objectives what the cells call their counts."""
    table = pd.DataFrame({"trial_id": ["a", "b", "c"], "method": "m", "seed": [0, 1, 2]})
    table = table.assign(seeds=[1.0, 2.0, 6.0], planned=[3, 4, 5], on_front=False)
    result = cells(table, parse_objectives(["max:seeds", "min:planned"]), keep_collapsed=False)
    assert result[["seeds", "planned", "seeds_mean", "planned_mean"]].values.tolist() == [
        [3, 3, 3.0, 4.0]
    ]


def test_validation_and_test_numbers_share_no_cell() -> None:
    table = TRIALS.assign(split=["test"] * 4 + ["validation", "test"] + ["test"] * 3)
    result = cells(table, OBJECTIVES, keep_collapsed=False)
    of_pareto = result[result["method"] == "pareto"]
    assert of_pareto["split"].tolist() == ["validation", "test", "test"]
    assert of_pareto["planned"].tolist() == [1, 2, 2]


def test_a_trial_that_is_not_done_counts_to_the_split_of_its_cell() -> None:
    splits = ["test"] * 6 + [None] * 3
    result = cells(TRIALS.assign(split=splits), OBJECTIVES, keep_collapsed=False)
    assert result["split"].tolist()[:4] == ["test"] * 4
    assert result["planned"].tolist() == [1, 2, 1, 3, 2]


def test_a_cell_with_a_failed_seed_is_off_the_front_of_cells() -> None:
    """The two Pareto trials that are done beat all others; the third would have said more."""
    whole = TRIALS[TRIALS["trial_id"] != "t6"]
    for table, is_on in ((whole, True), (TRIALS, False)):
        result = cells(table, OBJECTIVES, keep_collapsed=False)
        pareto = result[(result["method"] == "pareto") & (result["rho"] == 0.4)]
        assert pareto["seeds"].tolist() == [2]
        assert pareto["on_front"].tolist() == [is_on]


def test_collapsed_seeds_stay_in_their_cells_mean() -> None:
    table = TRIALS.assign(collapsed=TRIALS["trial_id"].isin(["t2", "t3"]))
    result = cells(table, OBJECTIVES, keep_collapsed=False)
    assert result["collapsed"].tolist() == [0, 1, 1, 0, 0]
    assert result["robustness_score_mean"].tolist()[:3] == pytest.approx([0.0, 0.25, 0.4])
    marks = result["on_front"].tolist()
    assert marks[1], "one of its seeds has learned"
    assert not marks[2], "no seed of it has"


# --- columns


def test_settings_are_the_columns_after_on_front() -> None:
    assert settings_columns(TRIALS, OBJECTIVES) == ["pgd.epsilon", "rho"]
    assert settings_columns(TRIALS, parse_objectives(["robustness_score", "min:rho"])) == [
        "pgd.epsilon"
    ]
    assert settings_of(TRIALS.iloc[4], ["pgd.epsilon", "rho"]) == {"rho": 0.4}


def test_a_foreign_table_gets_its_marks_and_its_settings_last() -> None:
    shuffled = ["rho", "trial_id", "robustness_score", "pgd.epsilon", "sacrificed_accuracy"]
    foreign = TRIALS[shuffled]
    table = by_contract(foreign, OBJECTIVES)
    assert list(table.columns) == [
        "trial_id",
        "robustness_score",
        "sacrificed_accuracy",
        "on_front",
        "rho",
        "pgd.epsilon",
    ]
    assert table["trial_id"][table["on_front"]].tolist() == ["t6"]
    assert list(by_contract(TRIALS, OBJECTIVES).columns) == list(TRIALS.columns)
