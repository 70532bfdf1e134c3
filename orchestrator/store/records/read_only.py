"""A view of files that are looked at and left as they are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from orchestrator.store.files.contract import Files
from orchestrator.store.records import sealed


class ReadOnly:
    """A view of files that changes none of them.

    What the readers of records would set aside as damaged stays where it is, is read as absent,
    and is named in `damaged`: to set it aside is for those who can make it anew.
    """

    def __init__(self, files: Files) -> None:
        """View `files`."""
        self.under = files
        self.damaged: set[str] = set()

    @property
    def url(self) -> str:
        return self.under.url

    def read(self, name: str) -> bytes | None:
        return self.under.read(name)

    def names(self, folder: str) -> list[str]:
        return self.under.names(folder)

    def sizes(self, folder: str) -> dict[str, int]:
        return self.under.sizes(folder)

    def write(self, name: str, data: bytes) -> None:
        raise _refused(name)

    def create(self, name: str, data: bytes) -> bool:
        raise _refused(name)

    def remove(self, name: str) -> None:
        raise _refused(name)

    def rename(self, name: str, other: str) -> None:
        if other != f"{name}.damaged":
            raise _refused(name)
        self.damaged.add(name)


@contextmanager
def only_read(files: Files) -> Iterator[ReadOnly]:
    """View files for the time of the block, in which the log does not say, as it would otherwise,
    that what is damaged was set aside."""

    def is_logged(_: object) -> bool:
        return False

    sealed.logger.addFilter(is_logged)
    try:
        yield ReadOnly(files)
    finally:
        sealed.logger.removeFilter(is_logged)


def _refused(name: str) -> AssertionError:
    return AssertionError(f"{name} must not be changed by who only looks")
