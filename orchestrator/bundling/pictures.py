"""Pictures without what is written beside them: who made them, when, and with what."""

from __future__ import annotations

import re
import struct
import zlib

from orchestrator.bundling.layers import PNG, png_chunks

_SHOWN = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"pHYs", b"gAMA", b"sRGB"}
"""Chunks of a PNG file that say how it looks."""

_SVG_METADATA = re.compile(r"\s*<metadata\b.*?</metadata\s*>", re.DOTALL)
_SVG_COMMENT = re.compile(r"<!--(.*?)-->", re.DOTALL)


def bare_png(data: bytes) -> bytes:
    """Return a PNG file with the chunks alone that say how it looks."""
    kept = [PNG]
    for kind, chunk in png_chunks(data):
        if kind in _SHOWN:
            checksum = zlib.crc32(kind + chunk)
            kept.append(struct.pack(">I4s", len(chunk), kind) + chunk + struct.pack(">I", checksum))
    return b"".join(kept)


def bare_svg(text: str) -> str:
    """Return an SVG file without its metadata."""
    return _SVG_METADATA.sub("", text)


def drawn_texts(svg: str) -> str:
    """Return the texts of an SVG by matplotlib, which draws letters as paths and has each text in a
    comment beside them."""
    return "\n".join(_SVG_COMMENT.findall(svg))
