"""A file is whole or as it was before."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainer.input.whole_file import write_whole, written_whole


def test_a_file_takes_the_place_of_another(tmp_path: Path) -> None:
    path = tmp_path / "it.npz"
    for data in (b"first", b"second"):
        write_whole(path, data)
        assert path.read_bytes() == data
    assert [path] == list(tmp_path.iterdir())


def test_nobody_sees_a_file_that_is_being_written(tmp_path: Path) -> None:
    path = tmp_path / "it.npz"
    with written_whole(path) as unfinished:
        unfinished.write_bytes(b"ha")
        assert not path.exists()
        assert unfinished.parent == tmp_path, "a rename is whole within one file system alone"
    assert path.read_bytes() == b"ha"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_what_breaks_off_leaves_what_was_there(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "it.npz"
    write_whole(path, b"before")
    with pytest.raises(error), written_whole(path) as unfinished:
        unfinished.write_bytes(b"ha")
        raise error
    assert path.read_bytes() == b"before"
    assert [path] == list(tmp_path.iterdir())


def test_what_was_killed_is_written_over(tmp_path: Path) -> None:
    path = tmp_path / "it.npz"
    with written_whole(path) as unfinished:
        left = unfinished
        unfinished.write_bytes(b"whole")
    left.write_bytes(b"half")
    write_whole(path, b"next")
    assert path.read_bytes() == b"next"
    assert [path] == list(tmp_path.iterdir())


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_whole(tmp_path / "none" / "it.npz", b"")
