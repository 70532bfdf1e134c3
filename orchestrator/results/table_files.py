"""Tables in files: read and checked once, at the border, and written so that they read back equal.

What a table must have: `trial_id`, different in every row, and each objective's column, a
number or empty. Every other cell is empty, a number, a yes or no, or a text.

A spreadsheet runs a CSV cell that begins with `=`, `+`, `-` or `@`, quoted or not. A text that
does is therefore written with an apostrophe before it, which `read_csv` takes away again; a
number never is. Text that already has the apostrophe gets another, so that every text reads back
as it was.
"""

from __future__ import annotations

import csv
import logging
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types

from orchestrator.pareto.front import by_contract, settings_columns
from orchestrator.table.columns import ColumnKind, declared, is_fraction
from orchestrator.table.numbers import READERS, cell_problem, read_numbers, tidied
from orchestrator.table.objectives import Objective
from trainer.input.problems import InputError, label, shown

logger = logging.getLogger(__name__)

EMPTY_CELLS = ["", "nan", "NaN"]
"""Texts of a CSV cell to which a quantity does not apply; `none` and `NA` are words."""

SAVED_INDEX = re.compile(r"|Unnamed: \d+(\.\d+)?|index|level_0|__index_level_0__")
"""Names that pandas gives its row numbers where it saves them as a column."""

ESCAPED = re.compile(r"'+[=+\-@\t\r]")
FORMULA = re.compile(r"[=+\-@\t\r](?!\d*\.?\d*(e[+-]?\d+)?$)", re.IGNORECASE)
"""Beginning of a text that a spreadsheet would run; one that is a number is left as it is."""

LONGEST_REASON = 200
"""Most characters of another library's message that one of ours quotes."""


class TableError(InputError):
    """A table that cannot be read, or that lacks what a front needs."""


def read_csv(path: Path) -> pd.DataFrame:
    """Read a CSV with a header; numbers read back equal to what was written (pandas from 3.1 on).

    Raises:
        ValueError: not a CSV in UTF-8, a header that is not one of distinct names between commas,
            or rows with more cells than the header has.
    """
    names = _header(path)
    table = pd.read_csv(
        path,
        header=0,
        names=range(len(names)),
        dtype={at: str for at, name in enumerate(names) if name == "trial_id"},
        encoding="utf-8-sig",
        keep_default_na=False,
        na_values=EMPTY_CELLS,
        low_memory=False,  # else a column's type may differ from one part of the file to another
    )
    if not isinstance(table.index, pd.RangeIndex):  # pandas took the first cells for an index
        raise ValueError("its rows have more cells than its header")
    table.columns = pd.Index(names)
    return _mapped_text(table, ESCAPED, lambda text: text[1:])


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """Write a CSV that `read_csv` reads back equal; no spreadsheet takes its texts for formulas."""
    escaped = re.compile(f"{ESCAPED.pattern}|{FORMULA.pattern}", re.IGNORECASE)
    safe = _mapped_text(table, escaped, lambda text: f"'{text}")
    safe.to_csv(path, index=False)


def read_parquet(path: Path) -> pd.DataFrame:
    """Read a Parquet file; an index that has names comes back as columns.

    Raises:
        ValueError: not Parquet.
    """
    table = pd.read_parquet(path)
    has_names = any(name is not None for name in table.index.names)
    return table.reset_index() if has_names else table.reset_index(drop=True)


FORMATS: dict[str, Callable[[Path], pd.DataFrame]] = {
    ".csv": read_csv,
    ".parquet": read_parquet,
}


def read_table(path: Path, objectives: Sequence[Objective]) -> pd.DataFrame:
    """Read and check the table in `path`, with the columns that `orchestrator.pareto.front`
    expects.

    Row numbers that pandas saved as a column are left out, which the log tells. `status` is read
    in any case; spaces around names and words go.

    Raises:
        TableError: a file of another kind, missing or broken; a column that is missing, stands
            twice, has no name or is a known one misspelled; a `trial_id` that is empty or stands
            twice; an objective that is no number; a cell that is no scalar.
    """
    name = label(str(path), most=LONGEST_REASON)
    reader = FORMATS.get(path.suffix)
    if reader is None:
        raise TableError(f"{name}: must end in one of {', '.join(FORMATS)}, got '{path.suffix}'")
    if not os.path.isfile(path):  # noqa: PTH113 (Path.is_file raises where a name is too long)
        raise TableError(f"{name}: must be a table of trials, but there is no such file")
    try:
        table = reader(path)
    except Exception as error:  # pandas and pyarrow raise many kinds on files that are none
        reason = " ".join(str(error).split())[:LONGEST_REASON]
        raise TableError(f"{name}: must be a readable {path.suffix} table: {reason}") from error
    try:
        checked = _checked(table, objectives)
    except ValueError as error:
        raise TableError(f"{name}: {error}") from None
    read = by_contract(checked, objectives)
    _warn_of_percentages(read)
    _warn_of_lone_trials(read, settings_columns(read, objectives))
    return read


def _warn_of_percentages(table: pd.DataFrame) -> None:
    """Log which accuracies are no fractions, since reference points and logarithms assume them."""
    for name in filter(is_fraction, map(str, table)):
        values = table[name].to_numpy(dtype=np.float64, na_value=np.nan)
        beyond = np.isfinite(values) & (np.abs(values) > 1)
        if beyond.any():
            row = int(beyond.argmax())
            logger.warning(
                "%s must be fractions of 1, got %g in data row %d: the hypervolume and the "
                "logarithms are of fractions; divide percentages by 100",
                label(name),
                values[row],
                row + 1,
            )


