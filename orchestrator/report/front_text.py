"""The front of a table of trials, and where its files are, for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from rich.console import Console

from orchestrator.figures.placement import FrontOf
from orchestrator.pareto.front import Front, settings_columns, settings_of
from orchestrator.pareto.membership import Membership
from orchestrator.report.certainty import certainty_lines, hypervolume_text, interval_text
from orchestrator.report.front_files import FILES
from orchestrator.report.remarks import remarks
from orchestrator.table.cell_columns import DEVIATION, HIGH, LOW, MEAN, MEMBERSHIP, RECURRENCE
from orchestrator.table.columns import SELECTED
from orchestrator.table.setting_values import named_value, value_text
from trainer.terminal.console import print_line, print_table, print_titled
from trainer.terminal.table import Column, are_numbers

SHOWN_ROWS = 20


def show(front: Front, console: Console, *, of: FrontOf, names: Sequence[str] = FILES) -> None:
    """Print the front as a short table, its hypervolume and knee, and the remarks on it; of cells
    where there is such a front.

    Args:
        names: of its files, in the order of `FILES`.
    """
    of_trials, _, of_cells, *_ = names
    is_of_cells = of == "cells" and front.has_cells()
    if is_of_cells:
        _show_cells(front, console, of_cells)
    elif front.points.empty:
        why = "no trial is done with finite objectives"
        if len(front.measured):
            why = "every trial that is done is kept off it, as said below"
        print_line(console, f"The front is empty: {why}.")
    else:
        _show_points(front, console, of_trials)
    ends = ", ".join(
        f"{objective.name} {end:g}"
        for objective, end in zip(front.objectives, front.reference_point, strict=True)
    )
    dropped = ", ".join(
        f"{count} {reason.removeprefix('status ')}" for reason, count in front.dropped.items()
    )
    volume = front.hypervolume_of_cells if is_of_cells else front.hypervolume
    sure = front.certainty if is_of_cells or not front.has_cells() else None
    said = [
        ("front of", _said_of(is_of_cells, of_trials, of_cells)),
        *(certainty_lines(sure) if sure else ()),
        (
            "hypervolume",
            f"{volume:.6g} (reference point {ends}){hypervolume_text(sure) if sure else ''}",
        ),
        ("knee", _knee_of_cells(front) if is_of_cells else _knee(front)),
        ("trials", f"{front.used} used; left out: {dropped or 'none'}"),
        *remarks(front),
    ]
    print_titled(console, said)


def _said_of(is_of_cells: bool, of_trials: str, of_cells: str) -> str:
    if is_of_cells:
        return f"means over seeds; of single trials: {of_trials}, or --of trials"
    return f"single trials, of which the luckiest lead; means over seeds: {of_cells}"


def _knee(front: Front) -> str:
    if front.knee is None:
        return "none"
    if front.is_selected_apart:
        return f"{front.knee}, of the cell that is the knee of what is selected"
    return f"{front.knee}, chosen on the numbers that are shown: optimistic"


def _knee_of_cells(front: Front) -> str:
    if front.knee_of_cells is None:
        return "none"
    cell = front.cells.iloc[front.knee_of_cells]
    settings = settings_of(cell, settings_columns(front.cells, front.objectives))
    words = [str(cell.get("method", cell.get("trial_id", "")))]
    words += [named_value(name, value) for name, value in settings.items()]
    if front.is_selected_apart:
        return f"{' '.join(words)}, the knee of what is selected"
    return f"{' '.join(words)}, chosen on the numbers that are shown: optimistic"


def show_files(folder: str, names: Sequence[str], console: Console) -> None:
    """Print where the front's files are."""
    print_titled(console, [("files", f"{folder}: {' '.join(names)}")])


