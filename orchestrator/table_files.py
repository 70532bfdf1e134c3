"""Tables that come in files: read and checked once, at the border.

What a table must have: `trial_id`, different in every row, and each objective's column, a
number or empty. All else is taken as given.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from orchestrator.extraction import by_contract
from orchestrator.objectives import Objective

EMPTY_CELLS = ["", "nan", "NaN"]
"""What a CSV cell says where a quantity does not apply; `none` and `NA` are words."""


class TableError(ValueError):
    """A table that cannot be read, or that lacks what a front needs."""


def read_csv(path: Path) -> pd.DataFrame:
    """A CSV with a header; numbers read back equal to what was written (pandas from 3.1 on).

    Raises:
        ValueError: not a CSV in UTF-8, or rows with more cells than the header has.
    """
    table = pd.read_csv(
        path,
        dtype={"trial_id": str},
        keep_default_na=False,
        na_values=EMPTY_CELLS,
    )
    if not isinstance(table.index, pd.RangeIndex):  # pandas took the first cells for an index
        raise ValueError("its rows have more cells than its header")
    return table


READERS: dict[str, Callable[[Path], pd.DataFrame]] = {
    ".csv": read_csv,
    ".parquet": pd.read_parquet,
}


def read_table(path: Path, objectives: Sequence[Objective]) -> pd.DataFrame:
    """The table in `path`, checked, with its columns as `orchestrator.extraction` expects them.

    Raises:
        TableError: a file of another kind, missing or broken; a missing column; a `trial_id`
            that is empty or stands twice; an objective that is not a number.
    """
    reader = READERS.get(path.suffix)
    if reader is None:
        raise TableError(f"{path}: must end in one of {', '.join(READERS)}, got '{path.suffix}'")
    if not path.is_file():
        raise TableError(f"{path}: must be a table of trials, but there is no such file")
    try:
        table = reader(path)
    except (OSError, ValueError) as error:  # pandas' and pyarrow's errors are ValueErrors
        raise TableError(f"{path}: must be a readable {path.suffix} table: {error}") from error

    names = [objective.name for objective in objectives]
    missing = [name for name in ("trial_id", *names) if name not in table]
    if missing:
        raise TableError(
            f"{path}: must have columns {', '.join(missing)}; "
            f"it has {', '.join(map(str, table.columns)) or 'none'}"
        )
    _check_trial_ids(path, table["trial_id"])
    numbers = {name: _numbers(path, table[name]) for name in names}
    trial_ids = table["trial_id"].astype(str)
    return by_contract(table.assign(trial_id=trial_ids, **numbers), objectives)


def _check_trial_ids(path: Path, trial_ids: pd.Series[Any]) -> None:
    if trial_ids.isna().any():
        row = int(trial_ids.isna().to_numpy().argmax()) + 1
        raise TableError(f"{path}: trial_id must not be empty, but is in data row {row}")
    twice = trial_ids[trial_ids.duplicated()]
    if not twice.empty:
        raise TableError(
            f"{path}: trial_id must be unique, got '{twice.iloc[0]}' more than once; "
            "keep one row a trial"
        )


def _numbers(path: Path, column: pd.Series[Any]) -> pd.Series[float]:
    numbers = pd.to_numeric(column, errors="coerce")
    unread = (numbers.isna() & column.notna()).to_numpy()
    if unread.any():
        row = int(unread.argmax())
        raise TableError(
            f"{path}: {column.name} must be a number or empty, "
            f"got '{str(column.iloc[row])[:40]}' in data row {row + 1}"
        )
    return numbers.astype(float)
