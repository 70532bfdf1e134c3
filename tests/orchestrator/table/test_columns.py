"""The columns of the table: declared once, and what follows from a declaration."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from orchestrator.plan.plan import make_plan
from orchestrator.results.as_stored import sweep_table
from orchestrator.results.table_files import TableError, read_table
from orchestrator.spec.objectives import columns_of_numbers
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store import Store
from orchestrator.table import columns
from orchestrator.table.columns import (
    COLUMNS,
    ColumnKind,
    Direction,
    TrialColumn,
    columns_under,
    declared,
    direction_of,
    measured_numbers,
)
from orchestrator.table.objectives import DEFAULT_OBJECTIVES, parse_objectives
from trainer.evaluation.outcomes import Outcomes

README = (Path(__file__).parents[3] / "README.md").read_text()
BETTER = {Direction.MAXIMISE: "more", Direction.MINIMISE: "less", None: ""}


def listed(column: TrialColumn) -> str:
    better = BETTER[column.direction]
    return f"| `{column.pattern}` | {column.kind} | {better} | {column.says} |"


def test_the_readme_lists_them_all_as_they_are_declared() -> None:
    head = "| column | cells | better | what they say |\n| --- | --- | --- | --- |\n"
    table = head + "\n".join(map(listed, COLUMNS))
    assert f"{table}\n\n" in README, f"What a sweep leaves must have this table:\n{table}"


def test_each_name_has_one_declaration() -> None:
    names = list(columns_under(["pgd", "my warp", "{category}"], has_best=True))
    assert len(names) == len(set(names))
    for name in names:
        assert [column.has(name) for column in COLUMNS].count(True) == 1, name


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("robust_accuracy_pgd", "robust_accuracy_*"),
        ("worst_of all", "worst_*"),
        ("worst_", "worst_*"),
        ("worst", None),
        ("Worst_pgd", None),
        ("my_worst_pgd", None),
        ("seconds", "seconds"),
        ("seconds_mean", None),
        ("rho", None),
    ],
)
def test_what_a_name_is_declared_as(name: str, pattern: str | None) -> None:
    found = declared(name)
    assert (None if found is None else found.pattern) == pattern


def test_categories_stand_in_their_own_order_in_each_columns_place() -> None:
    names = list(columns_under(["rt", "pgd"]))
    first = names.index("natural_accuracy")
    assert names[first : first + 6] == [
        *("natural_accuracy", "robust_accuracy_rt", "robust_accuracy_pgd"),
        *("worst_rt", "worst_pgd", "union_accuracy"),
    ]
    assert (names[0], names[-1]) == ("trial_id", "on_front")


def test_objectives_are_measured_numbers_and_shares_have_a_reference() -> None:
    for column in COLUMNS:
        if column.direction is not None:
            assert column.is_number, column.name
            assert column.is_measured, column.name
            assert (column.reference is None) == (column.kind is not ColumnKind.FRACTION), (
                column.name
            )
    assert all(direction_of(name) is not None for name in DEFAULT_OBJECTIVES)


def test_accuracies_of_an_evaluation_are_declared_in_its_order() -> None:
    bits = np.ones((1, 2), dtype=bool)
    outcomes = Outcomes(
        natural=bits[0], robust={"pgd": bits, "rt": bits}, ladders={"pgd": (), "rt": ()}
    )
    measured = [name for name in columns_under(outcomes.robust) if name in outcomes.accuracies()]
    assert measured == list(outcomes.accuracies())


def test_declaring_a_column_is_enough(
    monkeypatch: pytest.MonkeyPatch,
    read: Callable[..., SweepSpec],
    store: Store,
    finish: Callable[..., None],
    tmp_path: Path,
) -> None:
    """It stands in its place, typed; is tracked, offered as an objective, read strictly."""
    new = TrialColumn(
        name="top_{category}", kind=ColumnKind.WHOLE, direction=Direction.MINIMISE, says="of a test"
    )
    monkeypatch.setattr(columns, "COLUMNS", (*COLUMNS[:6], new, *COLUMNS[6:]))
    evaluation = "{pgd: {ladder: [1]}, flow: null, rt: null}"
    spec = read(f"data: digits\nmethods: {{flow: {{}}}}\nevaluation: {evaluation}\n")
    standard, flow = make_plan(spec, store).trials
    finish(standard.trial, spec.suite, [1, 1], {"pgd": [[1, 0]]})
    accuracies = {"natural_accuracy": 1.0, "robust_accuracy_pgd": 0.5, "top_pgd": 7}
    finish(flow.trial, spec.suite, [1, 1], {"pgd": [[1, 0]]}, accuracies=accuracies)
    table = sweep_table(spec)
    assert list(table)[5:8] == ["natural_accuracy", "top_pgd", "robust_accuracy_pgd"]
    assert table["top_pgd"].dtype == pd.Int64Dtype()
    assert table["top_pgd"].tolist() == [pd.NA, 7]
    assert "top_pgd" in measured_numbers(table)
    assert columns_of_numbers(spec.suite, spec.cells, spec.settings, has_best=False)[1] == "top_pgd"
    objectives = parse_objectives(["natural_accuracy", "top_pgd"])
    assert str(objectives[1]) == "min:top_pgd"
    path = tmp_path / "trials.csv"
    table.to_csv(path, index=False)
    pd.testing.assert_series_equal(read_table(path, objectives)["top_pgd"], table["top_pgd"])
    table.assign(top_pgd=["few", ""]).to_csv(path, index=False)
    with pytest.raises(TableError, match="top_pgd must be a number or empty, got 'few'"):
        read_table(path, spec.objectives)
