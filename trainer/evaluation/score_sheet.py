"""Score sheet: outcomes of an evaluation as tables for people, and as a record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console

from trainer.evaluation.comparison import Comparison
from trainer.evaluation.intervals import LEVEL, Estimate, estimate
from trainer.evaluation.outcomes import Measure, Outcomes
from trainer.terminal.console import print_line, print_table
from trainer.terminal.table import Column, line_width, text_lines

_INTERVAL = f"{100 * LEVEL:g} % interval"


def print_scores(
    console: Console, outcomes: Outcomes, reaches: Mapping[str, str], caption: str, few: str
) -> None:
    """Print accuracies with their intervals (every rung, then the clean images, means and the
    union), and what there is to warn of.

    Args:
        reaches: each attack's radius for people to read, by category.
        caption: what was evaluated, on what.
        few: what rungs of few steps make of the means; empty where there is nothing to say.
    """
    rows: list[tuple[str, ...]] = []

    def add(head: tuple[str, str, object], measure: Measure) -> None:
        correct_only = estimate(measure.among(outcomes.natural))
        share = "" if correct_only is None else f"{correct_only.value:.4f}"
        rows.append((*map(str, head), *_cells(measure), share))

    for category, ladder in outcomes.ladders.items():
        unseen = " (unseen)" if category in outcomes.unseen else ""
        first = (f"{category}{unseen}", reaches[category])
        for strength, rung in zip(ladder or ("",), outcomes.rungs(category), strict=True):
            add((*first, strength), rung)
            first = ("", "")
    measures = outcomes.measures()
    rows.append(("",) * 6)
    rows.append(("natural", "", "", *_cells(measures["natural_accuracy"]), ""))
    for category, ladder in outcomes.ladders.items():
        if len(ladder) > 1:
            add((category, "", "mean"), measures[outcomes.mean_column(category)])
    if len(outcomes.ladders) - len(outcomes.unseen) > 1:
        add(("mean of all", "", "mean"), measures["mean_robust_accuracy"])
    add(("union", "", ""), measures["union_accuracy"])
    right = f"correct only: of the {int(outcomes.natural.sum())} classified rightly when clean"
    warnings = [f"warning: {it.code}: {it.message}" for it in outcomes.warnings or ()]
    names = {"attack": 9, "reach": 3, "steps": 8, "accuracy": 7, _INTERVAL: 6, "correct only": 2}
    _print(console, names, rows, caption, right, *([few] if few else []), *warnings)


def print_comparisons(
    console: Console, comparisons: Mapping[str, Comparison], caption: str
) -> None:
    """Print differences with their intervals and tests, a row for each measure."""
    rows = []
    for name, comparison in comparisons.items():
        change = comparison.difference
        rows.append(
            (
                name,
                f"{change.value:+.4f}",
                _interval(change, "+.3f"),
                str(comparison.wins),
                str(comparison.losses),
                f"{comparison.p_value:.2g}",
            )
        )
    test = "McNemar's exact test where the measure is a share, else that of sign flips"
    names = {"measure": 9, "difference": 8, _INTERVAL: 7, "better": 2, "worse": 2, "p": 6}
    _print(console, names, rows, caption, f"p: two-sided, of each measure by itself; {test}")


def scores_record(outcomes: Outcomes) -> dict[str, Any]:
    """Return all accuracies in plain values; an estimate is its value with the interval's ends,
    null where there is no example to take it of. `warnings` are null where nothing was checked."""
    rungs = {
        category: [
            {"rung": strength, "robust_accuracy": _recorded(rung)}
            | {"correct_only": _recorded(rung.among(outcomes.natural))}
            for strength, rung in zip(ladder or (None,), outcomes.rungs(category), strict=True)
        ]
        for category, ladder in outcomes.ladders.items()
    }
    measures = outcomes.measures()
    attacked = {name: it for name, it in measures.items() if name != "natural_accuracy"}
    return {
        "examples": len(outcomes.natural),
        "accuracies": outcomes.accuracies(),
        "estimates": {name: _recorded(measure) for name, measure in measures.items()},
        "correct_only": {n: _recorded(it.among(outcomes.natural)) for n, it in attacked.items()},
        "rungs": rungs,
        "warnings": None if outcomes.warnings is None else [asdict(w) for w in outcomes.warnings],
        "origin": None if outcomes.origin is None else asdict(outcomes.origin),
    }


def comparison_record(comparisons: Mapping[str, Comparison]) -> dict[str, Any]:
    """Return every comparison in plain values."""
    return {
        name: {**asdict(comparison), "difference": comparison.difference._asdict()}
        for name, comparison in comparisons.items()
    }


def _recorded(measure: Measure) -> dict[str, float] | None:
    found = estimate(measure)
    return None if found is None else found._asdict()


def _cells(measure: Measure) -> tuple[str, str]:
    found = estimate(measure)
    return ("", "") if found is None else (f"{found.value:.4f}", _interval(found, ".3f"))


def _interval(found: Estimate, form: str) -> str:
    return f"{found.low:{form}} to {found.high:{form}}"


def _print(
    console: Console, names: Mapping[str, int], rows: Sequence[tuple[str, ...]], *notes: str
) -> None:
    """Print a table, its columns by their importance, and what is said below it."""
    columns = [
        Column(
            name=name,
            cells=[row[at] for row in rows],
            importance=importance,
            is_label=name == "attack",
            is_sentence=name == "reach",
            is_number=name not in {"attack", "reach", "measure"},
            stays=True,
        )
        for at, (name, importance) in enumerate(names.items())
    ]
    print_table(console, columns, more="--json")
    for note in notes:
        for line in text_lines(note, width=line_width(console)):
            print_line(console, line)
