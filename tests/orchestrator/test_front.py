"""The door `python -m orchestrator.front`: tables in, files out, one message where they are bad."""

from __future__ import annotations

import errno
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from orchestrator.figures.placement import FrontOf
from orchestrator.front import FILES, app
from orchestrator.pareto.front import extract_front
from orchestrator.report.front_files import front_record
from orchestrator.report.front_text import show
from orchestrator.results.table_files import TableError, read_table
from orchestrator.table.objectives import DEFAULT_OBJECTIVES, parse_objectives

OBJECTIVES = parse_objectives(DEFAULT_OBJECTIVES)

TRIALS = """\
trial_id,method,seed,status,split,natural_accuracy,robustness_score,sacrificed_accuracy,on_front,rho,padding
t0,standard,0,done,test,0.9,0.0,0.0,,,
t1,standard,1,done,test,0.9100000000000001,0.0,-0.010000000000000009,,,
t2,pareto,0,done,test,0.8,0.30000000000000004,0.1,,0.4,none
t3,pareto,1,done,test,0.7,0.1,0.2,,0.4,none
t4,pareto,0,done,test,0.5,0.35,0.4,,0.7,NA
t5,pareto,1,failed,,,,,,0.7,NA
"""


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def trials(tmp_path: Path) -> Path:
    path = tmp_path / "trials.csv"
    path.write_text(TRIALS)
    return path


# --- what it says


def said_of(table: pd.DataFrame, of: FrontOf = "cells") -> str:
    front = extract_front(
        table, objectives=OBJECTIVES, reference_point=(0.0, 1.0), keep_collapsed=False
    )
    console = Console(file=io.StringIO(), width=200)
    show(front, console, of=of)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_means_over_seeds_are_the_headline_and_trials_one_switch_away(trials: Path) -> None:
    """t2 is a lucky seed: its cell lies at 0.2 and 0.15."""
    trials.write_text(TRIALS.replace("failed,,,,,", "done,test,0.5,0.22,0.4,"))
    table = read_table(trials, OBJECTIVES)
    cells, single = said_of(table), said_of(table, "trials")
    (row,) = (line for line in cells.splitlines() if "0.2000 ± 0.1414" in line)
    assert "pareto" in row
    assert "0.1500 ± 0.0707" in row
    assert "front of    means over seeds" in cells
    assert "knee        pareto rho=0.4 padding=none" in cells
    assert "t2" not in cells
    assert "front of    single trials" in single
    assert re.search(r"t2 .* 0\.3000", single)
    front = extract_front(
        table, objectives=OBJECTIVES, reference_point=(0.0, 1.0), keep_collapsed=False
    )
    record = front_record(front)
    assert record["cells"]["on_front"] == 3
    assert record["cells"]["knee"] == {
        "method": "pareto",
        "settings": {"rho": 0.4, "padding": "none"},
    }
    # Steps up at sacrifices of -0.005, 0.15 and 0.4, to scores of 0, 0.2 and 0.285, up to 1.
    assert record["cells"]["hypervolume"] == pytest.approx(0.2 * 0.25 + 0.285 * 0.6)
    assert record["hypervolume"] > record["cells"]["hypervolume"]


def test_of_a_long_front_the_first_rows_are_shown(trials: Path) -> None:
    """Of 30 models that each give up one thousandth more for one thousandth more."""
    row = read_table(trials, OBJECTIVES).iloc[[2]].astype("object")
    many = pd.concat([row] * 30, ignore_index=True)
    many["trial_id"] = [f"n{number:02}" for number in range(30)]
    steps = np.arange(30) / 1000
    many = many.assign(robustness_score=0.1 + steps, sacrificed_accuracy=0.2 + steps)
    said = said_of(many, "trials")
    shown = re.findall(r"^ *(n\d\d) ", said, re.MULTILINE)
    assert shown == [f"n{number:02}" for number in range(29, 9, -1)]
    assert "and 10 more in front.csv" in said


