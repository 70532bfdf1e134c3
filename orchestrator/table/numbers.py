"""The cells of a table that comes from outside: one column at a time, read or refused.

A problem says where it is as `in data row N`, counted from 1; whoever knows the column's name
puts that before it.
"""

from __future__ import annotations

import datetime
import decimal
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api import types

from orchestrator.table.columns import ColumnKind
from orchestrator.table.objectives import LARGEST
from trainer.input.problems import label, shown

SCALARS = (str, bool, int, float, np.bool_, np.integer, np.floating)
DATES = (datetime.date, datetime.time, datetime.timedelta, np.datetime64, np.timedelta64)
TRUTHS = {"true": True, "false": False, "1": True, "0": False, "1.0": True, "0.0": False}


def tidied(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return `column` with dates, periods and decimals as text, categories as their values, and one
    kind of line break in text."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(column.cat.categories.dtype)
    if types.is_object_dtype(column.dtype):
        return column.map(_scalar, na_action="ignore")
    if isinstance(column.dtype, pd.StringDtype):
        has_returns = column.str.contains("\r", regex=False).any()
        return column.str.replace("\r\n?", "\n", regex=True) if has_returns else column
    if types.is_numeric_dtype(column.dtype) and not types.is_complex_dtype(column.dtype):
        return column  # truths are among them
    return column.map(str, na_action="ignore")


def cell_problem(column: pd.Series[Any]) -> str | None:
    """Say what is wrong with the first cell that is no number, truth or text and not empty."""
    if not types.is_object_dtype(column.dtype):
        return None
    odd = {kind for kind in set(map(type, column)) if not issubclass(kind, SCALARS)}
    for row, value in enumerate(column):
        if type(value) in odd and not _is_empty(value):
            kind = type(value).__name__
            return (
                f"must be a number, a text or empty, got a value of type {kind} in data row "
                f"{row + 1}; write each of its parts into a column of its own, or leave it out"
            )
    return None


def read_numbers(column: pd.Series[Any]) -> pd.Series[float]:
    """Read `column`, an objective, as floats.

    Raises:
        ValueError: a cell that is no number, a truth, or larger than `LARGEST`.
    """
    if types.is_bool_dtype(column.dtype):
        unread = column.notna().to_numpy()
        numbers = column
    else:
        try:
            numbers = pd.to_numeric(column, errors="coerce")
        except OverflowError:  # a whole number beyond all floats
            numbers = pd.to_numeric(column.map(str, na_action="ignore"), errors="coerce")
        unread = (numbers.isna() & column.notna()).to_numpy()
        if types.is_object_dtype(column.dtype):
            truths = [isinstance(value, (bool, np.bool_)) for value in column]
            unread = unread | np.array(truths, dtype=np.bool_)
    _refuse_unread(column, unread, "a number or empty")
    floats = numbers.astype(float)
    sizes = np.abs(floats.to_numpy(dtype=np.float64))
    large = np.isfinite(sizes) & (sizes > LARGEST)
    if large.any():
        row = int(large.argmax())
        raise ValueError(
            f"{label(str(column.name))} must lie within {LARGEST:g} of 0, got {floats.iloc[row]:g} "
            f"in data row {row + 1}; choose another unit, or leave the cell empty"
        )
    return floats


def read_whole_numbers(column: pd.Series[Any]) -> pd.Series[Any]:
    """Read `column` as whole numbers, which stay whole beside empty cells; as floats if any is not.

    Raises:
        ValueError: as `read_numbers` does.
    """
    numbers = read_numbers(column)
    return numbers.astype("Int64") if bool((numbers.dropna() % 1 == 0).all()) else numbers


def read_yes_or_no(column: pd.Series[Any]) -> pd.Series[Any]:
    """Read `column` as True, False or empty, from truths, 0 and 1, or words in any case.

    Raises:
        ValueError: any other cell.
    """
    if types.is_bool_dtype(column.dtype):
        return column
    words = column.map(lambda value: str(value).strip().lower(), na_action="ignore")
    truths = words.map(TRUTHS, na_action="ignore").astype(object)
    unread = (truths.isna() & column.notna()).to_numpy()
    _refuse_unread(column, unread, "true, false or empty")
    return truths


def read_words(column: pd.Series[Any]) -> pd.Series[Any]:
    """Read `column` as text without spaces around it, or empty."""
    return column.map(lambda value: str(value).strip(), na_action="ignore").astype("str")


READERS: dict[ColumnKind, Callable[[pd.Series[Any]], pd.Series[Any]]] = {
    ColumnKind.WORD: read_words,
    ColumnKind.TEXT: lambda column: column,
    ColumnKind.FRACTION: read_numbers,
    ColumnKind.NUMBER: read_numbers,
    ColumnKind.WHOLE: read_whole_numbers,
    ColumnKind.YES_OR_NO: read_yes_or_no,
}
"""How the cells of each kind of column are read."""


def _refuse_unread(column: pd.Series[Any], unread: npt.NDArray[np.bool_], rule: str) -> None:
    """Raise `ValueError` for the first cell marked as unread, with the rule that it breaks."""
    if unread.any():
        row = int(unread.argmax())
        raise ValueError(
            f"{label(str(column.name))} must be {rule}, got {shown(column.iloc[row])} "
            f"in data row {row + 1}"
        )


def _scalar(value: Any) -> Any:
    is_text = isinstance(value, (decimal.Decimal, *DATES))
    if is_text:
        return str(value)
    return value.replace("\r\n", "\n").replace("\r", "\n") if isinstance(value, str) else value


def _is_empty(value: Any) -> bool:
    return value is None or value is pd.NA or value is pd.NaT
