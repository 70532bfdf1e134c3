"""Rows of the epochs of a trial, one an epoch, as an attempt has them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from orchestrator.store.files.contract import Files
from orchestrator.store.records.layout import AttemptFolder, FileKind
from orchestrator.store.trials.records import Predecessor, Row

if TYPE_CHECKING:
    from trainer.training.loop import EpochRow


def rows_of(files: Files, attempt: AttemptFolder) -> list[EpochRow]:
    """Read an attempt's rows, those of where it goes on from first; damaged ones are missing."""
    origin = Predecessor.read(files, attempt.origin)
    names = (f"{attempt.rows}/{name}" for name in files.names(attempt.rows))
    own = [Row.read(files, name) for name in names if FileKind.ROW.match(name)]
    rows = [*(origin.rows if origin else ()), *(row.facts() for row in own if row is not None)]
    return list({row["epoch"]: row for row in rows}.values())


def without_measurements(rows: Iterable[EpochRow]) -> list[EpochRow]:
    """Return rows without what was measured in validation; the passes that this took stay."""
    return [{name: fact for name, fact in row.items() if not _is_measured(name)} for row in rows]


def _is_measured(fact: str) -> bool:
    return fact.startswith("validation/") and not fact.startswith("validation/passes/")