def test_an_empty_front_says_why(trials: Path) -> None:
    table = read_table(trials, OBJECTIVES)
    failed = table[table["status"] == "failed"]
    assert "The front is empty: no trial is done with finite objectives." in said_of(failed)
    collapsed = table[table["status"] == "done"].assign(collapsed=True)
    said = said_of(collapsed)
    assert "The front is empty: every trial that is done is kept off it, as said below." in said
    assert "5 of 5 right on one class at most" in said


# --- what it writes


@pytest.mark.slow
def test_files_stand_beside_the_table(trials: Path) -> None:
    result = run(trials)
    assert result.exit_code == 0, result.output
    assert sorted(p.name for p in trials.parent.iterdir()) == sorted([*FILES, "trials.csv"])
    assert trials.read_text() == TRIALS
    assert "pareto" in result.output
    assert "5 used; left out: 1 failed" in result.output


@pytest.fixture
def _no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    def draw(_: object, *paths: Path, **__: object) -> None:
        for path in paths:
            path.write_bytes(b"")

    monkeypatch.setattr("orchestrator.figures.front.draw_front", draw)


@pytest.mark.slow
@pytest.mark.usefixtures("_no_pictures")
def test_in_a_sweeps_folder_files_have_their_tables_name(trials: Path) -> None:
    """`front.csv` and the others are there of the sweep's own trials."""
    folder = trials.parent
    (folder / "spec.yaml").write_text("name: small\n")
    for name in FILES:
        (folder / name).write_text("the sweep's own")
    for kind in ("confirmed", "validation"):
        (folder / f"{kind}.csv").write_text(TRIALS)
        assert run(folder / f"{kind}.csv").exit_code == 0
        result = run(folder / f"{kind}.csv", "--out", folder)
        assert f"of single trials: front_{kind}.csv, or --of trials" in result.stdout
        assert json.loads((folder / f"front_{kind}.json").read_text())["knee"] == "t2"
        assert {(folder / name).read_text() for name in FILES} == {"the sweep's own"}
    assert {path.name for path in folder.glob("*confirmed*")} == {
        *("confirmed.csv", "front_confirmed.csv", "front_confirmed.json", "cells_confirmed.csv"),
        *("front_confirmed.png", "front_confirmed.svg"),
    }
    (folder / "front.csv").write_text(TRIALS)
    assert "must not be overwritten by its own front" in run(folder / "front.csv").stderr
    assert run(trials).exit_code == 0
    assert json.loads((folder / "front.json").read_text())["knee"] == "t2"


@pytest.mark.slow
@pytest.mark.usefixtures("_no_pictures")
def test_a_table_with_best_weights_is_of_these_unless_its_objectives_are_named(
    trials: Path,
) -> None:
    """As the sweep is that left it: its own front is not replaced by that of other weights."""
    table = pd.read_csv(trials)
    best = {f"best_{name}": table[name] / 2 for name in ("robustness_score", "sacrificed_accuracy")}
    table.assign(**best).to_csv(trials, index=False)
    for options, weights, place in (
        ([], "best", "front.json"),
        (["--weights", "last"], "last", "last/front.json"),
        (
            ["--objective", "robustness_score", "--objective", "natural_accuracy"],
            "last",
            "front.json",
        ),
    ):
        result = run(trials, *options)
        assert result.exit_code == 0, result.output
        assert json.loads((trials.parent / place).read_text())["weights"] == weights


def test_front_csv_reads_back_equal(trials: Path, tmp_path: Path) -> None:
    run(trials, "--out", tmp_path / "out")
    written = read_table(tmp_path / "out" / "front.csv", OBJECTIVES)
    read = read_table(trials, OBJECTIVES)
    expected = read.set_index("trial_id").loc[["t4", "t2", "t1"]].reset_index()
    pd.testing.assert_frame_equal(written, expected, check_exact=True, check_dtype=False)
    assert (tmp_path / "out" / "front.csv").read_text().splitlines()[2] == (
        "t2,pareto,0,done,test,0.8,0.30000000000000004,0.1,True,0.4,none"
    )


