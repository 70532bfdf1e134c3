"""The door `python -m orchestrator.figure`: a picture a command, or one message why not."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from orchestrator.figure import FOLDER, app
from orchestrator.report.paper_figures import FIGURES
from orchestrator.spec.sweep_spec import read_spec
from tests.orchestrator.finished import do_sweep

ROOT = Path(__file__).parents[2]


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


THREE = [f"--objective={name}" for name in ("worst_pgd", "worst_rt", "natural_accuracy")]

BAD = [
    (["fronts"], "NAME must be one of front, strict"),
    (["front", "--method", "pgd"], "--method must be left out of front"),
    (["front", "--out", "front.jpg"], "must end in one of .png, .svg, .pdf, .tex, .md"),
    (["security"], "security must be of a sweep's .yaml, got"),
    (["weights"], "weights must be of a sweep's .yaml, got"),
    (["attacks", "--axes", "paper"], "it takes --cells, --method"),
    (["attacks", "--published", "a.csv"], "--published must be left out of attacks"),
    (["attainment", "--out", "a.tex"], "must end in one of .png, .svg, .pdf, got"),
    (["front", "--models", "confirmed"], "must be a SPEC"),
]
"""Arguments that are refused before a table is read, and what is said of them."""

BAD_OF_TABLE = [
    (["front", "--width", "3.25"], "--width must be a number with one of in, cm, mm, pt"),
    (["front", "--rename", "trades=T"], "there are pareto, pgd, standard"),
    (["attacks", "--method", "trades"], "there are standard, pgd, pareto"),
    (["attainment", *THREE], "attainment must be of two objectives"),
    (["front", "--objective", "seconds", "--objective", "rho"], "seconds"),
    (["front", "--published", "none.csv"], "none.csv"),
]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [*BAD, *(pytest.param(*bad, marks=pytest.mark.slow) for bad in BAD_OF_TABLE)],
)
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
    (out / "others.yaml").write_text(
        "A paper: {data: digits, norm: linf, attack: PGD, radius: 0.2, steps: 20, source: it,\n"
        "  architecture: cnn, natural_accuracy: 0.9, union_accuracy: 0.2}\n"
    )
    options = ("--scale", "raw", "--published", out / "others.yaml", "--out", out / "c.pdf")
    assert run("strict", table, *options).exit_code == 0
    assert (out / "c.pdf").read_bytes() != (out / "a.pdf").read_bytes()


@pytest.mark.slow
def test_every_figure_of_a_table_is_drawn_and_its_numbers_are_the_tables(table: Path) -> None:
    out = table.parent / "paper"
    for name, figure in FIGURES.items():
        if figure.needs == "table":
            outs = ["--out", out / f"{name}.pdf"]
            outs += ["--out", out / f"{name}.md"] if figure.table else []
            done = run(name, table, "--width", "84mm", *outs)
            assert done.exit_code == 0, done.output
            assert b"/Type3" not in (out / f"{name}.pdf").read_bytes()
    rows = pd.read_csv(table)
    rows = rows[rows["status"] == "done"]
    text = (out / "attacks.md").read_text()
    assert "| method | setting | seeds | natural | pgd | rt | union |" in text
    for method in ("standard", "pgd"):
        mean = 100 * rows[rows["method"] == method][["natural_accuracy", "worst_pgd"]].mean()
        (line,) = (it for it in text.splitlines() if it.startswith(f"| {method} |"))
        assert [f"{it:.1f}" in line for it in mean] == [True, True]
    assert "| pareto | ρ = 0.2 |" in text, "the cell with all of its seeds"
    assert "on images shown here: optimistic" in text
    assert "cells on the front of means by robustness score" in (out / "parallel.md").read_text()


SWEEP = """
data: {name: digits, train_examples: 160}
training:
  epochs: 2
  batch_size: 32
  attacks: {pgd: {num_steps: 1}, flow: {num_steps: 1}, rt: {num_steps: 1}}
validation:
  examples: 16
  attacks: {pgd: {num_steps: 1}, flow: null, rt: null}
methods:
  pgd: {}
  pareto: {vary: {rho: [0.2, 0.6]}}
evaluation:
  examples: 40
  pgd: {epsilon: 0.2, ladder: [1, 2]}
  far: {attack: pgd, epsilon: 0.4, ladder: [2]}
  flow: null
  rt: null
tracking: none
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which `sweeps/quickstart.yaml` was run, smaller than it is."""
    folder = tmp_path_factory.mktemp("paper")
    (folder / "sweeps").mkdir()
    path = folder / "sweeps" / "quickstart.yaml"
    path.write_text(SWEEP)
    do_sweep(read_spec(str(path), [f"storage={folder / 'runs'}"], {}))
    return folder


@pytest.mark.slow
def test_what_lies_in_the_storage_is_drawn_and_says_on_which_images(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Test images once a sweep is over; before that those that pick, whatever is asked for."""
    monkeypatch.chdir(folder)
    outs = ("--out", "now.md", "--out", "now.svg")
    done = run("security", "sweeps/quickstart.yaml", "--width", "3.25in", *outs)
    assert done.exit_code == 0, done.output
    text = Path("now.md").read_text()
    assert "| method | setting | seeds | pgd 0 | pgd 1 | pgd 2 | far 0 | far 2 |" in text
    assert "40 images a model" in text
    assert "test images" in text
    trials = pd.read_csv("runs/sweeps/quickstart/trials.csv")
    row = trials[trials["method"] == "pgd"].iloc[0]
    (line,) = (it for it in text.splitlines() if it.startswith("| pgd |"))
    cells = [cell.strip() for cell in line.split("|")[4:9]]
    natural, worst, far = (
        f"{100 * row[it]:.1f}" for it in ("natural_accuracy", "worst_pgd", "worst_far")
    )
    assert [cells[0], cells[2], cells[3], cells[4]] == [natural, worst, natural, far]
    done = run("security", "sweeps/quickstart.yaml", "--set", "seeds=[0, 1]", "--out", "early.md")
    assert done.exit_code == 0, done.output
    early = Path("early.md").read_text()
    assert "validation images" in early
    assert "test images" not in early
    assert "pending" in early


@pytest.mark.slow
def test_every_command_of_the_document_runs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    document = (ROOT / "docs" / "figures.md").read_text()
    (block,) = re.findall(r"^```sh\n(.*?)^```", document, re.MULTILINE | re.DOTALL)
    drawn = set()
    for command in block.splitlines():
        assert command.startswith("python -m orchestrator.figure ")
        words = shlex.split(command)[3:]
        done = run(*words)
        assert done.exit_code == 0, f"{command}\n{done.output}"
        drawn.add(words[0])
    assert drawn == set(FIGURES)
    for picture in re.findall(r"\]\((figure_\w+\.svg)\)", document):
        assert (ROOT / "docs" / picture).stat().st_size < 150_000
    left = {path.name for path in (folder / "runs/sweeps/quickstart" / FOLDER).iterdir()}
    assert {f"{name}.pdf" for name in FIGURES} <= left
