"""Tables for a paper: the numbers behind a picture, in LaTeX and in Markdown."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from orchestrator.figures.cell_names import cell_names
from orchestrator.pareto.front import Front
from orchestrator.pareto.membership import Membership
from orchestrator.table.cell_columns import DEVIATION, MEAN, MEMBERSHIP
from orchestrator.table.columns import (
    COLLAPSED,
    COLUMNS,
    declared,
    is_fraction,
    is_relative,
    of_weights,
)
from orchestrator.table.objectives import weights_of
from trainer.terminal.table import printable

SIGNS = {
    "\\": r"\textbackslash{}",
    **{sign: f"\\{sign}" for sign in "_&%#${}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "ρ": r"$\rho$",
    "ε": r"$\varepsilon$",
    "α": r"$\alpha$",
    "±": r"$\pm$",
    "−": r"$-$",
    "·": r"$\cdot$",
    "…": r"\ldots{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "[": "{[}",
    "*": "{*}",
}
"""What LaTeX takes for a command, or may have no letter for, and how it is written there. A
bracket or an asterisk that a row begins with would be an option of the line before."""

ON_FRONT = {Membership.YES: "yes", Membership.POSSIBLE: "possibly", Membership.NO: ""}


@dataclass(frozen=True, kw_only=True)
class PaperTable:
    """A table in words, ready to be written."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: int  # first columns that are words, set to the left; the others are numbers
    note: str  # what the numbers are, and stand on


def latex(table: PaperTable) -> str:
    """Write a table as LaTeX's `tabular` with the rules of booktabs, which a paper inputs."""
    places = "l" * table.words + "r" * (len(table.columns) - table.words)
    lines = [" & ".join(map(latex_text, row)) + r" \\" for row in (table.columns, *table.rows)]
    note = [f"% {line}" for line in printable(table.note).splitlines()]
    return "\n".join(
        [
            *note,
            r"% \usepackage{booktabs}",
            rf"\begin{{tabular}}{{@{{}}{places}@{{}}}}",
            r"\toprule",
            lines[0],
            r"\midrule",
            *lines[1:],
            r"\bottomrule",
            r"\end{tabular}",
            "",
        ]
    )


def markdown(table: PaperTable) -> str:
    """Write a table as Markdown, with what it stands on below."""
    marks = ["---"] * table.words + ["--:"] * (len(table.columns) - table.words)
    rows = [map(markdown_text, table.columns), marks]
    rows += [map(markdown_text, row) for row in table.rows]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([*lines, "", markdown_text(table.note), ""])


WRITERS: dict[str, Callable[[PaperTable], str]] = {".tex": latex, ".md": markdown}
"""How a table is written, by the suffix of its file."""


def latex_text(text: str) -> str:
    """Write a text so that LaTeX sets it as it is."""
    return "".join(SIGNS.get(sign, sign) for sign in printable(text))


def markdown_text(text: str) -> str:
    """Write a text so that a cell of Markdown shows it as it is."""
    safe = re.sub(r"([\\|*`<\[\]])", r"\\\1", printable(text))
    return re.sub(r"(?<!\w)_|_(?!\w)", r"\\_", safe)


def cells_table(
    front: Front, rows: Sequence[int], named: Callable[[str], str], *, note: str
) -> PaperTable:
    """Return the table of some cells: their accuracies and objectives, in per cent, as means over
    seeds ± one standard deviation, and whether they are on the front.

    Args:
        rows: of `front.cells`, in the order in which they are to stand.
        named: what a method is called.
        note: what the numbers stand on.
    """
    cells = front.cells.iloc[list(rows)]
    names = _measures(front)
    membership = MEMBERSHIP if front.certainty is not None and MEMBERSHIP in cells else None
    body = []
    for method, text, (_, cell) in zip(*cell_names(front, rows), cells.iterrows(), strict=True):
        on = cell[membership] if membership and cell[membership] in set(Membership) else None
        is_on = ON_FRONT[Membership(on)] if on is not None else "yes" * bool(cell["on_front"])
        words = (named(method), text, seeds_text(cell))
        body.append((*words, *(number_text(cell, name) for name in names), is_on))
    said = "± one standard deviation over seeds" if (cells["seeds"] > 1).any() else "of one seed"
    doubt = "; on the front: surely, or possibly (simultaneous 95 %)" if membership else ""
    return PaperTable(
        columns=("method", "setting", "seeds", *map(words_of, names), "on the front"),
        rows=tuple(body),
        words=2,
        note=f"Accuracies in per cent, under an attack the mean over its ladder, differences in "
        f"percentage points; means {said}{doubt}. {note}",
    )


def _measures(front: Front) -> list[str]:
    """Name the columns of a table of cells: accuracies, under each attack the mean over its ladder,
    then what else is an objective; those of the weights alone that the front is of."""
    weights, objectives = weights_of(front.objectives), [it.name for it in front.objectives]
    ordered = [name for name in columns_in(front) if of_weights(name, weights) == name]
    shares = [name for name in ordered if not is_relative(name)]
    accuracies = [name for name in shares if name in objectives or "worst_" not in name]
    return [*accuracies, *(name for name in objectives if name not in accuracies)]


def columns_in(front: Front) -> list[str]:
    """Name the accuracies and differences of these of which cells have means, in the order in which
    they are declared."""
    names = [str(name).removesuffix(MEAN) for name in front.cells if str(name).endswith(MEAN)]
    return sorted(filter(is_fraction, names), key=_place)


def _place(name: str) -> int:
    """Where a column stands among those that are declared; others come last."""
    return next((at for at, column in enumerate(COLUMNS) if column.has(name)), len(COLUMNS))


def words_of(name: str) -> str:
    """Return what people call a column: `natural`, `pgd`, `pgd (worst)`, `union`."""
    own = of_weights(name, "last")
    for start, what in (
        ("robust_accuracy_", ""),
        ("unseen_accuracy_", " (unseen)"),
        ("unseen_worst_", " (unseen, worst)"),
        ("worst_", " (worst)"),
    ):
        if own.startswith(start):
            return f"{own.removeprefix(start)}{what}"
    brief = {
        "natural_accuracy": "natural",
        "union_accuracy": "union",
        "robustness_score": "score",
        "sacrificed_accuracy": "sacrificed",
    }
    column = declared(own)
    return brief.get(own, (column.words if column else "") or own.replace("_", " "))


def seeds_text(cell: pd.Series[Any]) -> str:
    """Say of how many seeds a cell's means are: `8`, `7 of 8`, `8, 2 collapsed`."""
    planned = "" if cell["seeds"] == cell["planned"] else f" of {cell['planned']}"
    collapsed = f", {cell[COLLAPSED]} collapsed" if cell[COLLAPSED] else ""
    return f"{cell['seeds']}{planned}{collapsed}"


def number_text(cell: pd.Series[Any], name: str) -> str:
    """Write a cell's mean over seeds ± one standard deviation; of one seed the mean alone, and
    nothing where there is none."""
    mean, deviation = cell[f"{name}{MEAN}"], cell[f"{name}{DEVIATION}"]
    if pd.isna(mean):
        return ""
    factor, form = (100.0, ".1f") if is_fraction(name) else (1.0, ".4g")
    text = f"{factor * mean:{form}}".replace("-", "−")
    return text if pd.isna(deviation) else f"{text} ± {factor * deviation:{form}}"


def share_text(mean: float, deviation: float) -> str:
    """Write a share in per cent ± one standard deviation; NaN where there is none."""
    text = f"{100 * mean:.1f}"
    return text if pd.isna(deviation) else f"{text} ± {100 * deviation:.1f}"