def test_front_json_says_all_that_the_front_is(trials: Path, tmp_path: Path) -> None:
    run(trials, "--out", tmp_path, "--reference=-0.5,0.5")
    record = json.loads((tmp_path / "front.json").read_text())
    assert record["objectives"] == [
        {"name": "robustness_score", "direction": "max"},
        {"name": "sacrificed_accuracy", "direction": "min"},
    ]
    assert record["reference_point"] == [-0.5, 0.5]
    assert record["hypervolume"] == pytest.approx(0.51 * 0.5 + 0.4 * 0.3 + 0.1 * 0.05)
    assert record["knee"] == "t2"
    assert record["trials"] == {"used": 5, "dropped": {"status failed": 1}}
    assert [point["trial_id"] for point in record["points"]] == ["t4", "t2", "t1"]
    assert record["points"][1] == {
        "trial_id": "t2",
        "method": "pareto",
        "seed": 0,
        "objectives": {"robustness_score": 0.30000000000000004, "sacrificed_accuracy": 0.1},
        "settings": {"rho": 0.4, "padding": "none"},
    }
    assert record["points"][2]["settings"] == {}


@pytest.mark.slow
def test_collapsed_trials_are_kept_off_unless_asked_for(trials: Path, tmp_path: Path) -> None:
    head, *rows = TRIALS.replace("split,", "split,collapsed,").splitlines()
    one_answer = ["t6,integrated,0,done,test,True,0.1,0.5,0.9,,,"]
    rows = [row.replace("test,", "test,False,").replace("failed,", "failed,,") for row in rows]
    trials.write_text("\n".join([head, *rows, *one_answer]))
    usual, kept = run(trials, "--out", tmp_path / "a"), run(trials, "--keep-collapsed")
    assert usual.exit_code == kept.exit_code == 0, usual.output + kept.output
    assert "5 used; left out: 1 failed, 1 collapsed" in usual.stdout
    assert "1 of 6 right on one class at most: t6 (integrated seed=0)" in usual.stdout
    assert "6 used; left out: 1 failed" in kept.stdout
    assert "kept        on the front only so: t6 (collapsed)" in kept.stdout
    records = [json.loads((at / "front.json").read_text()) for at in (tmp_path / "a", tmp_path)]
    assert [record["keep_collapsed"] for record in records] == [False, True]
    assert records[0]["collapsed"] == records[1]["collapsed"] == ["t6"]
    assert records[0]["trials"]["dropped"] == {"status failed": 1, "collapsed": 1}
    on = [{point["trial_id"] for point in record["points"]} for record in records]
    assert on[1] - on[0] == {"t6"}
    assert on[0] <= on[1]


@pytest.mark.slow
def test_front_with_the_union_has_a_floor(tmp_path: Path) -> None:
    """Where the table says what a constant classifier has; and its emptiness has a reason."""
    path = tmp_path / "trials.csv"
    path.write_text("trial_id,union_accuracy,sacrificed_accuracy\nt0,0.1,0.2\nt1,0.05,0.1\n")
    arguments = (path, "--objective", "union_accuracy", "--objective", "sacrificed_accuracy")
    assert "2 used; left out: none" in run(*arguments).stdout
    table = pd.read_csv(path).assign(constant_accuracy=0.1)
    table.to_csv(path, index=False)
    result = run(*arguments)
    assert "every trial that is done is kept off it, as said below" in result.stdout
    assert "2 union_accuracy no higher than a constant classifier's" in result.stdout
    assert json.loads((tmp_path / "front.json").read_text())["constant_accuracy"] == 0.1
    result = run(*arguments, "--keep-collapsed")
    assert "on the front only so: t0, t1 (union_accuracy no higher" in result.stdout


def test_json_is_all_that_stands_on_stdout(trials: Path, tmp_path: Path) -> None:
    result = run(trials, "--json")
    assert result.stdout == (tmp_path / "front.json").read_text()


