"""Numbers that others published, from a small table, to be laid over a picture of one's own.

They are drawn and never counted: on no front, in no hypervolume, in no contrast. A table is a CSV,
or a YAML file that maps labels to what a row says. A row has a label, its source, what its numbers
are of, and numbers in columns named as in `trials.csv`:

    label,data,norm,attack,radius,architecture,natural_accuracy,worst_pgd,source
    Wong2020Fast,cifar10,linf,autoattack,8/255,resnet18,0.8334,0.4321,https://...
"""

from __future__ import annotations

import csv
import difflib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.table.columns import declared, is_fraction
from trainer.input.document import Document
from trainer.input.problems import InputError, shown
from trainer.input.settings import parse_number

FACTS = {
    "method": "how it was trained",
    "data": "data set",
    "norm": "linf, l2 or l1; of other changes than of pixels none",
    "attack": "attacks that its numbers are under, with commas between",
    "radius": "in the attack's own unit, as 8/255",
    "steps": "of the longest run",
    "architecture": "network",
    "source": "where the numbers stand",
}
"""Columns of a table that say what its numbers are of, beside `label`."""

SUFFIXES = (".csv", ".yaml", ".yml")

LONGEST_LABEL = 60


@dataclass(frozen=True, kw_only=True)
class Published:
    """One published result."""

    label: str
    source: str
    facts: Mapping[str, str] = field(default_factory=dict)
    """What it is of: by `FACTS`, those that are said."""

    numbers: Mapping[str, float] = field(default_factory=dict)
    """By the columns of `trials.csv`."""

    def lacks(self, names: Iterable[str]) -> list[str]:
        """Name those of the columns that it has no number of."""
        return [name for name in names if name not in self.numbers]


def read_published(path: Path) -> list[Published]:
    """Read a table of published numbers.

    Raises:
        InputError: what is wrong with it, in which row and column.
    """
    if path.suffix not in SUFFIXES:
        raise InputError(f"{path}: must end in one of {', '.join(SUFFIXES)}, got '{path.suffix}'")
    rows = _csv_rows(path) if path.suffix == ".csv" else _yaml_rows(path)
    found = [_published(where, row) for where, row in rows]
    if not found:
        raise InputError(f"{path}: must have a row for each published result, got none")
    labels = [row.label for row in found]
    for label in labels:
        if labels.count(label) > 1:
            raise InputError(f"{path}: label must be a row's own, got {shown(label)} twice")
    return found


def _csv_rows(path: Path) -> list[tuple[str, dict[str, str]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            rows = [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"{path}: must be a readable table: {reason}") from error
    for line, row in rows:
        if None in row or None in row.values():
            raise InputError(f"{path}:{line}: must have as many cells as the header has names")
    return [(f"{path}:{line}", _tidy(row)) for line, row in rows]


def _yaml_rows(path: Path) -> list[tuple[str, dict[str, str]]]:
    document = Document.read(path)
    rows = []
    for label, section in document.items():
        if not isinstance(section.value, Mapping):
            raise document.fail(label, "must map columns to what they say of this result")
        row = {"label": label, **{key: _written(item) for key, item in section.value.items()}}
        rows.append((section.where(), _tidy(row)))
    return rows


def _written(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)


def _tidy(row: Mapping[str, str]) -> dict[str, str]:
    """Return what a row says, without spaces around it, and without empty cells."""
    cells = {str(name).strip(): str(cell).strip() for name, cell in row.items()}
    return {name: cell for name, cell in cells.items() if cell}


def _published(where: str, row: Mapping[str, str]) -> Published:
    label = row.get("label", "")
    if not label or not label.isprintable() or len(label) > LONGEST_LABEL:
        raise InputError(
            f"{where}: label must be 1 to {LONGEST_LABEL} printable characters, got {shown(label)}"
        )
    if not row.get("source"):
        raise InputError(f"{where}: source must say where the numbers of {label} stand, got none")
    facts = {name: cell for name, cell in row.items() if name in FACTS}
    numbers = {
        name: _number(where, name, cell)
        for name, cell in row.items()
        if name not in FACTS and name != "label"
    }
    if not numbers:
        raise InputError(
            f"{where}: must have a number of {label}, in a column named as in trials.csv, such as "
            f"natural_accuracy"
        )
    return Published(label=label, source=row["source"], facts=facts, numbers=numbers)


def _number(where: str, name: str, cell: str) -> float:
    column = declared(name)
    if column is None or not column.is_measured or not column.is_number:
        near = difflib.get_close_matches(name, [*FACTS, "natural_accuracy", "union_accuracy"], n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise InputError(
            f"{where}: columns must be label, {', '.join(FACTS)}, or numbers of trials.csv, got "
            f"{shown(name)}{hint}"
        )
    try:
        value = parse_number(cell)
    except ValueError as error:
        raise InputError(f"{where}: {name} {error}, got {shown(cell)}") from error
    if not isinstance(value, float) or not math.isfinite(value):
        raise InputError(f"{where}: {name} must be a number, got {shown(cell)}")
    if is_fraction(name) and not -1 <= value <= 1:
        raise InputError(
            f"{where}: {name} must be a fraction of 1, got {shown(cell)}; divide percentages by 100"
        )
    return value
