"""Names and text as MLflow takes them: labels in a sweep file may have any characters.

MLflow lets names of metrics and parameters be of letters, digits, `_ - . : /` and spaces, 250 at
most, and no other name when read as a path. It refuses whole batches for one name that is not so.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
from functools import lru_cache

MAX_NAME_LENGTH = 250

_OTHERS = re.compile(r"[^/\w.\- :]")
_DIGITS = 8  # of the hash that tells an altered name from others


@lru_cache(maxsize=10_000)
def valid_name(name: str) -> str:
    """Return `name` if MLflow takes it, or else one that it takes: `_` for each character it does
    not, then eight digits of the name's SHA-256, so that it is always the same and no other
    name's."""
    if _is_valid(name):
        return name
    segments = _OTHERS.sub("_", name).split("/")
    plain = "/".join(segment if segment.strip(". ") else "_" for segment in segments)
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]
    return f"{plain[: MAX_NAME_LENGTH - 1 - _DIGITS]} {digest}"


def text(value: object) -> str:
    """Return `value` for people, on one line: what does not print is written as its escape (`\\n`,
    `\\x00`), since databases refuse some of it."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode()
        for each in str(value)
    )


def _is_valid(name: str) -> bool:
    is_own_path = posixpath.normpath(name) == name and not name.startswith(("/", ".."))
    return (
        name not in {"", "."}
        and is_own_path
        and len(name) <= MAX_NAME_LENGTH
        and _OTHERS.search(name) is None
    )
