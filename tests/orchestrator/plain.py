"""Records as plain values, for tests that look at what lies in the files, or change it."""

from __future__ import annotations

from typing import Any

from orchestrator.store import Files
from orchestrator.store.records.sealed import opened, sealed


def read_plain(files: Files, name: str) -> dict[str, Any] | None:
    """The values in a record's file; None where there is none, or its checksum disagrees."""
    data = files.read(name)
    return None if data is None else opened(data)


def write_plain(files: Files, name: str, record: dict[str, Any]) -> None:
    """Values in place of whatever a file has, with their checksum."""
    files.write(name, sealed(record))
