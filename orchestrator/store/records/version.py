"""The mark of a store: whose it is, and in which version of the layout.

    store.json         the mark, with its own SHA-256, so that no flipped bit is misread
    store.json.copy    the same bytes, from which a damaged or lost mark is made again

A mark that cannot be read would lock everybody out of all results; the copy makes sure that one
damaged file never does. The versions: 1 had no mark; in 2 the ids of trials had in them what
validation looks at; 3 is this one. A store of version 2 is read as it is, and is of version 3 once
it is kept which of its trials are which now (see `orchestrator.store.trials.present_ids`): nobody
who goes by the earlier ids alone is to train them again in it.
"""

from __future__ import annotations

import hashlib
import json
import logging
from datetime import UTC, datetime
from typing import Any

from orchestrator.store.files.contract import MARK, Files
from orchestrator.store.records.layout import SWEEPS, TRIALS
from trainer.input.problems import InputError

logger = logging.getLogger(__name__)

VERSION, EARLIEST = 3, 2
"""Version of a store that is made now, and the earliest one that is read."""

COPY = f"{MARK}.copy"

_NAME = "pareto-robustness-sweep"


class VersionError(InputError):
    """What lies in the storage is no store, or one of another version than this project's."""


def enter(files: Files) -> None:
    """Check that the place is a store that this version reads, or make one where it is empty.

    Raises:
        VersionError: it is neither.
    """
    mark, copy = files.read(MARK), files.read(COPY)
    if mark is None and copy is None:
        _refuse_unmarked(files)
        files.create(MARK, _new_mark())  # another start may be faster: theirs is as good
        mark = files.read(MARK)
    good = _good(files, mark, copy)
    if mark != good:
        _set_right(files, mark, good)
    if copy != good:
        files.write(COPY, good)


def look(files: Files) -> bool:
    """Whether a store that this version reads is there; writes nothing.

    Raises:
        VersionError: something else is.
    """
    mark, copy = files.read(MARK), files.read(COPY)
    if mark is None and copy is None:
        _refuse_unmarked(files)
        return False
    _good(files, mark, copy)
    return True


def version_of(files: Files) -> int | None:
    """Return a store's version; None where there is none, or none that is read here."""
    versions = [_version_in(data) for data in (files.read(MARK), files.read(COPY)) if data]
    return next((it for it in versions if it is not None), None)


def raise_version(files: Files) -> None:
    """Mark a store of a version before as one of this version."""
    files.write(MARK, _new_mark())
    files.write(COPY, files.read(MARK) or _new_mark())


def damaged_marks(files: Files) -> list[str]:
    """Name those of the mark and its copy that `enter` would make again from the other.

    Raises:
        VersionError: there is no whole one.
    """
    mark, copy = files.read(MARK), files.read(COPY)
    _good(files, mark, copy)
    is_bad = {MARK: mark is None or _version_in(mark) is None}
    is_bad[COPY] = copy is not None and _version_in(copy) is None  # a start may be just making it
    return [name for name, bad in is_bad.items() if bad]


def _good(files: Files, mark: bytes | None, copy: bytes | None) -> bytes:
    """Return the mark, or else its copy, whichever is whole and of a version that is read."""
    for data in (mark, copy):
        version = None if data is None else _version_in(data)
        if data is None or version is None:
            continue
        if EARLIEST <= version <= VERSION:
            return data
        newer = version > VERSION
        raise VersionError(
            f"storage {files.url} was made by {'a newer' if newer else 'an older'} version of this "
            f"project ({version}; this one knows {VERSION}): "
            f"{'update the project' if newer else 'go back to that one'}, or give another storage"
        )
    raise VersionError(
        f"{MARK} in storage {files.url} must say what the storage is, and is damaged or not this "
        f"project's: put back {MARK} or {COPY} from a backup, or give another storage, start "
        f"there once, and move trials/ into it if it is this project's"
    )


def _refuse_unmarked(files: Files) -> None:
    for folder in (TRIALS, SWEEPS):
        # Asked in this order: another start makes the mark first, then what it marks.
        if files.names(folder) and files.read(MARK) is None:
            raise VersionError(
                f"storage {files.url} has {folder}/ but no {MARK}: it was made by an older version "
                f"of this project (1; this one knows {VERSION}) or by something else; go back to "
                f"what made it, or give another storage"
            )


def _set_right(files: Files, mark: bytes | None, good: bytes) -> None:
    """Put the copy in place of a mark that is damaged or gone; what it was is kept beside it."""
    logger.warning("%s in %s was damaged or gone, and is made again from %s", MARK, files.url, COPY)
    if mark is not None:
        files.write(f"{MARK}.damaged", mark)
    files.write(MARK, good)  # never a moment without one: others would take the place for away


def _version_in(data: bytes) -> int | None:
    """Version in a whole mark of this project; None for anything else."""
    try:
        mark = json.loads(data)
        seal = mark.pop("sha256")
        is_ours = mark["store"] == _NAME and seal == _seal(mark)
        return int(mark["version"]) if is_ours else None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _new_mark() -> bytes:
    made = datetime.now(UTC).isoformat(timespec="seconds")
    mark = {"store": _NAME, "version": VERSION, "made": made}
    return (json.dumps(mark | {"sha256": _seal(mark)}, indent=1) + "\n").encode()


def _seal(mark: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(mark, sort_keys=True).encode()).hexdigest()