def _warn_of_lone_trials(table: pd.DataFrame, settings: Sequence[str]) -> None:
    """Log which columns leave no means over seeds: what differs in every row is no setting."""
    if not {"method", "seed"} <= set(table) or table["seed"].nunique() < 2 or len(table) < 3:
        return
    differing = [name for name in settings if table[name].is_unique]
    if differing:
        names = ", ".join(map(label, differing[:5]))
        logger.warning(
            "no trial repeats another under another seed, since %s differs in every row; "
            "leave it out to have means over seeds",
            names,
        )


def _header(path: Path) -> list[str]:
    """Read the names in a CSV's first row, without the spaces around them."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = (row for row in csv.reader(file) if row)
        names = [name.strip() for name in next(rows, [])]
    if len(names) == 1:
        for separator, word in ((";", "semicolons"), ("\t", "tabs")):
            if separator in names[0]:
                raise ValueError(
                    f"its header must have commas between names, got {word}; save it as CSV with "
                    f"commas, and with points in its numbers"
                )
    return names


def _mapped_text(
    table: pd.DataFrame, pattern: re.Pattern[str], change: Callable[[str], str]
) -> pd.DataFrame:
    """Return `table` with each text and each name that begins with `pattern` changed."""

    def changed(value: Any) -> Any:
        return change(value) if isinstance(value, str) and pattern.match(value) else value

    columns = {}
    for at, (_, column) in enumerate(table.items()):
        is_text = isinstance(column.dtype, pd.StringDtype)
        if types.is_object_dtype(column.dtype) or (is_text and column.str.match(pattern).any()):
            columns[at] = column.map(changed)
    if columns:
        table = table.copy()
        for at, column in columns.items():
            table.isetitem(at, column.array)
    return table.set_axis([changed(name) for name in table.columns], axis="columns")


def _checked(table: pd.DataFrame, objectives: Sequence[Objective]) -> pd.DataFrame:
    """Return `table` with its numbers, words and truths as such; refuse what is wrong in it."""
    table = _without_row_numbers(
        table.set_axis(
            [str(name).strip().strip("\ufeff") for name in table.columns], axis="columns"
        )
    )
    numbers = [objective.name for objective in objectives]
    _check_names(list(table.columns), numbers)
    for name, column in table.items():
        read = tidied(column)
        if problem := cell_problem(read):
            raise ValueError(f"{label(str(name))} {problem}")
        table = table.assign(**{str(name): _read(read, is_objective=name in numbers)})
    return table


def _read(column: pd.Series[Any], *, is_objective: bool) -> pd.Series[Any]:
    """Read a column by its kind. What is no objective, was not measured and is no word is taken as
    it is: nothing follows from it but what is equal to what."""
    name = str(column.name)
    known = declared(name)
    if is_objective and not (known is not None and known.is_number):
        return read_numbers(column)
    if name == "trial_id":
        return _read_trial_ids(column)
    if known is None or not (is_objective or known.is_measured or known.kind is ColumnKind.WORD):
        return column
    read = READERS[known.kind](column)
    return read.str.lower() if name == "status" else read


def _without_row_numbers(table: pd.DataFrame) -> pd.DataFrame:
    """Return `table` without columns that only number its rows, or have neither name nor cell."""
    for name in [name for name in table.columns if SAVED_INDEX.fullmatch(name)]:
        column = table[name]
        if isinstance(column, pd.DataFrame):  # two of that name, refused below
            continue
        counts = types.is_integer_dtype(column.dtype) and column.is_unique
        if name in {"index", "level_0"}:  # words that a setting may have too
            counts = counts and bool((column == np.arange(len(table))).all())
        if counts:
            logger.warning("column %r only numbers the rows and is left out", name)
        if counts or (column.isna().all() and not name):
            table = table.drop(columns=name)
    return table


def _check_names(names: Sequence[str], objectives: Iterable[str]) -> None:
    needed = dict.fromkeys(("trial_id", *objectives))
    if "" in names:
        raise ValueError(f"column {names.index('') + 1} must have a name, got none; write one")
    for name, count in Counter(names).items():
        if count > 1:
            raise ValueError(
                f"column {label(name)} must stand once, but stands {count} times; "
                f"delete or rename the others"
            )
    meant = {name.casefold(): name for name in needed}
    for name in names:
        folded = name.casefold()
        right = meant.get(folded, folded if declared(folded) is not None else name)
        if name != right and declared(name) is None and name not in needed:
            raise ValueError(f"column {right} must be spelled so, got {shown(name)}; rename it")
    missing = [name for name in needed if name not in names]
    if missing:
        has = ", ".join(map(label, names[:40])) or "none"
        raise ValueError(
            f"must have columns {', '.join(map(label, missing))}; it has {has}"
            f"{', ...' if len(names) > 40 else ''}"
        )


def _read_trial_ids(column: pd.Series[Any]) -> pd.Series[str]:
    if column.isna().any():
        row = int(column.isna().to_numpy().argmax()) + 1
        raise ValueError(f"trial_id must not be empty, but is in data row {row}")
    trial_ids = column.astype(str).str.strip()
    twice = trial_ids[trial_ids.duplicated()]
    if not twice.empty:
        raise ValueError(
            f"trial_id must be unique, got {shown(twice.iloc[0])} more than once; "
            "keep one row a trial"
        )
    return trial_ids