def _show_cells(front: Front, console: Console, file: str) -> None:
    """Print the cells that are on the front or possibly are, the best by the first objective first;
    of too many those on the front, and of the others those that most resamples have there."""
    first = front.objectives[0]
    is_possible = front.cells["on_front"]
    if has_members := front.certainty is not None and front.certainty.members is not None:
        is_possible = front.cells[MEMBERSHIP].isin([Membership.YES, Membership.POSSIBLE])
    possible = front.cells[is_possible]
    if has_members:
        possible = possible.sort_values(["on_front", RECURRENCE], ascending=False, kind="stable")
    found = possible.head(SHOWN_ROWS)
    order = (first.sign * found[f"{first.name}_mean"]).sort_values(kind="stable").index
    found = found.loc[order]
    names = settings_columns(front.cells, front.objectives)
    columns = [
        *_identity(found, "trial_id" if "trial_id" in found else "method"),
        *(_setting(found, name) for name in names if found[name].notna().any()),
        Column(name="seeds", cells=_texts(found, "seeds"), importance=7, is_number=True),
    ]
    for objective in front.objectives:
        values = _means(found, objective.name, front)
        columns.append(
            Column(name=objective.name, cells=values, importance=8, is_number=True, stays=True)
        )
    if has_members:
        columns.append(Column(name=MEMBERSHIP, cells=_texts(found, MEMBERSHIP), importance=8))
        columns.append(_yes(found, "on_front", importance=6))
    if SELECTED in found:
        columns.append(_yes(found, SELECTED, importance=5))
    styles = ["bold" if row == front.knee_of_cells else "" for row in found.index]
    print_table(console, columns, more=file, styles=styles)
    _say_more(len(possible), file, console)


def _means(found: pd.DataFrame, name: str, front: Front) -> list[str]:
    """Write means with their intervals where these are known, and else, where nobody asked for
    them, with their deviations."""
    means = found[f"{name}{MEAN}"]
    if front.certainty is None:
        return [
            f"{mean:.4f}" if pd.isna(spread) else f"{mean:.4f} ± {spread:.4f}"
            for mean, spread in zip(means, found[f"{name}{DEVIATION}"], strict=True)
        ]
    return [
        f"{mean:.4f}" if pd.isna(low) else f"{mean:.4f} {interval_text(low, high)}"
        for mean, low, high in zip(
            means, found[f"{name}{LOW}"], found[f"{name}{HIGH}"], strict=True
        )
    ]


def _yes(rows: pd.DataFrame, name: str, *, importance: int) -> Column:
    return Column(
        name=name, cells=["yes" if value else "" for value in rows[name]], importance=importance
    )


def _show_points(front: Front, console: Console, file: str) -> None:
    settings = settings_columns(front.points, front.objectives)
    trials = front.points.head(SHOWN_ROWS)
    columns = [
        *_identity(trials, "trial_id"),
        *(_identity(trials, "method", importance=7) if "method" in trials else []),
        *(_setting(trials, name) for name in settings),
        Column(name="seed", cells=_texts(trials, "seed"), importance=7, is_number=True),
    ]
    for objective in front.objectives:
        values = [f"{value:.4f}" for value in trials[objective.name]]
        columns.append(
            Column(name=objective.name, cells=values, importance=8, is_number=True, stays=True)
        )
    styles = ["bold" if trial_id == front.knee else "" for trial_id in trials["trial_id"]]
    print_table(console, columns, more=file, styles=styles)
    _say_more(len(front.points), file, console)


def _identity(rows: pd.DataFrame, name: str, *, importance: int = 9) -> list[Column]:
    is_label = name == "method"
    cells = _texts(rows, name)
    return [Column(name=name, cells=cells, importance=importance, is_label=is_label, stays=True)]


def _setting(rows: pd.DataFrame, name: str) -> Column:
    values = _texts(rows, name)
    return Column(name=name, cells=values, importance=6, is_number=are_numbers(values))


def _texts(rows: pd.DataFrame, name: str) -> list[str]:
    values = rows[name].astype("object") if name in rows else [""] * len(rows)
    return ["" if pd.isna(value) else value_text(value) for value in values]


def _say_more(count: int, file: str, console: Console) -> None:
    if count > SHOWN_ROWS:
        print_line(console, f"and {count - SHOWN_ROWS} more in {file}", style="dim")
