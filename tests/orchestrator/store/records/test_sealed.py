"""Records and blobs under a checksum: nothing half written, nothing damaged taken for whole."""

from __future__ import annotations

import logging
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.store import LocalFiles
from orchestrator.store.records.record import Plain, Record, Text
from orchestrator.store.records.sealed import read_blob, write_blob


class Example(Record):
    """A record of no meaning."""

    attempt: str
    seconds: float
    settings: Plain
    name: Text


RECORD = Example(
    attempt="x",
    seconds=0.1 + 0.2,
    settings={"several": [1, 2.5e-7, None]},
    name="Ünïcode, and \udcff that is none",
)


@st.composite
def damages(draw: st.DrawFn) -> Callable[[bytes], bytes]:
    """A bit flipped somewhere, or an end cut off."""
    share, bit = draw(st.floats(0, 1, exclude_max=True)), draw(st.integers(0, 8))

    def damage(data: bytes) -> bytes:
        position = int(share * len(data))
        if bit == 8:
            return data[:position]
        return bytes([*data[:position], data[position] ^ (1 << bit), *data[position + 1 :]])

    return damage


@settings(max_examples=50)
@given(damages())
def test_damaged_record_is_never_taken_for_another(damage: Callable[[bytes], bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        files = LocalFiles(Path(folder))
        RECORD.write(files, "it.json")
        files.write("it.json", damage(files.read("it.json") or b""))
        found = Example.read(files, "it.json")
        # a last digit or the letter of an exponent may change and mean the same number
        assert found in (None, RECORD)
        assert files.names("") == (["it.json"] if found else ["it.json.damaged"])


@settings(max_examples=50)
@given(damages(), st.booleans())
def test_damaged_blob_is_never_taken_for_whole(
    damage: Callable[[bytes], bytes], in_data: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        files = LocalFiles(Path(folder))
        write_blob(files, "it", b"some bytes that matter")
        name = "it" if in_data else "it.sha256"
        files.write(name, damage(files.read(name) or b""))
        found = read_blob(files, "it")
        if in_data:
            assert found is None
        assert found in (None, b"some bytes that matter")
        assert files.names("") == ["it" if found else "it.damaged", "it.sha256"]


@pytest.mark.parametrize("content", [b"", b"null", b"[]", b"{}", b"\xff", b'{"record": {}}', b"1"])
def test_foreign_content_is_no_record(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    files = LocalFiles(tmp_path)
    files.write("a/it.json", content)
    with caplog.at_level(logging.WARNING):
        assert Example.read(files, "a/it.json") is None
    assert "a/it.json is set aside as a/it.json.damaged" in caplog.text
    assert files.read("a/it.json.damaged") == content


def test_record_whose_name_stays_taken_is_not_set_aside(tmp_path: Path) -> None:
    files = LocalFiles(tmp_path)
    assert Example.peek(files, "it.json") is None
    RECORD.write(files, "it.json")
    assert Example.peek(files, "it.json") == RECORD
    files.write("it.json", b"{")
    assert Example.peek(files, "it.json") is None
    assert files.names("") == ["it.json"]
    assert not files.create("it.json", b"another")


def test_blob_without_checksum_does_not_count(tmp_path: Path) -> None:
    files = LocalFiles(tmp_path)
    files.write("it", b"bytes")
    assert read_blob(files, "it") is None
    assert files.names("") == ["it.damaged"]


def test_blob_that_is_being_written_is_no_damaged_one(tmp_path: Path) -> None:
    files = LocalFiles(tmp_path)
    is_over = threading.Event()

    def keep_reading() -> None:
        while not is_over.is_set():
            for name in files.names(""):
                if name.endswith(".pt"):
                    assert read_blob(files, name) == b"x" * 50_000
            time.sleep(0)

    with ThreadPoolExecutor(1) as threads:
        reader = threads.submit(keep_reading)
        for number in range(60):
            write_blob(files, f"{number}.pt", b"x" * 50_000)
        is_over.set()
        reader.result()
    assert not [name for name in files.names("") if name.endswith(".damaged")]


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="needs coreutils")
def test_checksums_are_those_of_sha256sum(tmp_path: Path) -> None:
    write_blob(LocalFiles(tmp_path), "weights.pt", b"bytes")
    command = ["sha256sum", "--check", "--strict", "weights.pt.sha256"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
