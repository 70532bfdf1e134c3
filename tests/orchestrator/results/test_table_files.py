"""Tables from outside: each oddity is read rightly or refused by name, and text stays text."""

from __future__ import annotations

import datetime
import decimal
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.pareto.front import cells, settings_columns
from orchestrator.results.table_files import FORMULA, TableError, read_csv, read_table, write_csv
from orchestrator.table.objectives import DEFAULT_OBJECTIVES, parse_objectives

OBJECTIVES = parse_objectives(DEFAULT_OBJECTIVES)
HEAD = "trial_id,method,seed,status,robustness_score,sacrificed_accuracy"
ROWS = ["a,pgd,0,done,0.1,0.01", "b,pgd,1,done,0.3,0.03"]


def text_of(head: str, *rows: str) -> str:
    return "\n".join([head, *rows]) + "\n"


def read(folder: Path, text: str) -> pd.DataFrame:
    path = folder / "trials.csv"
    path.write_bytes(text.encode(errors="surrogateescape"))
    return read_table(path, OBJECTIVES)


def read_odd(folder: Path, **columns: Any) -> pd.DataFrame:
    """From Parquet, beside what a table needs."""
    path = folder / "trials.parquet"
    needed = {"trial_id": ["a", "b"], "robustness_score": [0.1, 0.2]}
    pd.DataFrame({**needed, "sacrificed_accuracy": [0.1, 0.2], **columns}).to_parquet(path)
    return read_table(path, OBJECTIVES)


@pytest.mark.parametrize(
    "text",
    [
        text_of("," + HEAD, *(f"{k},{row}" for k, row in enumerate(ROWS))),
        text_of("," + HEAD, *(f"{k},{row}" for k, row in enumerate(ROWS, start=7))),
        text_of("Unnamed: 0,," + HEAD, *(f"{k},{k},{row}" for k, row in enumerate(ROWS))),
        text_of("index," + HEAD, *(f"{k},{row}" for k, row in enumerate(ROWS))),
        text_of(f"{HEAD},", *(f"{row}," for row in ROWS)),
        "\ufeff" + text_of(HEAD, *ROWS),
        text_of(HEAD.replace(",", " , ") + " ", *ROWS),
        text_of(HEAD, *(row.replace(",", " , ") for row in ROWS)),
        text_of(HEAD, *(row.replace("done", "DONE") for row in ROWS)),
        text_of(HEAD, *ROWS).replace("\n", "\r\n"),
    ],
)
def test_what_tools_do_to_a_table_leaves_its_means_over_seeds(tmp_path: Path, text: str) -> None:
    table = read(tmp_path, text)
    assert settings_columns(table, OBJECTIVES) == []
    (cell,) = cells(table, OBJECTIVES, keep_collapsed=False).to_dict("records")
    assert (cell["method"], cell["seeds"]) == ("pgd", 2)
    assert cell["robustness_score_mean"] == pytest.approx(0.2)


def test_row_numbers_that_are_left_out_are_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    read(tmp_path, text_of("," + HEAD, *(f"{k},{row}" for k, row in enumerate(ROWS))))
    assert "column '' only numbers the rows and is left out" in caplog.text


def test_a_setting_that_is_called_index_stays(tmp_path: Path) -> None:
    table = read(tmp_path, text_of(f"{HEAD},index", *(f"{row},3" for row in ROWS)))
    assert settings_columns(table, OBJECTIVES) == ["index"]


def test_what_differs_in_every_row_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [f"t{k},pgd,{k},done,0.{k},0.1,run-{k}" for k in range(3)]
    read(tmp_path, text_of(f"{HEAD},run_name", *rows))
    assert "since run_name differs in every row; leave it out" in caplog.text


