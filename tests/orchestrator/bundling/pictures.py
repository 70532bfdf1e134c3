"""Pictures with something written beside them."""

from __future__ import annotations

import struct
import zlib

from orchestrator.bundling.layers import PNG

HEADER_END = len(PNG) + 25


def with_text(png: bytes, keyword: bytes, text: bytes, kind: bytes = b"tEXt") -> bytes:
    """A PNG file with a text behind its header; that of a zTXt chunk is compressed."""
    packed = b"\0" + zlib.compress(text) if kind == b"zTXt" else text
    chunk = keyword + b"\0" + packed
    check = struct.pack(">I", zlib.crc32(kind + chunk))
    added = struct.pack(">I4s", len(chunk), kind) + chunk + check
    return png[:HEADER_END] + added + png[HEADER_END:]
