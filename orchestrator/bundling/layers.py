"""The bytes of a file, and all that is packed within them, layer by layer.

What a name would be hidden in by compression or an encoding is unpacked: members of ZIP archives
(NumPy's too), gzip, the text of PNG files, the streams of PDF files, data URIs in Base64.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from orchestrator.bundling.traces import Trace, Traces, prose_and_code

PNG = b"\x89PNG\r\n\x1a\n"
MARKUP = (".html", ".svg")

_DATA_URI = re.compile(rb"base64,\s*([A-Za-z0-9+/=\s]{16,})")
_PDF_STREAM = re.compile(rb"stream\r?\n(.*?)\r?\nendstream", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Layer:
    """Bytes that lie within a file."""

    place: str
    """File, and what of it, such as `front.png: its texts`."""

    data: bytes
    is_packed: bool
    """Whether they are compressed, or the code of a page."""


def layers(name: str, data: bytes) -> Iterator[Layer]:
    """Yield a file's bytes, and those of all that is packed in it."""
    if data.startswith(PNG):
        yield Layer(place=name, data=data, is_packed=True)
        for kind, chunk in png_chunks(data):
            if kind != b"IDAT":
                yield from _layers_of_chunk(name, kind, chunk)
    elif data.startswith(b"PK"):
        yield Layer(place=name, data=data, is_packed=True)
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            yield Layer(place=f"{name}: its comment", data=archive.comment, is_packed=False)
            for member in archive.infolist():
                place = f"{name}: {member.filename}"
                said = b"\n".join((member.filename.encode(), member.comment, member.extra))
                yield Layer(place=place, data=said, is_packed=False)
                yield from layers(place, archive.read(member))
    elif data.startswith(b"\x1f\x8b"):
        yield Layer(place=name, data=data, is_packed=True)
        yield from layers(f"{name}: unpacked", gzip.decompress(data))
    elif data.startswith(b"%PDF"):
        yield Layer(place=name, data=data, is_packed=True)
        yield Layer(place=name, data=_PDF_STREAM.sub(b"", data), is_packed=False)
        for stream in _PDF_STREAM.findall(data):
            yield from _inflated(f"{name}: a stream", stream)
    elif name.endswith(MARKUP):
        prose, code = prose_and_code(data.decode(errors="replace"))
        yield Layer(place=name, data=prose.encode(), is_packed=False)
        yield Layer(place=name, data=code.encode(), is_packed=True)
        for encoded in _DATA_URI.findall(data):
            yield from _decoded(f"{name}: data in it", encoded)
    else:
        yield Layer(place=name, data=data, is_packed=False)


def first_trace(name: str, data: bytes, traces: Traces) -> tuple[str, Trace] | None:
    """Return where in a file a trace stands, and which; None where none does anywhere."""
    for layer in layers(name, data):
        found = traces.first_in(layer.data, is_packed=layer.is_packed)
        if found is not None:
            return layer.place, found
    return None


def png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield kind and content of each chunk of a PNG file."""
    at = len(PNG)
    while at + 8 <= len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        yield kind, data[at + 8 : at + 8 + length]
        at += 12 + length


def _layers_of_chunk(name: str, kind: bytes, chunk: bytes) -> Iterator[Layer]:
    place = f"{name}: {kind.decode('latin-1')}"
    yield Layer(place=place, data=chunk, is_packed=False)
    if kind in {b"zTXt", b"iTXt", b"iCCP"}:
        for at in (i for i, byte in enumerate(chunk) if byte == 0):
            yield from _inflated(place, chunk[at + 1 :].removeprefix(b"\0"))


def _inflated(place: str, data: bytes) -> Iterator[Layer]:
    try:
        yield Layer(place=place, data=zlib.decompressobj().decompress(data), is_packed=False)
    except zlib.error:
        yield Layer(place=place, data=data, is_packed=False)


def _decoded(place: str, encoded: bytes) -> Iterator[Layer]:
    try:
        yield from layers(place, base64.b64decode(encoded))
    except (binascii.Error, ValueError):
        return  # no Base64: its own bytes are searched as they are