def test_cells_are_means_over_seeds(trials: Path, tmp_path: Path) -> None:
    run(trials)
    table = pd.read_csv(tmp_path / "cells.csv")
    assert table["seeds"].tolist() == [2, 2, 1]
    assert table["robustness_score_mean"].tolist() == pytest.approx([0.0, 0.2, 0.35])
    assert table["robustness_score_std"].isna().tolist() == [False, False, True]


@pytest.mark.slow
def test_parquet_gives_the_same_files(trials: Path, tmp_path: Path) -> None:
    run(trials, "--out", tmp_path / "csv")
    read_table(trials, OBJECTIVES).to_parquet(tmp_path / "trials.parquet")
    run(tmp_path / "trials.parquet", "--out", tmp_path / "parquet")
    for name in ("front.csv", "front.json", "cells.csv", "front.svg"):
        assert (tmp_path / "csv" / name).read_bytes() == (tmp_path / "parquet" / name).read_bytes()


@pytest.mark.parametrize("rows", ["", "t0,failed,,\n", "t0,done,0.1,nan\nt1,,0.1,0.2\n"])
def test_an_empty_front_is_a_front(tmp_path: Path, rows: str) -> None:
    path = tmp_path / "trials.csv"
    path.write_text("trial_id,status,robustness_score,sacrificed_accuracy\n" + rows)
    result = run(path)
    assert result.exit_code == 0, result.output
    assert "The front is empty" in result.output
    record = json.loads((tmp_path / "front.json").read_text())
    assert (record["hypervolume"], record["knee"], record["points"]) == (0.0, None, [])
    assert sum(record["trials"]["dropped"].values()) == rows.count("\n")


def test_other_objectives_need_a_direction_and_an_end(tmp_path: Path) -> None:
    path = tmp_path / "trials.csv"
    path.write_text("trial_id,latency,score\nt1,3,4\nt2,5,6\nt3,5,5\n")
    arguments = (path, "--objective", "max:score", "--objective", "min:latency")
    assert "reference_point must be given" in run(*arguments).stderr
    result = run(*arguments, "--reference", "0,10", "--json")
    record = json.loads(result.stdout)
    assert [point["trial_id"] for point in record["points"]] == ["t2", "t1"]
    assert record["hypervolume"] == 5 * 6 + 2 * 4


# --- what it refuses

