"""Records and blobs that show when they were damaged.

A record is JSON with its own SHA-256 inside; a blob has its SHA-256 beside it, in a file that
`sha256sum -c` reads. What does not agree is set aside under `NAME.damaged`, logged, and
from then on as good as never written.
"""

from __future__ import annotations

import hashlib
import json
import logging
from typing import Any

from orchestrator.store.files.contract import Files
from trainer.input.checksum import checksum_line

logger = logging.getLogger(__name__)


def read_blob(files: Files, name: str) -> bytes | None:
    """Read a blob; None where there is none, its checksum is missing, or they disagree."""
    data = files.read(name)
    if data is None:
        return None
    checksum = files.read(f"{name}.sha256")
    if checksum is None:
        set_aside(files, name, "it has no checksum beside it")
        return None
    if checksum.split(b" ")[0].decode(errors="replace") != hashlib.sha256(data).hexdigest():
        set_aside(files, name, "its checksum does not agree")
        return None
    return data


def write_blob(files: Files, name: str, data: bytes) -> None:
    """Write a blob and its checksum, the checksum first: nobody finds a blob without one."""
    files.write(f"{name}.sha256", checksum_line(name, data))
    files.write(name, data)


def remove_blob(files: Files, name: str) -> None:
    """Delete a blob, then its checksum."""
    files.remove(name)
    files.remove(f"{name}.sha256")


def set_aside(files: Files, name: str, reason: str) -> None:
    """Move a damaged file to `NAME.damaged`, and log it."""
    logger.warning("%s is set aside as %s.damaged: %s", name, name, reason)
    files.rename(name, f"{name}.damaged")


def opened(data: bytes) -> dict[str, Any] | None:
    """Return the values in a record's file; None where its checksum does not agree."""
    try:
        content = json.loads(data)
        record = content["record"]
        if content["sha256"] == _seal(record) and isinstance(record, dict):
            return record
    except (ValueError, KeyError, TypeError, RecursionError):
        pass  # not JSON, nested without end, or not ours: damaged all the same
    return None


def sealed(record: dict[str, Any]) -> bytes:
    """Return the content of a file with these values, and their checksum."""
    content = {"sha256": _seal(record), "record": record}
    return (json.dumps(content, indent=1, allow_nan=False) + "\n").encode()


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)


def _seal(record: Any) -> str:
    return hashlib.sha256(_CANONICAL.encode(record).encode()).hexdigest()
