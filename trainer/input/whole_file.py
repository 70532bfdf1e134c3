"""Files that are whole or not there: written beside their place, then renamed into it.

Whoever is killed on the way leaves what was there before, and a `.NAME.unfinished` that the next
writer of the same file writes over. One at a time may write a file: who may have company holds a
lock. Nothing is flushed to the disk, which costs more than these files are worth: what must outlast
a power cut, or is created once by one of several, is a store's matter
(`orchestrator.store.files.local`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def write_whole(path: Path, data: bytes) -> None:
    """Write a file in place of any other.

    Raises:
        OSError: it cannot be written; what was there is there still.
    """
    with written_whole(path) as unfinished:
        unfinished.write_bytes(data)


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Give the path beside `path` to which the block writes, and at its end rename that file into
    place; where the block raises, it is removed."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        yield unfinished
        unfinished.replace(path)
    except BaseException:
        with suppress(OSError):
            unfinished.unlink()
        raise