def test_percentages_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    read(tmp_path, text_of(HEAD, *ROWS))
    read(tmp_path, text_of(f"{HEAD},seconds", "a,pgd,0,done,1,-1,400", "b,pgd,1,done,inf,,300"))
    assert caplog.text == ""
    read(tmp_path, text_of(HEAD, ROWS[0], "b,pgd,1,done,30.1,3"))
    assert "robustness_score must be fractions of 1, got 30.1 in data row 2" in caplog.text
    assert "sacrificed_accuracy must be fractions of 1, got 3 in data row 2" in caplog.text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (text_of(f"{HEAD},rho,rho", *(f"{row},1,2" for row in ROWS)), "rho must stand once"),
        (text_of(f"{HEAD}, seed", *(f"{row},1" for row in ROWS)), "seed must stand once"),
        (text_of(f"{HEAD},", *(f"{row},x" for row in ROWS)), "column 7 must have a name, got none"),
        (
            text_of(HEAD.replace("seed", "Seed"), *ROWS),
            "column seed must be spelled so, got 'Seed'",
        ),
        (text_of(f"{HEAD},Status", *(f"{row},x" for row in ROWS)), "status must be spelled so"),
        (text_of(f"{HEAD},Worst_pgd", *(f"{row},1" for row in ROWS)), "worst_pgd must be spelled"),
        (text_of(HEAD, *ROWS).replace(",", ";"), "commas between names, got semicolons"),
        (text_of(HEAD, *ROWS).replace(",", "\t"), "commas between names, got tabs"),
        (text_of(HEAD, ROWS[0], ROWS[0].replace("a", " a", 1)), "unique, got 'a' more than once"),
        (text_of(HEAD, ROWS[0].replace("0.1", '"0,1"')), "or empty, got '0,1' in data row 1"),
        (text_of(HEAD, ROWS[0].replace("0.1", "1 000")), "or empty, got '1 000' in data row 1"),
        (text_of(HEAD, ROWS[0].replace("0.1", "true")), "robustness_score must be a number or"),
        (text_of(HEAD, ROWS[0].replace("0.1", "-1e300")), r"lie within 1e\+50 of 0, got -1e\+300"),
        (text_of(f"{HEAD},collapsed", f"{ROWS[0]},maybe"), "true, false or empty, got 'maybe'"),
        (text_of(HEAD, ROWS[0].replace("0.1", "x" * 10_000)), r"got 'x+\.\.\. in data row 1"),
        (text_of(f"{HEAD},worst_pgd", f"{ROWS[0]},high"), "worst_pgd must be a number or empty"),
        ("x" * 10_000 + "\n", r"it has x+\.\.\."),
        ("a,b\n" + '"' * 10_001, "must be a readable .csv table"),
    ],
)
def test_what_could_be_misread_is_refused_in_a_line(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(TableError, match=message) as refused:
        read(tmp_path, text)
    assert len(str(refused.value)) < 600
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "words", ["true,false,", "True,False,", "TRUE, false ,", "1,0,", "1.0,0.0,"]
)
def test_truths_are_read_however_they_are_written(tmp_path: Path, words: str) -> None:
    cells_of_rows = words.split(",")
    rows = [f"t{k},{word},0.1,0.2" for k, word in enumerate(cells_of_rows)]
    head = "trial_id,collapsed,robustness_score,sacrificed_accuracy"
    table = read(tmp_path, text_of(head, *rows))
    assert table["collapsed"].tolist()[:2] == [True, False]
    assert pd.isna(table["collapsed"].tolist()[2])


@pytest.mark.slow
def test_one_value_is_one_setting_in_however_long_a_table(tmp_path: Path) -> None:
    """pandas reads in parts, and would take `1` for a number in one and a text in the next."""
    count = 300_000
    table = pd.DataFrame({"trial_id": np.arange(count), "robustness_score": 0.1})
    table["sacrificed_accuracy"] = 0.2
    table["padding"] = ["1"] * (count - 1) + ["none"]
    table.to_csv(tmp_path / "trials.csv", index=False)
    assert set(read_csv(tmp_path / "trials.csv")["padding"]) == {"1", "none"}


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ([[1, 2], None], "odd must be a number, a text or empty, got a value of type ndarray in"),
        ([None, b"x"], "of type bytes in data row 2"),
        ([{"a": 1}, {"a": 2}], "of type dict in data row 1"),
    ],
)
def test_cells_that_are_no_scalars_are_refused(
    tmp_path: Path, column: list[Any], message: str
) -> None:
    with pytest.raises(TableError, match=message):
        read_odd(tmp_path, odd=column)


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ([datetime.datetime(2026, 1, 2), None], ["2026-01-02 00:00:00", None]),
        ([datetime.date(2026, 1, 2), None], ["2026-01-02", None]),
        ([decimal.Decimal("0.10"), None], ["0.10", None]),
        (pd.Categorical(["a", "b"]), ["a", "b"]),
        ([True, None], [True, None]),
        ([2**62 + 1, 1], [2**62 + 1, 1]),
    ],
)
def test_columns_of_parquet_are_settings(tmp_path: Path, column: Any, expected: list[Any]) -> None:
    table = read_odd(tmp_path, odd=column)
    assert [None if pd.isna(value) else value for value in table["odd"]] == expected