HEAD = "trial_id,robustness_score,sacrificed_accuracy\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must be a readable .csv table"),
        (
            "trial_id,score\nt1,1\n",
            "have columns robustness_score, sacrificed_accuracy; it has trial_id",
        ),
        (HEAD + "t1,0.1,0.2\nt1,0.3,0.1\n", "trial_id must be unique, got 't1' more than once"),
        (HEAD + "t1,0.1,0.2\n,0.3,0.1\n", "trial_id must not be empty, but is in data row 2"),
        (HEAD + "t1,0.1,0.2\nt2,0.3,high\n", "must be a number or empty, got 'high' in data row 2"),
        (HEAD + "t1,0.1,0.2,0.3\n", "its rows have more cells than its header"),
        (HEAD + 't1,"0.1,0.2\n', "must be a readable .csv table"),
        (HEAD + "t1,\udcff,0.2\n", "must be a readable .csv table: 'utf-8'"),
    ],
)
def test_bad_tables_are_named_and_nothing_is_written(
    tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "trials.csv"
    path.write_bytes(text.encode(errors="surrogateescape"))
    result = run(path, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.startswith(f"error: {path}: ")
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""
    assert list(tmp_path.iterdir()) == [path]


def test_front_is_told_before_it_is_drawn(trials: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits for the pictures may read; where its files are is said once they are there."""

    def draw(*arguments: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("orchestrator.figures.front.draw_front", draw)
    result = run(trials)
    assert result.exit_code == 2
    assert "5 used; left out: 1 failed" in result.stdout
    assert "files" not in result.stdout
    assert result.stderr.endswith("must be a writable folder: No space left on device\n")
    assert list(trials.parent.iterdir()) == [trials]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.csv"], "there is no such file"),
        (["trials.xlsx"], "must end in one of .csv, .parquet, got '.xlsx'"),
        (["trials.csv", "--objective", "latency"], "write min:latency or max:latency"),
        (["trials.csv", "--reference", "1"], "must be 2 finite numbers"),
        (["trials.csv", "--reference", "0,nan"], "got '0,nan'"),
        (["trials.csv", "--reference", "0,one"], "got '0,one'"),
        (["trials.csv", "--reference", "0,1e300"], "must lie within 1e+50 of 0, got '0,1e300'"),
        (
            ["trials.csv", "--storage", "runs"],
            "must be a SPEC for --storage, --set and",
        ),
        (["trials.csv", "--models", "confirmed"], "must be a SPEC for --storage, --set and"),
        (
            ["trials.csv", "--set", "seeds=[1]"],
            "must be a SPEC for --storage, --set and",
        ),
        (["trials.csv", "--out", "trials.csv"], "must be a writable folder"),
        (["front.csv"], "must not be overwritten by its own front; give --out"),
    ],
)
def test_bad_arguments_are_named_and_nothing_is_written(
    trials: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(trials.parent)
    Path("front.csv").write_text(TRIALS)
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert sorted(os.listdir()) == ["front.csv", "trials.csv"]  # noqa: PTH208


@pytest.mark.slow
def test_nothing_temporary_stays_where_a_file_has_no_place(trials: Path, tmp_path: Path) -> None:
    """A folder in the place of a picture: the rename fails, no half-written file is left."""
    (tmp_path / "front.png" / "occupied").mkdir(parents=True)
    assert run(trials).exit_code == 2
    assert (tmp_path / "front.png" / "occupied").is_dir()
    assert not list(tmp_path.glob(".front-*"))


# --- reading


def test_words_are_no_empty_cells_and_identities_no_numbers(tmp_path: Path) -> None:
    path = tmp_path / "trials.csv"
    path.write_text(HEAD.strip() + ",padding\n007,0.1,nan,none\n1e3,,0.2,NA\nt2,.1,.2,\n")
    table = read_table(path, OBJECTIVES)
    assert table["trial_id"].tolist() == ["007", "1e3", "t2"]
    assert table["padding"].fillna("").tolist() == ["none", "NA", ""]
    assert table["robustness_score"].isna().tolist() == [False, True, False]
    assert table["sacrificed_accuracy"].isna().tolist() == [True, False, False]


def test_numbers_go_through_csv_unchanged(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    scores, sacrifices = random.random((2, 2000)) * 10.0 ** random.integers(-12, 3, (2, 2000))
    table = pd.DataFrame(
        {
            "trial_id": [f"t{k}" for k in range(2000)],
            "robustness_score": scores,
            "sacrificed_accuracy": sacrifices,
        }
    )
    table.to_csv(tmp_path / "trials.csv", index=False)
    read = read_table(tmp_path / "trials.csv", OBJECTIVES)
    assert (read["robustness_score"] == scores).all()
    assert (read["sacrificed_accuracy"] == sacrifices).all()


def test_a_folder_is_no_table(tmp_path: Path) -> None:
    (tmp_path / "trials.csv").mkdir()
    with pytest.raises(TableError, match="no such file"):
        read_table(tmp_path / "trials.csv", OBJECTIVES)


@pytest.mark.slow
def test_the_module_is_a_command(trials: Path) -> None:
    command = [sys.executable, "-m", "orchestrator.front", str(trials), "--json"]
    process = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(process.stdout)["knee"] == "t2"
    assert process.stderr == ""


# --- the strict front


@pytest.mark.slow
def test_the_strict_front_lies_beside_the_papers(trials: Path) -> None:
    table = pd.read_csv(trials)
    table["union_accuracy"] = [0.1, 0.2, 0.3, 0.25, 0.4, np.nan]
    table.to_csv(trials, index=False)
    result = run(trials, "--strict")
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in trials.parent.iterdir()) == ["strict", "trials.csv"]
    record = json.loads((trials.parent / "strict" / "front.json").read_text())
    names = [objective["name"] for objective in record["objectives"]]
    assert names == ["union_accuracy", "natural_accuracy"]
    assert record["reference_point"] == [0, 0]
    assert {point["trial_id"] for point in record["points"]} == {"t1", "t2", "t4"}
    elsewhere = run(trials, "--strict", "--out", trials.parent / "other")
    assert elsewhere.exit_code == 0
    assert (trials.parent / "other" / "front.json").is_file()


@pytest.mark.slow
def test_what_a_table_says_was_selected_holds_for_its_own_objectives(trials: Path) -> None:
    table = pd.read_csv(trials)
    marks = [False, False, False, True, False, False]
    table.assign(union_accuracy=0.1, selected=marks, at_knee=marks).to_csv(trials, index=False)
    own = json.loads(run(trials, "--json").stdout)
    assert (own["knee"], own["selected"], own["is_selected_apart"]) == ("t3", ["t3"], True)
    strict = json.loads(run(trials, "--json", "--strict").stdout)
    assert (strict["knee"], strict["selected"], strict["is_selected_apart"]) == (None, [], False)


def test_the_strict_front_has_its_own_objectives(trials: Path) -> None:
    result = run(trials, "--strict", "--objective", "union_accuracy")
    assert result.exit_code == 2
    assert "objective must be left out beside --strict, got union_accuracy" in result.stderr


@pytest.mark.slow
def test_published_numbers_are_drawn_and_counted_nowhere(trials: Path, tmp_path: Path) -> None:
    """One of two can be placed on these axes; far above all trials, and on no front."""
    published = tmp_path / "published.csv"
    published.write_text(
        "label,natural_accuracy,robustness_score,sacrificed_accuracy,source\n"
        "Elsewhere 2020,0.9,0.8,-0.01,a paper\nOther 2021,0.9,,,a paper\n"
    )
    own = run(trials, "--json")
    result = run(trials, "--published", published)
    assert result.exit_code == 0, result.output
    assert "1 of 2 of published.csv, drawn alone: on no front, in no hyper" in result.stdout
    assert "Other 2021: without robustness_score and sacrificed_accuracy" in result.stdout
    assert "not known of a table: give the sweep's .yaml" in result.stdout
    record = json.loads((tmp_path / "published" / "front.json").read_text())
    said = record.pop("published")
    assert record == json.loads(own.stdout)
    assert [row["label"] for row in said["placed"]] == ["Elsewhere 2020"]
    assert (tmp_path / "published" / "front.csv").read_bytes() == (
        tmp_path / "front.csv"
    ).read_bytes()
    picture = (tmp_path / "published" / "front.svg").read_text()
    assert 'id="published"' in picture
    assert "<!-- Elsewhere 2020 -->" in picture
    assert 'id="published"' not in (tmp_path / "front.svg").read_text()
    published.write_text("label,natural_accuracy,source\nElsewhere 2020,90,a paper\n")
    assert run(trials, "--published", published).exit_code == 2


@pytest.mark.slow
def test_pictures_are_set_for_a_page_and_nothing_else_changes(trials: Path, tmp_path: Path) -> None:
    options = ("--width", "84mm", "--rename", "pareto=Pareto AT", "--pdf")
    assert run(trials, "--out", tmp_path / "page", *options).exit_code == 0
    assert run(trials, "--out", tmp_path / "screen").exit_code == 0
    left = sorted(path.name for path in (tmp_path / "page").iterdir())
    assert left == sorted([*FILES, "front.pdf"])
    pdf = (tmp_path / "page" / "front.pdf").read_bytes()
    width = re.search(rb"/MediaBox \[ ?0 0 ([\d.]+)", pdf)
    assert width is not None
    assert float(width[1]) == pytest.approx(72 * 84 / 25.4)
    for name in ("front.csv", "front.json", "cells.csv"):
        page, screen = ((tmp_path / folder / name).read_text() for folder in ("page", "screen"))
        assert page == screen
    refused = run(trials, "--out", tmp_path / "none", "--rename", "trades=TRADES")
    assert refused.exit_code == 2
    assert "there are pareto, standard" in refused.stderr
    assert not (tmp_path / "none").exists()
