"""Tables for a paper: cells' numbers, and texts that LaTeX and Markdown show as they are."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from orchestrator.pareto.front import extract_front
from orchestrator.report.paper_tables import (
    PaperTable,
    cells_table,
    latex,
    latex_text,
    markdown,
    markdown_text,
)
from orchestrator.table.objectives import DEFAULT_OBJECTIVES, parse_objectives

HARD = r"100%_of & #1 ~ ^2 {x} $y$ \z | a<b > ρ ± −"
"""A name of all that has a meaning in LaTeX or Markdown."""

TABLE = pd.DataFrame(
    {
        "trial_id": ["t0", "t1", "t2", "t3"],
        "method": ["standard", "mine_x", "mine_x", "mine_x"],
        "seed": [0, 0, 1, 0],
        "status": ["done", "done", "done", "failed"],
        "split": "test",
        "natural_accuracy": [0.9, 0.8, 0.9, np.nan],
        "robust_accuracy_pgd": [0.1, 0.5, 0.6, np.nan],
        "worst_pgd": [0.0, 0.4, 0.5, np.nan],
        "robustness_score": [0.0, 0.4, 0.5, np.nan],
        "sacrificed_accuracy": [0.0, 0.1, 0.0, np.nan],
        "on_front": False,
        "rho": [np.nan, 0.4, 0.4, 0.8],
    }
)


def test_a_table_has_the_cells_means_and_deviations() -> None:
    front = extract_front(
        TABLE,
        objectives=parse_objectives(DEFAULT_OBJECTIVES),
        reference_point=(0.0, 1.0),
        keep_collapsed=False,
    )
    table = cells_table(
        front, [0, 1, 2], lambda it: {"mine_x": "Mine"}.get(it, it), note="4 trials"
    )
    assert table.columns == (
        *("method", "setting", "seeds", "natural", "pgd", "score", "sacrificed", "on the front"),
    )
    first, second, third = table.rows
    assert first == ("standard", "", "1", "90.0", "10.0", "0.0", "0.0", "yes")
    assert second[:3] == ("Mine", "ρ = 0.4", "2")
    natural = 100 * TABLE["natural_accuracy"][1:3]
    assert second[3] == f"{natural.mean():.1f} ± {natural.std(ddof=1):.1f}"
    assert third == ("Mine", "ρ = 0.8", "0 of 1", "", "", "", "", "")
    assert "± one standard deviation over seeds" in table.note
    assert table.note.endswith("4 trials")


def table_of(text: str) -> PaperTable:
    return PaperTable(columns=("method", "pgd"), rows=((text, "1.0 ± 0.5"),), words=1, note=text)


def test_latex_has_nothing_that_is_a_command_by_chance() -> None:
    assert latex_text("a_b & c % #1") == r"a\_b \& c \% \#1"
    assert latex_text("ρ ± 1") == r"$\rho$ $\pm$ 1"
    assert latex_text("[ours]") == "{[}ours]", "no option of the line before"
    assert latex_text("*") == "{*}"
    lines = latex(table_of("a_b & c % #1")).splitlines()
    assert [line for line in lines if line.startswith("a")] == [
        r"a\_b \& c \% \#1 & 1.0 $\pm$ 0.5 \\"
    ]
    assert r"\begin{tabular}{@{}lr@{}}" in lines
    rules = [line for line in lines if line.endswith("rule")]
    assert rules == [r"\toprule", r"\midrule", r"\bottomrule"]
    unescaped = re.sub(r"\\[_&%#${}]", "", latex_text(HARD).replace(r"\text", ""))
    assert not set(unescaped) & set("_&%#~^|")


def test_markdown_keeps_its_columns() -> None:
    assert markdown_text("a|b \\ *c*") == r"a\|b \\ \*c\*"
    assert markdown_text("pareto_absolute _x_") == r"pareto_absolute \_x\_"
    rows = [line for line in markdown(table_of("a|b")).splitlines() if line.startswith("|")]
    cells = [re.split(r"(?<!\\)\|", row) for row in rows]
    assert {len(row) for row in cells} == {4}
    assert rows[1] == "| --- | --: |"


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex here")
def test_latex_compiles(tmp_path: Path) -> None:
    (tmp_path / "table.tex").write_text(latex(table_of(HARD)))
    (tmp_path / "paper.tex").write_text(
        r"\documentclass{article}\usepackage[T1]{fontenc}\usepackage{textcomp}"
        r"\usepackage{booktabs}\begin{document}\input{table}\end{document}"
    )
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=60)
    assert (tmp_path / "paper.pdf").is_file()