def test_no_time_is_an_objective(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="must be a number or empty, got '2026"):
        read_odd(tmp_path, robustness_score=[datetime.datetime(2026, 1, 2)] * 2)


def test_trials_named_by_the_index_are_found(tmp_path: Path) -> None:
    path = tmp_path / "trials.parquet"
    columns = {"robustness_score": [0.1], "sacrificed_accuracy": [0.2]}
    pd.DataFrame(columns, index=pd.Index(["a"], name="trial_id")).to_parquet(path)
    assert read_table(path, OBJECTIVES)["trial_id"].tolist() == ["a"]


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_files_that_are_no_tables_are_refused(tmp_path: Path, suffix: str) -> None:
    for k, data in enumerate((b"", b"\0" * 64, b"[" * 100_000, b"PAR1", bytes(range(256)))):
        path = tmp_path / f"{k}{suffix}"
        path.write_bytes(data)
        with pytest.raises(TableError) as refused:
            read_table(path, OBJECTIVES)
        assert "\n" not in str(refused.value)
    loop = tmp_path / f"loop{suffix}"
    loop.symlink_to(loop)
    long = tmp_path / ("x" * 10_000 + suffix)
    for path in (loop, long):
        with pytest.raises(TableError, match="no such file"):
            read_table(path, OBJECTIVES)


# --- text stays text

TEXTS = st.text(alphabet="=+-@'\t 0.1e,;\"\nx<&$\u202e\x1b", max_size=8)


@pytest.mark.slow
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(texts=st.lists(TEXTS, min_size=1, max_size=4), name=TEXTS.map(str.strip).filter(bool))
def test_text_goes_through_csv_unchanged_and_is_no_formula(
    tmp_path: Path, texts: list[str], name: str
) -> None:
    table = pd.DataFrame({"trial_id": ["t"] * len(texts), name: pd.Series(texts, dtype=object)})
    write_csv(table, tmp_path / "out.csv")
    raw = pd.read_csv(
        tmp_path / "out.csv", dtype=str, keep_default_na=False, skip_blank_lines=False
    )
    assert not any(FORMULA.match(cell) for cell in [*raw.columns, *raw.iloc[:, 1]])
    read = read_csv(tmp_path / "out.csv")
    assert list(read.columns) == ["trial_id", name]
    for text, found in zip(texts, read[name], strict=True):
        if isinstance(found, str):
            assert found == text
        else:  # what looks like a number is one, and nothing is empty
            assert (text == "") if pd.isna(found) else float(text) == found


def test_counts_stay_counts_where_a_trial_has_none(tmp_path: Path) -> None:
    table = read(tmp_path, text_of(f"{HEAD},training_passes", f"{ROWS[0]},768", f"{ROWS[1]},"))
    write_csv(table, tmp_path / "again.csv")
    assert pd.read_csv(tmp_path / "again.csv", dtype=str)["training_passes"].tolist()[0] == "768"


def test_negative_numbers_stay_numbers(tmp_path: Path) -> None:
    table = pd.DataFrame({"a": [-1.5, 1e-7], "b": ["-1", "+2.5e3"], "c": ["=1+1", "-1+1"]})
    write_csv(table, tmp_path / "out.csv")
    lines = (tmp_path / "out.csv").read_text().splitlines()
    assert lines == ["a,b,c", "-1.5,-1,'=1+1", "1e-07,+2.5e3,'-1+1"]
    assert re.match(r"'=1\+1", lines[1].split(",")[2])
