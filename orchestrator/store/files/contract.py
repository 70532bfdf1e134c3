"""Files by name in one place: what the store asks of a file system.

Seven operations on bytes, so that an object store can replace a folder. Writes are whole or
not at all, and `create` decides a race: of several writers of one name exactly one succeeds.
What a place cannot do it says in one of three ways: later (`UnreachableError`), with more room
(`FullError`), or not before a person has changed something (`RefusedError`).
"""

from __future__ import annotations

from typing import Protocol

MARK = "store.json"
"""Name of the file in the root that marks a store; its `version` says what is in it."""


class UnreachableError(OSError):
    """The place does not answer now and may later: a server, a network, a share is away."""


class FullError(OSError):
    """There is no room left in the place."""


class RefusedError(OSError):
    """The place answers, and says no until a person changes a setting, a key or a permission."""


class Files(Protocol):
    """Files by name; names are parts joined by `/`, and no file's name is a folder's too.

    Every operation may raise `UnreachableError`, `FullError` or `RefusedError`.
    """

    @property
    def url(self) -> str:
        """Name of the place for people, without secrets."""

    def read(self, name: str) -> bytes | None:
        """Read the content of a file; None where there is none."""

    def write(self, name: str, data: bytes) -> None:
        """Write a file, in place of any other of its name."""

    def create(self, name: str, data: bytes) -> bool:
        """Write a file if there is none of its name; return whether the file has this content now.

        So the same call again, after an answer that was lost on the way, says the same; writers
        who race must put something of their own into the content.
        """

    def names(self, folder: str) -> list[str]:
        """List what lies directly in `folder`, sorted: files and folders by their last part.

        Folders that were emptied may still be among them.
        """

    def sizes(self, folder: str) -> dict[str, int]:
        """List the bytes of every file below `folder`, at any depth, by its full name."""

    def remove(self, name: str) -> None:
        """Delete a file, if it is there."""

    def rename(self, name: str, other: str) -> None:
        """Rename a file, over any other; do nothing where `name` is gone."""
