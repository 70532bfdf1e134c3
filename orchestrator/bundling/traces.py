"""Traces: texts that tell who ran a sweep, or where. They are found, and replaced by neutral words.

A name (a host, a user) is found as a word of its own, whatever its case: `alice` in `alice_pgd`,
not in `malice`. A path or an address is found wherever it is written. Both are found too as JSON,
HTML and URLs spell them. What is replaced and what is searched for go by the same rule, so that
after the one the other finds nothing.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import quote

SHORT = 5
"""Fewest characters of a name that is looked for in compressed bytes and in the code of a page: in
these a shorter one stands by chance. Both are searched once they are unpacked as well."""

_CODE = re.compile(
    r"(<style\b.*?</style\s*>|<script\b(?![^>]*json).*?</script\s*>|<(?!!--)[^>]*>)",
    re.DOTALL | re.IGNORECASE,
)
"""Pattern of what is no prose in HTML and SVG: tags, styles, scripts; data and comments are."""


@dataclass(frozen=True, kw_only=True)
class Trace:
    """A text that tells who ran a sweep, or where."""

    text: str
    kind: str
    """What it is, in a word or two: `host`, `user`, `storage`."""

    neutral: str
    """Word that takes its place."""

    is_name: bool
    """Whether it is found as a word of its own, whatever its case."""

    @cached_property
    def spellings(self) -> tuple[str, ...]:
        """The text as plain text, JSON, HTML and URLs have it, each once."""
        text = self.text
        found = (
            text,
            json.dumps(text)[1:-1],
            json.dumps(text, ensure_ascii=False)[1:-1],
            html.escape(text),
            quote(text, safe="/:@"),
            quote(text, safe=""),
        )
        return tuple(dict.fromkeys(found))

    @property
    def is_short(self) -> bool:
        """Whether it stands in compressed bytes and in code by chance."""
        return self.is_name and len(self.text) < SHORT

    @property
    def _is_lone(self) -> bool:
        """Whether it is a folder in the root, as `/root` is, which may end other paths."""
        return self.text.startswith("/") and self.text.count("/") == 1

    def pattern(self) -> str:
        """Return a regular expression that finds it in a text."""
        spelled = "|".join(map(re.escape, self.spellings))
        if self.is_name:
            return rf"(?<![^\W_])(?i:{spelled})(?![^\W_])"
        before = r"(?<![\w.-])" if self._is_lone else ""
        return rf"{before}(?:{spelled})(?![\w-])"

    def is_in(self, data: bytes) -> bool:
        """Whether it stands in bytes, in UTF-8, UTF-16 or UTF-32, which NumPy has."""
        if self.is_name:
            data = data.lower()
        for spelled in self.spellings:
            wanted = spelled.lower() if self.is_name else spelled
            for encoding in ("utf-8", "utf-16-le", "utf-32-le"):
                if self._stands(wanted.encode(encoding), data):
                    return True
        return False

    def _stands(self, needle: bytes, data: bytes) -> bool:
        at = data.find(needle)
        while at >= 0:
            end = at + len(needle)
            before, after = data[max(at - 1, 0) : at], data[end : end + 1]
            if self.is_name:
                is_free = not before.isalnum() and not after.isalnum()
            else:
                is_free = not _continues(after) and not (self._is_lone and _leads(before))
            if is_free:
                return True
            at = data.find(needle, at + 1)
        return False


def _continues(after: bytes) -> bool:
    return after.isalnum() or after in {b"_", b"-"}


def _leads(before: bytes) -> bool:
    return before.isalnum() or before in {b"_", b"-", b"."}


class Traces:
    """All texts that tell who ran a sweep, or where; the longest first."""

    def __init__(self, found: Iterable[Trace]) -> None:
        """Take traces, of equal texts the first alone."""
        once: dict[str, Trace] = {}
        for trace in found:
            once.setdefault(trace.text.casefold() if trace.is_name else trace.text, trace)
        self._all = sorted(once.values(), key=lambda it: (-len(it.text), it.text))

    def __iter__(self) -> Iterator[Trace]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    def replaced(self, text: str) -> str:
        """Return a text with a neutral word in the place of each trace."""
        return self._replaced(text, self._all)

    def are_in(self, text: str) -> bool:
        """Whether any stands in a text."""
        return self.replaced(text) != text

    def replaced_in_markup(self, text: str) -> str:
        """Return HTML or SVG with neutral words; in tags short names are left, and scripts as they
        are: a page runs those alone whose SHA-256 it says."""
        longer = [trace for trace in self._all if not trace.is_short]
        parts = _CODE.split(text)
        return "".join(
            part
            if at % 2 and part.lower().startswith(("<script", "<style"))
            else self._replaced(part, longer if at % 2 else self._all)
            for at, part in enumerate(parts)
        )

    def first_in(self, data: bytes, *, is_packed: bool) -> Trace | None:
        """Return a trace that stands in bytes; None where none does.

        Args:
            is_packed: whether the bytes are compressed, or code, in which short names stand by
                chance.
        """
        wanted = (trace for trace in self._all if not (is_packed and trace.is_short))
        return next((trace for trace in wanted if trace.is_in(data)), None)

    def _replaced(self, text: str, traces: Iterable[Trace]) -> str:
        by_spelling = {
            spelled.casefold() if trace.is_name else spelled: trace.neutral
            for trace in reversed([*traces])
            for spelled in trace.spellings
        }
        patterns = [trace.pattern() for trace in traces]
        if not patterns:
            return text

        def neutral(found: re.Match[str]) -> str:
            return by_spelling.get(found[0]) or by_spelling[found[0].casefold()]

        return re.sub("|".join(patterns), neutral, text)


def prose_and_code(markup: str) -> tuple[str, str]:
    """Return what of HTML or SVG is prose, comments and data, and what is code."""
    parts = _CODE.split(markup)
    return "\n".join(parts[::2]), "\n".join(parts[1::2])


def scripts_in(markup: str) -> str:
    """Return the scripts and styles of HTML, as they are run."""
    code = _CODE.split(markup)[1::2]
    return "\n".join(part for part in code if part.lower().startswith(("<script", "<style")))
