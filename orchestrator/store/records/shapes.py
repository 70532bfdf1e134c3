"""What each kind of record has at the least, so that none of another shape is taken for one.

A record's kind is its file's name, or the folder's where each file is named after what it is of.
One that lacks a value or has it of another type is damaged, as one is whose checksum does not
agree: whoever reads a record need not ask again.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

NUMBER = (int, float)

NEEDED: dict[str, dict[str, Any]] = {
    "trial.json": {"trial": dict},
    "lease.json": {
        "owner": {"host": str, "process": int, "started": str, "machine": str},
        "since": str,
        "lasts": NUMBER,
        "about": dict,
    },
    "ended.json": {"how": str, "at": str},
    "origin.json": {"trial": str, "attempt": int, "rows": list},
    "result.json": {"attempt": int, "bytes": int, "epochs": int, "seconds": NUMBER},
    "dropped.json": {"attempt": int, "bytes": int, "epochs": int, "seconds": NUMBER},
    "evaluations": {"attempt": int, "bytes": int, "seconds": NUMBER, "at": str},
    "rows": {"epoch": int},
    "plan.json": {"suite": str, "fingerprints": dict, "trials": list},
}
"""Values that a record must have, by its kind and their name: a type, several, or those of a record
within."""

IF_THERE: dict[str, dict[str, Any]] = {
    "trial.json": {"trial": {"method": dict, "training": dict}},
    "beat.json": {"count": int, "elapsed": NUMBER, "at": str, "epoch": int},
    "ended.json": {
        "elapsed": NUMBER,
        "failure": {"kind": str, "message": str, "details": str},
        "pruned": {"rule": str, "settings": dict, "reason": str, "numbers": dict},
    },
    "result.json": {"provenance": dict},
    "evaluations": {"accuracies": dict},
}
"""Values that a record may leave out, but must not have of another type, as in `NEEDED`."""


def fits(name: str, record: Any) -> bool:
    """Whether what was read from the file of that name is a record of its kind."""
    path = PurePosixPath(name)
    kind = path.parent.name if path.parent.name in NEEDED else path.name
    return _has(record, NEEDED.get(kind, {}), must=True) and _has(
        record, IF_THERE.get(kind, {}), must=False
    )


def _has(record: Any, shape: Mapping[str, Any], *, must: bool) -> bool:
    if not isinstance(record, dict):
        return False
    for key, kind in shape.items():
        if key not in record:
            if must:
                return False
        elif isinstance(kind, Mapping):
            if not _has(record[key], kind, must=must):
                return False
        elif not isinstance(record[key], kind):
            return False
    return True
