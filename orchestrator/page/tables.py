"""What a page shows of a table: cells with their numbers, intervals and marks, and its fronts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from orchestrator.page.fronts import NamedFront, NamedTable, line_of, plane_of
from orchestrator.page.view import (
    Axis,
    CellView,
    FrontView,
    Line,
    Mark,
    Spot,
    TableView,
    TrialView,
)
from orchestrator.page.words import says_of
from orchestrator.pareto.eligibility import is_collapsed
from orchestrator.pareto.front import Front, cell_numbers, settings_columns, settings_of
from orchestrator.report.certainty import certainty_lines, hypervolume_text
from orchestrator.report.remarks import SettingsByMethod, remarks, settings_by_method
from orchestrator.table.cell_columns import HIGH, LOW, MEAN, MEMBERSHIP, RECURRENCE
from orchestrator.table.columns import SELECTED, WARNINGS, Direction, declared, is_fraction
from orchestrator.table.setting_values import named_value, value_text

NOT_ASKED = "how sure it is was not asked for these images"


def axes_of(tables: Sequence[NamedTable]) -> tuple[Axis, ...]:
    """Return the columns that cells may be drawn over: objectives first, then what else has means
    in every table."""
    every = [it for table in tables for it in table.fronts]
    objectives = {o.name: str(o.direction) for it in every for o in it.front.objectives}
    first, *others = (tuple(_stems(table.fronts[0].front)) for table in tables)
    found = [*objectives, *(it for it in first if it not in objectives)]
    return tuple(
        Axis(
            name=name,
            words=words_of(name),
            says=says_of(name),
            is_fraction=is_fraction(name),
            direction=objectives.get(name) or _direction(name),
        )
        for name in found
        if name in first and all(name in other for other in others)
    )


def words_of(name: str) -> str:
    """Write a column's name for people, with its unit: `robustness score (points)`."""
    column = declared(name)
    words = (column.words if column else "") or name.replace("_", " ")
    unit = column.unit.removeprefix("percentage ") if column else ""
    return f"{words} ({unit})" if unit and not words.endswith(unit) and unit != "s" else words


def _direction(name: str) -> str:
    column = declared(name)
    return "" if column is None or column.direction is None else str(Direction(column.direction))


def _stems(front: Front) -> Iterator[str]:
    for column in front.cells:
        stem = str(column).removesuffix(MEAN)
        if stem != column:
            yield stem


def settings_of_any(tables: Sequence[NamedTable]) -> SettingsByMethod:
    """Return a function from a method to the settings that tell its cells apart in any table: of
    those that were kept of it there may be one alone."""
    every = [settings_by_method(table.fronts[0].front) for table in tables]

    def of_method(method: str) -> list[str]:
        return list(dict.fromkeys(name for settings in every for name in settings(method)))

    return of_method


def table_view(named: NamedTable, axes: Sequence[Axis], settings_by: SettingsByMethod) -> TableView:
    """Say what a page shows of a table.

    Args:
        settings_by: which settings name a method's cells.
    """
    first = named.fronts[0].front
    numbers = cell_numbers(named.table, first.objectives)
    places = _places(np.asarray(numbers, dtype=np.int64), len(first.cells))
    frames = [it.front.cells for it in named.fronts]
    spots = [_spots(axis, frames) for axis in axes]
    varying = settings_columns(first.cells, first.objectives)
    settings = settings_texts(first.cells, varying, settings_by)
    marks = [list(_marks(it.front)) for it in named.fronts]
    rows = first.cells.astype("object").to_dict("records")
    cells = tuple(
        CellView(
            method=_text(row.get("method")),
            settings=settings[at] or ("" if "method" in row else _text(row.get("trial_id"))),
            seeds=int(row["seeds"]),
            planned=int(row["planned"]),
            collapsed=int(row["collapsed"]),
            spots=tuple(column[at] for column in spots),
            marks=tuple(of_front[at] for of_front in marks),
            is_selected=bool(row.get(SELECTED, False)),
            trials=tuple(_trials(named.table.iloc[places[at]], first, named.weights)),
        )
        for at, row in enumerate(rows)
    )
    fronts = tuple(_front_view(it, axes) for it in named.fronts)
    return TableView(
        title=named.title,
        split=named.split,
        fronts=fronts,
        cells=tuple(sorted(cells, key=_best_first(fronts[0], axes))),
    )


def _best_first(front: FrontView, axes: Sequence[Axis]) -> Callable[[CellView], tuple[bool, float]]:
    """Order cells: those on a front first, then by what it gains."""
    sign = 1.0 if axes[front.y].direction == "min" else -1.0

    def order(cell: CellView) -> tuple[bool, float]:
        mean = cell.spots[front.y].mean
        return not cell.marks[0].is_on_front, np.inf if mean is None else sign * mean

    return order


