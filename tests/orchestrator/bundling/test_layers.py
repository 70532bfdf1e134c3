"""A name is found wherever it is packed: in archives, pictures, streams, data URIs."""

from __future__ import annotations

import base64
import gzip
import io
import zipfile
import zlib
from collections.abc import Callable

import numpy as np
import pytest

from orchestrator.bundling.archive import packed
from orchestrator.bundling.layers import PNG, first_trace
from orchestrator.bundling.pictures import bare_png, bare_svg
from orchestrator.bundling.traces import Trace, Traces
from tests.orchestrator.bundling.pictures import with_text

NAME = b"aliddell"
TRACES = Traces([Trace(text="aliddell", kind="user", neutral="user1", is_name=True)])

HEADER = b"\0\0\0\rIHDR" + b"\0" * 13 + b"\0\0\0\0"
PICTURE = PNG + HEADER + b"\0\0\0\0IEND\xaeB\x60\x82"


def npz(data: bytes) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, said=np.array(data.decode()))
    return buffer.getvalue()


def zipped(data: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.comment = data
    return buffer.getvalue()


PLACES: dict[str, Callable[[bytes], bytes]] = {
    "notes.txt": lambda data: b"of " + data,
    "bits.npz": npz,
    "old.zip": zipped,
    "log.gz": lambda data: gzip.compress(b"by " + data),
    "plain.png": lambda data: with_text(PICTURE, b"Author", data),
    "packed.png": lambda data: with_text(PICTURE, b"Author", data, b"zTXt"),
    "figure.pdf": lambda data: b"%PDF-1.4\nstream\n" + zlib.compress(data) + b"\nendstream",
    "author.pdf": lambda data: b"%PDF-1.4\n/Author (" + data + b")",
    "figure.svg": lambda data: b"<svg><!-- " + data + b" --></svg>",
    "page.html": lambda data: (
        b'<img src="data:image/png;base64,'
        + base64.b64encode(with_text(PICTURE, b"Author", data))
        + b'">'
    ),
}


@pytest.mark.parametrize("name", PLACES)
def test_a_name_is_found_in_every_byte(name: str) -> None:
    archive = packed({name: PLACES[name](NAME)}, folder="sweep")
    found = first_trace("the archive", archive, TRACES)
    assert found is not None
    place, trace = found
    assert place.startswith(f"the archive: sweep/{name}")
    assert trace.text == "aliddell"
    assert first_trace("it", packed({name: PLACES[name](b"nobodys")}, folder="x"), TRACES) is None


def test_a_name_of_a_file_is_found() -> None:
    assert first_trace("it", packed({"aliddell.py": b""}, folder="sweep"), TRACES) is not None
    assert first_trace("it", packed({"x.py": b""}, folder="of_aliddell"), TRACES) is not None


def test_pictures_keep_how_they_look_alone() -> None:
    for kind in (b"tEXt", b"zTXt"):
        assert bare_png(with_text(PICTURE, b"Author", NAME, kind)) == bare_png(PICTURE)
    assert bare_png(PICTURE).startswith(PNG + HEADER[:-4])
    svg = "<svg><metadata><x>2026</x></metadata><path/></svg>"
    assert bare_svg(svg) == "<svg><path/></svg>"


def test_equal_files_make_equal_archives() -> None:
    files = {"b": b"2", "a": b"1"}
    again = dict(reversed(files.items()))
    assert packed(files, folder="x") == packed(again, folder="x")
