"""A sweep's models under other suites, as their evaluations left them beside the sweep's tables.

Whatever was concluded under a suite stands in its folder: `cells.csv` and `front.json`, and those
of what confirms the sweep. They are shown as they are; how sure they are was told when they were
made.
"""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from orchestrator.page.fronts import FRESH, OWN, line_of, plane_of, title_of
from orchestrator.page.tables import settings_texts
from orchestrator.page.view import Axis, CellView, FrontView, Line, Mark, Spot, TableView
from orchestrator.report.confirmed_files import CONFIRMED, CONFIRMED_STRICT
from orchestrator.report.front_files import FILES
from orchestrator.report.remarks import SettingsByMethod
from orchestrator.results.table_files import read_csv
from orchestrator.store import Files
from orchestrator.table.cell_columns import HIGH, LOW, MEAN, MEMBERSHIP, RECURRENCE
from orchestrator.table.columns import SELECTED, Direction
from orchestrator.table.objectives import Objective

logger = logging.getLogger(__name__)

KINDS = {
    OWN: (FILES,),
    FRESH: (CONFIRMED, CONFIRMED_STRICT),
}
"""Names of the files of each kind of models, one of each of their fronts."""


def suite_tables(
    files: Files, folder: str, axes: Sequence[Axis], settings_by: SettingsByMethod
) -> tuple[TableView, ...]:
    """Return what a page shows of a sweep's models under other suites than its own; without files
    that are not as they were written.

    Args:
        folder: of the sweep's files.
        axes: of the page; of those that a suite does not fill its cells have no number.
        settings_by: which settings name a method's cells.
    """
    found = []
    for suite in sorted(files.names(f"{folder}/suites")):
        for kind, fronts in KINDS.items():
            place = f"{folder}/suites/{suite}"
            if {it for names in fronts for it in names[1:3]} <= {*files.names(place)}:
                try:
                    read = [_read(files, place, names) for names in fronts]
                    title = f"{kind}, under the suite {suite.rpartition('-')[0] or suite}"
                    found.append(_table(title, read, axes, settings_by))
                except (ValueError, KeyError, TypeError) as error:
                    logger.warning("%s is not as it was written, and is left out: %s", place, error)
    return tuple(table for table in found if table.cells)


def _read(files: Files, place: str, names: Sequence[str]) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Read the cells of a front, and its record."""
    _, record, cells, *_ = (files.read(f"{place}/{name}") for name in names[:3])
    with tempfile.TemporaryDirectory(prefix="cells-") as folder:
        path = Path(folder) / "cells.csv"
        path.write_bytes(cells or b"")
        return read_csv(path), json.loads(record or b"")


def _table(
    title: str,
    read: Sequence[tuple[pd.DataFrame, dict[str, Any]]],
    axes: Sequence[Axis],
    settings_by: SettingsByMethod,
) -> TableView:
    cells = read[0][0]
    there = list(map(str, cells.loc[:, "on_front":].columns[1:]))
    names = settings_texts(cells, there, settings_by)
    split = " and ".join(read[0][1]["splits"])
    return TableView(
        title=f"{title}, {split} images" if split else title,
        split=split,
        fronts=tuple(_front(record, axes) for _, record in read),
        cells=tuple(
            CellView(
                method=str(cells["method"].iloc[at]),
                settings=names[at],
                seeds=int(cells["seeds"].iloc[at]),
                planned=int(cells["planned"].iloc[at]),
                collapsed=int(cells["collapsed"].iloc[at]),
                spots=tuple(_spot(axis, [its for its, _ in read], at) for axis in axes),
                marks=tuple(_mark(its.iloc[at], record) for its, record in read),
                is_selected=bool(SELECTED in cells and cells[SELECTED].iloc[at]),
                trials=(),
            )
            for at in range(len(cells))
            if cells["seeds"].iloc[at]
        ),
    )


def _spot(axis: Axis, frames: Sequence[pd.DataFrame], at: int) -> Spot:
    factor = 100.0 if axis.is_fraction else 1.0

    def number(end: str) -> float | None:
        name = f"{axis.name}{end}"
        values = (its[name].iloc[at] for its in frames if name in its)
        return next((float(value) * factor for value in values if pd.notna(value)), None)

    return Spot(mean=number(MEAN), low=number(LOW), high=number(HIGH))


def _mark(row: pd.Series[Any], record: dict[str, Any]) -> Mark:
    knee = record["cells"]["knee"] or {"method": None}
    member, often = row.get(MEMBERSHIP), row.get(RECURRENCE)
    return Mark(
        is_on_front=bool(row["on_front"]),
        is_knee=row["method"] == knee["method"]
        and all(row.get(name) == value for name, value in knee["settings"].items()),
        takes_part=True,
        membership="" if pd.isna(member) else str(member),
        recurrence=None if pd.isna(often) else float(often),
    )


def _front(record: dict[str, Any], axes: Sequence[Axis]) -> FrontView:
    objectives = tuple(
        Objective(it["name"], Direction(it["direction"])) for it in record["objectives"]
    )
    place = {axis.name: at for at, axis in enumerate(axes)}
    x, y = plane_of(objectives)
    sure = record.get("statistics")
    why = (
        "what made them did not say how sure they are"
        if sure is None
        else sure["left_out"].get("intervals", "")
    )
    return FrontView(
        title=title_of(objectives),
        x=place[x.name],
        y=place[y.name],
        line=line_of(objectives),
        lines=tuple(_lines(record)),
        remarks=(),
        has_intervals=not why,
        has_members=sure is not None and sure["membership"] is not None,
        why_points=why,
    )


def _lines(record: dict[str, Any]) -> Iterator[Line]:
    sure = record.get("statistics") or {"left_out": {}}
    if sure.get("noise"):
        yield "intervals", f"{100 * sure['level']:g} %, over {sure['noise']}"
    yield from sure["left_out"].items()
    dropped = ", ".join(f"{count} {why}" for why, count in record["trials"]["dropped"].items())
    yield "trials", f"{record['trials']['used']} used; left out: {dropped or 'none'}"