def _places(numbers: npt.NDArray[np.int64], count: int) -> list[npt.NDArray[np.intp]]:
    """Return the rows of each cell, by the cells' numbers (N,) of all rows."""
    order = np.argsort(numbers, kind="stable")
    return np.split(order, np.searchsorted(numbers[order], np.arange(1, count)))


def _spots(axis: Axis, frames: Sequence[pd.DataFrame]) -> list[Spot]:
    """Return the cells' numbers on an axis, with the intervals of whichever front has them."""
    factor = 100.0 if axis.is_fraction else 1.0
    means = frames[0][f"{axis.name}{MEAN}"]
    of_front = next((it for it in frames if f"{axis.name}{LOW}" in it), None)
    ends: list[Any] = [[None] * len(means)] * 2
    if of_front is not None:
        ends = [of_front[f"{axis.name}{end}"] for end in (LOW, HIGH)]
    return [
        Spot(mean=_scaled(mean, factor), low=_scaled(low, factor), high=_scaled(high, factor))
        for mean, low, high in zip(means, *ends, strict=True)
    ]


def _scaled(value: Any, factor: float) -> float | None:
    """Return a number in the page's unit; None where there is none that is finite."""
    return None if pd.isna(value) or np.isinf(value) else float(value) * factor


def _marks(front: Front) -> Iterator[Mark]:
    has_members = front.certainty is not None and front.certainty.members is not None
    cells = front.cells
    for at in range(len(cells)):
        member = cells[MEMBERSHIP].iloc[at] if has_members else None
        often = cells[RECURRENCE].iloc[at] if has_members else None
        yield Mark(
            is_on_front=bool(cells["on_front"].iloc[at]),
            is_knee=at == front.knee_of_cells,
            takes_part=bool(front.may_be_on_front[at]),
            membership="" if pd.isna(member) else str(member),
            recurrence=None if pd.isna(often) else float(often),
        )


def settings_texts(
    cells: pd.DataFrame, there: Collection[str], settings_by: SettingsByMethod
) -> list[str]:
    """Write the settings that name each cell, such as `rho=0.4`.

    Args:
        there: columns of settings that the cells have.
        settings_by: which settings name a method's cells.
    """
    return [
        " ".join(
            named_value(name, value)
            for name, value in settings_of(
                row, [name for name in settings_by(str(row.get("method", ""))) if name in there]
            ).items()
        )
        for _, row in cells.astype("object").iterrows()
    ]


def _trials(rows: pd.DataFrame, front: Front, weights: Mapping[str, str]) -> Iterator[TrialView]:
    collapsed = is_collapsed(rows, front.objectives)
    for (_, row), has_collapsed in zip(rows.astype("object").iterrows(), collapsed, strict=True):
        why = [_text(row.get(name)) for name in ("failure", "pruned", WARNINGS)]
        why += ["collapsed"] if has_collapsed else []
        trial_id = _text(row["trial_id"])
        yield TrialView(
            id=trial_id,
            seed=_text(row.get("seed")),
            status=_text(row.get("status")),
            why="; ".join(filter(None, why)),
            weights=weights.get(trial_id, ""),
        )


def _text(value: Any) -> str:
    return "" if value is None or pd.isna(value) else value_text(value)


def _front_view(named: NamedFront, axes: Sequence[Axis]) -> FrontView:
    front, sure = named.front, named.front.certainty
    place = {axis.name: at for at, axis in enumerate(axes)}
    x, y = plane_of(front.objectives)
    return FrontView(
        title=named.title,
        x=place[x.name],
        y=place[y.name],
        line=line_of(front.objectives),
        lines=tuple(_lines(front)),
        remarks=tuple(remarks(front)),
        has_intervals=sure is not None and not sure.left_out,
        has_members=sure is not None and sure.members is not None,
        why_points=NOT_ASKED if sure is None else sure.left_out,
    )


def _lines(front: Front) -> Iterator[Line]:
    """Yield what is known of a front as a whole."""
    sure = front.certainty
    yield from certainty_lines(sure) if sure else (("intervals", f"none: {NOT_ASKED}"),)
    ends = ", ".join(
        f"{objective.name} {end:g}"
        for objective, end in zip(front.objectives, front.reference_point, strict=True)
    )
    volume = f"{front.hypervolume_of_cells:.6g} (reference point {ends})"
    yield "hypervolume", f"{volume}{hypervolume_text(sure) if sure else ''}"
    dropped = ", ".join(f"{count} {why}" for why, count in front.dropped.items())
    yield "trials", f"{front.used} used; left out: {dropped or 'none'}"
    yield from _without_trade_off(front)


def _without_trade_off(front: Front) -> Iterator[Line]:
    """Say which objectives tell no cells apart, or that there is nothing to draw."""
    means = front.means().dropna()
    if means.empty:
        yield "empty", "no trial is done with finite objectives: there is no front to show"
    elif len(means) == 1:
        yield "one cell", "there is nothing to trade off against"
    else:
        for name in means.columns[means.nunique() == 1]:
            yield "constant", f"{name} is the same in every cell, and tells none apart"
