"""Cells of tables from outside, read as each kind of column, or refused with their row."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from orchestrator.table.columns import ColumnKind
from orchestrator.table.numbers import READERS, read_numbers, read_whole_numbers, read_yes_or_no


def column(*cells: Any, dtype: Any = None) -> pd.Series[Any]:
    return pd.Series(cells, name="score", dtype=dtype)


def test_every_kind_of_column_has_its_reader() -> None:
    assert set(READERS) == set(ColumnKind)


@pytest.mark.parametrize("cells", [(1, 2.5, None), ("1", "2.5", None), ("1", 2.5, np.nan)])
def test_numbers_are_read_from_text_too(cells: tuple[Any, ...]) -> None:
    np.testing.assert_array_equal(read_numbers(column(*cells)), [1.0, 2.5, np.nan])


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (("1", "many"), "must be a number or empty, got 'many' in data row 2"),
        ((1.0, True), "must be a number or empty, got true in data row 2"),
        ((True, False), "must be a number or empty, got true in data row 1"),
        ((1.0, 1e300), r"must lie within .* of 0, got 1e\+300 in data row 2"),
    ],
)
def test_what_is_no_number_is_refused_by_its_row(cells: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ValueError, match=f"^score {message}"):
        read_numbers(column(*cells))


def test_a_number_beyond_all_floats_is_infinite() -> None:
    assert read_numbers(column(1, 10**400)).tolist() == [1, np.inf]


def test_whole_numbers_stay_whole_beside_empty_cells() -> None:
    whole = read_whole_numbers(column("3", None, 4.0))
    assert whole.dtype == "Int64"
    assert whole.dropna().tolist() == [3, 4]
    assert read_whole_numbers(column(3, 4.5)).tolist() == [3.0, 4.5]


@pytest.mark.parametrize(
    "cells",
    [
        (True, False, True),
        (np.True_, np.False_, np.True_),
        (1, 0, 1),
        (1.0, 0.0, 1.0),
        (" TRUE", "false ", "1"),
    ],
)
def test_truths_are_read_from_words_and_numbers(cells: tuple[Any, ...]) -> None:
    assert read_yes_or_no(column(*cells)).tolist() == [True, False, True]


def test_no_truth_is_refused_and_an_empty_one_is_not() -> None:
    assert read_yes_or_no(column("true", None)).isna().tolist() == [False, True]
    with pytest.raises(ValueError, match=r"^score must be true, false or empty, got 'no'"):
        read_yes_or_no(column("no"))
