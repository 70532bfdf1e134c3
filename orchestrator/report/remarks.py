"""What a reader of a front must know of its trials, in lines for the terminal.

Which models have collapsed, what a constant classifier has, which cells lack seeds, and what is
doubtful about an evaluation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pandas as pd

from orchestrator.pareto.eligibility import is_collapsed, is_under_attack, reasons
from orchestrator.pareto.front import Front, settings_columns, settings_of, warned
from orchestrator.table.columns import WARNINGS, WORST, of_weights
from orchestrator.table.objectives import weights_of
from orchestrator.table.setting_values import named_value

MOST = 10
"""Most trials or cells that one remark names."""

LOW, HIGH = 0.02, 0.98
"""Accuracies in a worst case, below and above which a category is saturated."""

STANDARD = "standard"
"""Label of the reference of most tables."""

_EVERY = "every trial that has not collapsed"
_TELLS_NOTHING = "the category cannot tell methods apart; choose its radius anew"

SettingsByMethod = Callable[[str], list[str]]
"""A function from a method's label to the settings that tell its trials apart."""


def remarks(front: Front) -> Iterator[tuple[str, str]]:
    """Yield what is to be said of a front beside its numbers: titles and sentences, maybe none."""
    settings = settings_by_method(front)
    yield from _of_collapsed(front, settings)
    attacked = [objective.name for objective in front.objectives if is_under_attack(objective)]
    if attacked and front.constant_accuracy is not None:
        floor = f"{' and '.join(attacked)} {front.constant_accuracy:.4f}"
        yield "constant", f"the best constant classifier has {floor}"
    yield from _of_saturation(front)
    yield from _of_cells(front, settings)
    yield from _of_warnings(front, settings)


def what_differs(kept: Front, usual: Front) -> str:
    """Say how the front changes if collapsed trials and those at the constant's floor take part."""
    is_gained = ~kept.points["trial_id"].isin(usual.points["trial_id"])
    is_lost = ~usual.points["trial_id"].isin(kept.points["trial_id"])
    if not is_gained.any():
        return "the front is the same without them"
    why = reasons(kept.points, kept.objectives, keep_collapsed=False)
    gained = kept.points["trial_id"][is_gained].groupby(why[is_gained], sort=False)
    parts = [f"{_listed(ids.head(MOST), len(ids))} ({reason})" for reason, ids in gained]
    text = f"on the front only so: {'; '.join(parts)}"
    lost = usual.points["trial_id"][is_lost]
    return f"{text}; no longer on it: {_listed(lost.head(MOST), len(lost))}" if len(lost) else text


def _of_collapsed(front: Front, settings: SettingsByMethod) -> Iterator[tuple[str, str]]:
    collapsed = front.measured[is_collapsed(front.measured, front.objectives)]
    if len(collapsed):
        named = (_trial(row, settings) for row in _first(collapsed))
        counted = f"{len(collapsed)} of {len(front.measured)} right on one class at most"
        yield "collapsed", f"{counted}: {_listed(named, len(collapsed))}"


def _of_saturation(front: Front) -> Iterator[tuple[str, str]]:
    """Name categories whose worst cases are at one end in every trial: in such a one all methods
    look alike, whatever they are worth. The standard trials, which nothing defends, may be at the
    lower end where all others are at the upper one. Collapsed models, which answer alike whatever
    they are shown, tell nothing of a category."""
    trials = front.measured[~is_collapsed(front.measured, front.objectives)]
    defended = trials[trials["method"] != STANDARD] if "method" in trials else trials
    if defended.empty:
        return
    weights = weights_of(front.objectives)
    for worst in filter(WORST.has, trials.columns):
        name = of_weights(worst, weights)
        if (trials[name] < LOW).all():
            yield "saturated", f"{name} is below {100 * LOW:g} % in {_EVERY}: {_TELLS_NOTHING}"
        elif (defended[name] > HIGH).all():
            every = f"{_EVERY} and is not {STANDARD}"
            yield "saturated", f"{name} is above {100 * HIGH:g} % in {every}: {_TELLS_NOTHING}"


def _of_cells(front: Front, settings: SettingsByMethod) -> Iterator[tuple[str, str]]:
    lacking = front.cells[front.cells["seeds"] < front.cells["planned"]]
    if len(lacking) and "trial_id" not in lacking:
        named = (
            f"{_title(row, settings)}: {row['seeds']} of {row['planned']}"
            for row in _first(lacking)
        )
        if len(lacking) == len(front.cells):  # a sweep under way, whose status says the rest
            yield "cells", f"none of {len(lacking)} has all its seeds, as {next(named)}"
        else:
            counted = f"{len(lacking)} of {len(front.cells)} lack seeds"
            yield "cells", f"{counted}: {_listed(named, len(lacking))}"


def _of_warnings(front: Front, settings: SettingsByMethod) -> Iterator[tuple[str, str]]:
    doubtful = warned(front.measured)
    if len(doubtful):
        yield "warnings", f"{len(doubtful)} of {len(front.measured)} evaluations have some"
    for row in _first(doubtful):
        yield "", f"{_trial(row, settings)}: {' '.join(str(row[WARNINGS]).split())}"
    if len(doubtful) > MOST:
        yield "", f"and {len(doubtful) - MOST} more, in the column {WARNINGS}"


def settings_by_method(front: Front) -> SettingsByMethod:
    """Return the settings that differ among a method's cells; all if the table has no methods."""
    settings = settings_columns(front.measured, front.objectives)
    if "method" not in front.cells or not settings:
        return lambda _: settings
    varies = front.cells.groupby("method")[settings].nunique(dropna=False) > 1

    def of_method(method: str) -> list[str]:
        known = method in varies.index
        return [name for name in settings if not known or varies.loc[method, name]]

    return of_method


def _first(table: pd.DataFrame) -> Iterator[pd.Series[Any]]:
    return (row for _, row in table.head(MOST).astype("object").iterrows())


def _listed(named: Iterable[str], count: int) -> str:
    more = f", and {count - MOST} more" if count > MOST else ""
    return ", ".join(named) + more


def _trial(row: pd.Series[Any], settings: SettingsByMethod) -> str:
    title = _title(row, settings)
    return f"{row['trial_id']} ({title})" if title else str(row["trial_id"])


def _title(row: pd.Series[Any], settings: SettingsByMethod) -> str:
    """Name a trial or a cell, as `pareto rho=0.4 seed=1`; empty if the table says nothing of it."""
    known = {name: row[name] for name in ("method", "seed") if name in row and pd.notna(row[name])}
    differing = settings(str(row.get("method", "")))
    words = [named_value(name, value) for name, value in settings_of(row, differing).items()]
    method = [str(known["method"])] if "method" in known else []
    seed = [f"seed={known['seed']}"] if "seed" in known else []
    return " ".join([*method, *words, *seed])
