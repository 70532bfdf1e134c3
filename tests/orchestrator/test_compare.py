"""The door `python -m orchestrator.compare`: two sides in, numbers and a picture out."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from orchestrator.compare import app
from orchestrator.report.two_sides import SIDES_FILES
from tests.orchestrator.finished import do_sweep, read_sweep
from tests.orchestrator.pareto.test_contrasts import THREE, table_of


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(it) for it in arguments], env={"COLUMNS": "300"})


@pytest.fixture
def trials(tmp_path: Path) -> Path:
    path = tmp_path / "small" / "trials.csv"
    path.parent.mkdir()
    table_of(THREE, seeds=6, noise=0.002).to_csv(path, index=False)
    return path


@pytest.mark.slow
def test_two_methods_of_a_table(trials: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = run(trials, "--methods", "pareto", "average", "--out", out)
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in out.iterdir()) == sorted(SIDES_FILES)
    assert "strict front pareto against average: +17." in result.stdout
    assert "nothing is tested" in result.stdout
    assert "of a table are not known" in result.stdout
    record = json.loads((out / "comparison.json").read_text())
    assert record["sides"] == ["pareto", "average"]
    assert [it["front"] for it in record["differences"]] == ["strict", "paper"]
    assert record["differences"][0]["mean"] == pytest.approx(0.2 * 0.13 / 0.15, abs=0.005)
    assert record["largest_sacrifice"] == 0.15
    assert "p" not in record["differences"][0]


@pytest.mark.slow
def test_two_tables_and_json_alone(trials: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.parquet"
    table_of(THREE, seeds=3).to_parquet(other)
    result = run(trials, other, "--out", tmp_path / "out", "--json", "--largest-sacrifice", "0.1")
    assert result.exit_code == 0, result.output
    record = json.loads(result.stdout)
    assert record == json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert record["sides"] == ["small", "other"]
    assert record["largest_sacrifice"] == 0.1
    assert record["differences"][0]["methods"] == ["small", "other"]
    assert record["differences"][0]["seeds"] == [0, 1, 2]
    assert record["differences"][0]["seeds_left_out"] == [3, 4, 5]
    assert record["differences"][0]["interval_95"] is None, "of three seeds there are points"
    assert record["settings"] is None


@pytest.mark.slow
def test_methods_of_two_tables(trials: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    table_of(THREE, seeds=6).to_csv(other, index=False)
    result = run(trials, other, "--methods", "pgd", "rt", "--out", tmp_path / "out", "--json")
    assert json.loads(result.stdout)["sides"] == ["pgd of small", "rt of other"]


@pytest.mark.slow
def test_sweeps_say_what_they_set_differently(tmp_path: Path) -> None:
    first = read_sweep(tmp_path, "small")
    second = read_sweep(tmp_path, "other", "evaluation.pgd.epsilon=0.1", "training.epochs=1")
    do_sweep(first)
    do_sweep(second)
    (tmp_path / "other.yaml").write_text(
        (tmp_path / "other.yaml")
        .read_text()
        .replace("epsilon: 0.2", "epsilon: 0.1")
        .replace("epochs: 2", "epochs: 1")
    )
    storage = ("--storage", tmp_path / "runs", "--out", tmp_path / "out")
    result = run(first.path, second.path, *storage)
    assert result.exit_code == 0, result.output
    assert "not measured alike: they differ in evaluation.pgd.epsilon\n" in result.stdout
    record = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert {it["key"]: it["values"] for it in record["settings"]} == {
        "training.epochs": [2, 1],
        "evaluation.pgd.epsilon": [0.2, 0.1],
    }
    assert run(first.path, *storage, "--methods", "pgd", "standard").exit_code == 0


@pytest.mark.slow
def test_a_sweep_of_which_nothing_is_done_has_no_difference(tmp_path: Path) -> None:
    spec = read_sweep(tmp_path, "small")
    do_sweep(spec)
    later = ("--set", "training.epochs=3", "--storage", tmp_path / "runs")
    result = run(spec.path, "--methods", "pgd", "standard", *later, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "pgd against standard: no seed of which both have all trials" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "B must be given, or --methods METHOD OTHER of A; got neither"),
        (["--methods", "pareto", "avrage"], "got 'avrage'; there are standard, pareto, weighted"),
        (["--methods", "pgd", "pgd"], "A and B must differ, got 'pgd' twice"),
        (["gone.csv"], "gone.csv: must be a table of trials, but there is no such file"),
        (["--methods", "pgd", "rt", "--largest-sacrifice", "15"], "15 points are 0.15"),
    ],
)
def test_bad_input_starts_nothing(
    trials: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    result = run(trials, *arguments, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert message in result.stderr
    assert not (tmp_path / "out").exists()


def test_a_table_without_seeds_is_refused(trials: Path, tmp_path: Path) -> None:
    table = pd.read_csv(trials)
    for bad, message in (
        (table.drop(columns="seed"), "it lacks seed"),
        (table.assign(seed="first"), "seed must be whole numbers"),
    ):
        bad.to_csv(tmp_path / "bad.csv", index=False)
        result = run(tmp_path / "bad.csv", "--methods", "pgd", "rt", "--out", tmp_path / "out")
        assert result.exit_code == 2
        assert message in result.stderr
