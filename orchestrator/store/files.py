"""Files by name in one place: what the store asks of a file system.

Five verbs on bytes, so that an object store can stand where a folder does. Writes are whole or
not at all, and `create` decides a race: of several writers of one name exactly one is told yes.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Protocol


class Files(Protocol):
    """A flat name space; names are parts joined by `/`."""

    def read(self, name: str) -> bytes | None:
        """The content, or None where there is none."""

    def write(self, name: str, data: bytes) -> None:
        """Put the content in place of any other."""

    def create(self, name: str, data: bytes) -> bool:
        """Put the content in place if nothing is there; whether this call did."""

    def names(self, folder: str) -> list[str]:
        """What lies directly in `folder`, sorted: files and folders by their last part."""

    def remove(self, name: str) -> None:
        """Delete, if it is there."""

    def rename(self, name: str, other: str) -> None:
        """Move, over anything there; nothing where `name` is gone."""


class LocalFiles:
    """A folder, on one disk or on a share that all machines mount."""

    def __init__(self, root: Path) -> None:
        """`root` is made at the first write."""
        self.root = root

    def read(self, name: str) -> bytes | None:
        try:
            return (self.root / name).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def write(self, name: str, data: bytes) -> None:
        temporary = self._temporary(name, data)
        try:
            temporary.replace(self.root / name)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise

    def create(self, name: str, data: bytes) -> bool:
        temporary = self._temporary(name, data)
        try:
            os.link(temporary, self.root / name)  # fails where a file is, unlike a rename
        except FileExistsError:
            return False
        finally:
            temporary.unlink(missing_ok=True)
        return True

    def names(self, folder: str) -> list[str]:
        try:
            found = [path.name for path in (self.root / folder).iterdir()]
        except (FileNotFoundError, NotADirectoryError):
            return []
        return sorted(name for name in found if not name.startswith(_TEMPORARY))

    def remove(self, name: str) -> None:
        (self.root / name).unlink(missing_ok=True)

    def rename(self, name: str, other: str) -> None:
        with suppress(FileNotFoundError):
            (self.root / name).replace(self.root / other)

    def _temporary(self, name: str, data: bytes) -> Path:
        """A file of the content, flushed to the disk, beside where it is to go."""
        folder = (self.root / name).parent
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{_TEMPORARY}{secrets.token_hex(8)}"
        try:
            with path.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return path


_TEMPORARY = ".writing-"
