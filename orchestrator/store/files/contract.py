"""Files by name in one place: what the store asks of a file system.

Seven verbs on bytes, so that an object store can stand where a folder does. Writes are whole or
not at all, and `create` decides a race: of several writers of one name exactly one is told yes.
What a place cannot do it says in one of three ways: later (`UnreachableError`), with more room
(`FullError`), or not before a person has changed something (`RefusedError`).
"""

from __future__ import annotations

from typing import Protocol

MARK = "store.json"
"""The file in the root by which a store is known; `version` says what is in it."""


class UnreachableError(OSError):
    """The place does not answer now and may later: a server, a network, a share is away."""


class FullError(OSError):
    """There is no room left."""


class RefusedError(OSError):
    """The place answers, and says no until a person changes a setting, a key or a permission."""


class Files(Protocol):
    """A flat name space; names are parts joined by `/`, and no file's name is a folder's too.

    Every verb may raise `UnreachableError`, `FullError` or `RefusedError`.
    """

    @property
    def url(self) -> str:
        """The place as a person is told of it; there is no secret in it."""

    def read(self, name: str) -> bytes | None:
        """The content, or None where there is none."""

    def write(self, name: str, data: bytes) -> None:
        """Put the content in place of any other."""

    def create(self, name: str, data: bytes) -> bool:
        """Put the content in place if nothing is there; whether it is this content that is there.

        So the same call again, after an answer that was lost on the way, says the same; writers
        who race must put something of their own into the content.
        """

    def names(self, folder: str) -> list[str]:
        """What lies directly in `folder`, sorted: files and folders by their last part.

        Folders that were emptied may still be among them.
        """

    def sizes(self, folder: str) -> dict[str, int]:
        """Bytes of every file below `folder`, at any depth, by its full name."""

    def remove(self, name: str) -> None:
        """Delete, if it is there."""

    def rename(self, name: str, other: str) -> None:
        """Move, over anything there; nothing where `name` is gone."""
