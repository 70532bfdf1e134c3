"""Who only looks changes nothing, and hears what is damaged."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.store.files.local import LocalFiles
from orchestrator.store.records.read_only import ReadOnly, only_read
from orchestrator.store.sweeps.records import RunClaim

CLAIM = RunClaim(start="sweeps/a/starts/000001")


@pytest.fixture
def files(tmp_path: Path) -> LocalFiles:
    files = LocalFiles(tmp_path)
    CLAIM.write(files, "a/whole.json")
    files.write("a/broken.json", b"{")
    return files


CHANGES: dict[str, Callable[[ReadOnly], object]] = {
    "write": lambda files: files.write("a/it", b""),
    "create": lambda files: files.create("a/it", b""),
    "remove": lambda files: files.remove("a/it"),
    "rename": lambda files: files.rename("a/it", "a/other"),
}


@pytest.mark.parametrize("do", CHANGES.values(), ids=CHANGES.keys())
def test_a_change_is_a_mistake_of_the_program(
    files: LocalFiles, do: Callable[[ReadOnly], object]
) -> None:
    before = files.sizes("")
    with pytest.raises(AssertionError, match="a/it must not be changed by who only looks"):
        do(ReadOnly(files))
    assert files.sizes("") == before


def test_what_is_there_reads_the_same(files: LocalFiles) -> None:
    view = ReadOnly(files)
    assert view.url == files.url
    assert view.names("a") == files.names("a") == ["broken.json", "whole.json"]
    assert view.sizes("") == files.sizes("")
    assert RunClaim.read(view, "a/whole.json") == CLAIM


def test_what_is_damaged_is_named_stays_and_is_not_logged_as_set_aside(
    files: LocalFiles, caplog: pytest.LogCaptureFixture
) -> None:
    before = files.sizes("")
    with caplog.at_level(logging.WARNING):
        with only_read(files) as view:
            assert RunClaim.read(view, "a/broken.json") is None
        assert view.damaged == {"a/broken.json"}
        assert (files.sizes(""), caplog.messages) == (before, [])
        assert RunClaim.read(files, "a/broken.json") is None  # by who may change it
    assert "a/broken.json is set aside as a/broken.json.damaged" in caplog.text
    assert files.names("a") == ["broken.json.damaged", "whole.json"]
