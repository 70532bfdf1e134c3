"""Looks at a storage: behind a server several are under way at once."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from orchestrator.store import LocalFiles
from orchestrator.store.files.looks import LOOKS_AT_ONCE, mapped


class Away(LocalFiles):
    """A folder that says that it is behind a server."""

    @property
    def url(self) -> str:
        return "s3://bucket"


class Meeting(Away):
    """Reads of files of one name wait until so many are under way."""

    def __init__(self, root: Path, name: str, *, parties: int) -> None:
        super().__init__(root)
        self.met = 0
        self._name = name
        self._barrier = threading.Barrier(parties, action=self._count)

    def read(self, name: str) -> bytes | None:
        if name.endswith(f"/{self._name}"):
            self._barrier.wait(timeout=20)
        return super().read(name)

    def _count(self) -> None:
        self.met += 1


def meeting(parties: int) -> Any:
    """A look that ends once so many looks are under way."""
    barrier = threading.Barrier(parties)

    def look(item: int) -> int:
        barrier.wait(timeout=20)
        return 2 * item

    return look


def test_behind_a_server_several_looks_are_under_way_at_once(tmp_path: Path) -> None:
    seen = mapped(meeting(LOOKS_AT_ONCE), range(2 * LOOKS_AT_ONCE), Away(tmp_path))
    assert seen == tuple(range(0, 4 * LOOKS_AT_ONCE, 2)), "in their order"


def test_in_a_folder_one_comes_after_the_other(tmp_path: Path) -> None:
    names = []
    mapped(lambda _: names.append(threading.current_thread().name), range(3), LocalFiles(tmp_path))
    assert set(names) == {threading.current_thread().name}


def test_what_a_look_raises_is_raised(tmp_path: Path) -> None:
    def look(item: int) -> None:
        raise ValueError(f"item {item}")

    for files in (LocalFiles(tmp_path), Away(tmp_path)):
        with pytest.raises(ValueError, match="item 0"):
            mapped(look, range(2), files)
