"""The door `python -m orchestrator.figure`: a picture a command, or one message why not."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from orchestrator.figure import FOLDER, app
from orchestrator.report.paper_figures import FIGURES


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Two methods with two seeds each, and the standard one; a trial that failed."""
    random = np.random.default_rng(0)
    rows = [
        {
            "trial_id": f"t{method}{rho}{seed}",
            "method": method,
            "seed": seed,
            "status": "done",
            "split": "test",
            "natural_accuracy": 0.95 - sacrifice,
            "robust_accuracy_pgd": 0.2 + score + random.normal(0, 0.01),
            "robust_accuracy_rt": 0.1 + score,
            "worst_pgd": 0.1 + score,
            "worst_rt": 0.05 + score,
            "union_accuracy": 0.02 + score,
            "robustness_score": score + 0.01 * seed,
            "sacrificed_accuracy": sacrifice + 0.01 * seed,
            "on_front": False,
            "rho": rho,
        }
        for method, rho, score, sacrifice in (
            ("standard", np.nan, 0.0, 0.0),
            ("pgd", np.nan, 0.2, 0.1),
            ("pareto", 0.2, 0.15, 0.02),
            ("pareto", 0.6, 0.25, 0.08),
        )
        for seed in (0, 1)
    ]
    rows[-1]["status"] = "failed"
    path = tmp_path / "trials.csv"
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


def test_help_says_each_figure_in_a_sentence() -> None:
    said = " ".join(run("--help").stdout.split())
    for name, figure in FIGURES.items():
        words = " ".join(f"{name}: {figure.says}".split())
        assert words in said, name


BAD = [
    (["fronts"], "NAME must be one of front, strict"),
    (["front", "--width", "3.25"], "--width must be a number with one of in, cm, mm, pt"),
    (["front", "--rename", "trades=T"], "there are pareto, pgd, standard"),
    (["front", "--method", "pgd"], "--method must be left out of front"),
    (["front", "--out", "front.jpg"], "must end in one of .png, .svg, .pdf, .tex, .md"),
    (["front", "--models", "confirmed"], "must be a SPEC"),
    (["front", "--objective", "seconds", "--objective", "rho"], "seconds"),
]


@pytest.mark.parametrize(("arguments", "said"), BAD, ids=[said for _, said in BAD])
def test_what_is_wrong_is_one_message_and_nothing_is_written(
    table: Path, arguments: list[str], said: str
) -> None:
    name, *options = arguments
    done = run(name, table, *options)
    assert done.exit_code == 2
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert [path.name for path in table.parent.iterdir()] == ["trials.csv"]


@pytest.mark.slow
def test_a_figure_lies_beside_the_table_in_all_formats_and_the_same_twice(table: Path) -> None:
    options = ("--width", "3.25in", "--rename", "pareto=Pareto AT & ours")
    folder = table.parent / FOLDER
    assert run("front", table, *options).exit_code == 0
    names = ["front.pdf", "front.png", "front.svg", "table.md", "table.tex"]
    assert sorted(path.name for path in folder.iterdir()) == names
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert r"Pareto AT \& ours & $\rho$ = 0.2 & 2 &" in before["table.tex"].decode()
    assert "1 failed" in before["table.md"].decode()
    done = run("front", table, *options)
    assert "front.pdf" in done.stdout
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.slow
def test_out_says_which_files_and_where(table: Path) -> None:
    out = table.parent / "paper"
    done = run("strict", table, "--out", out / "a.pdf", "--out", out / "b.tex", "--scale", "raw")
    assert done.exit_code == 0
    assert sorted(path.name for path in out.iterdir()) == ["a.pdf", "b.tex"]
    assert re.search(r"natural & pgd & rt & union", (out / "b.tex").read_text())
