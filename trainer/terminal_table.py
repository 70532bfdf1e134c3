"""Tables on a terminal: as many columns as fit, each of their cells whole.

Columns that are empty throughout are left out; one that says the same in every row is told once,
below. Where the rest is too wide, headers are broken between words, then the least important
columns go, which is told too. No number and no id is ever cut; only a column of sentences is
broken, between words.

Text that comes from outside is shown as it is written: what a terminal would take for an order, a
line break or another direction appears as its escape.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from textwrap import wrap

from rich.cells import cell_len
from rich.text import Text

LEAST_SENTENCE = 24
"""Characters that a column of sentences has in a row, at least."""

TITLE_WIDTH = 12


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a table for people."""

    name: str
    cells: Sequence[str]
    importance: int = 0
    """The columns of the least go first where there is no room."""

    is_number: bool = False
    """Numbers are aligned at the right."""

    is_sentence: bool = False
    """Sentences may be broken between words."""

    stays: bool = False
    """It is shown even where it says the same in every row."""


def printable(text: str) -> str:
    """`text` on one line, with an escape for each character that has no shape of its own."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def titled(lines: Iterable[tuple[str, str]]) -> Text:
    """Lines, each a title and what is said under it."""
    return Text("\n".join(f"{title:{TITLE_WIDTH}}{printable(text)}" for title, text in lines))


def terminal_table(
    columns: Sequence[Column], *, width: int | None, more: str, styles: Sequence[str] = ()
) -> Text:
    """A table that fits in `width` characters; print it with `soft_wrap=True`.

    It is wider only where the most important column alone is.

    Args:
        columns: in the order in which they stand, their cells of equal number.
        width: of the terminal; None: whatever it takes, with every column.
        more: where columns that have no room can be seen, such as `--json`.
        styles: of the rows; no styles, none.
    """
    shown = [
        replace(column, name=printable(column.name), cells=[printable(c) for c in column.cells])
        for column in columns
        if any(column.cells)
    ]
    same: list[tuple[str, str]] = []
    left_out: list[str] = []
    gap = 2
    if width is None:
        width = sys.maxsize
    else:
        shown, same = _told_once(shown)
        shown, gap, left_out = _fitted(shown, width)
    rows = _rows(shown, width, gap)
    text = Text()
    for at, lines in enumerate(rows):
        style = styles[at - 1] if styles and at > 0 else ("bold" if at == 0 else "")
        for line in lines:
            text.append("\n" if len(text) else "").append(line.rstrip(), style=style)
    notes = [("in all rows", ", ".join(f"{name} {cell}" for name, cell in same))] if same else []
    if left_out:
        notes.append(("no room for", f"{', '.join(left_out)}; see {more}"))
    for title, note in notes:
        for at, line in enumerate(_wrapped(note, max(width - TITLE_WIDTH, LEAST_SENTENCE))):
            text.append(f"\n{'' if at else title:{TITLE_WIDTH}}{line}", style="dim")
    return text


def _told_once(columns: Sequence[Column]) -> tuple[list[Column], list[tuple[str, str]]]:
    """Columns that differ from row to row, or stay; and what the others say in all rows."""

    def is_same(column: Column) -> bool:
        return not column.stays and len(column.cells) > 1 and len(set(column.cells)) == 1

    same = [(column.name, column.cells[0]) for column in columns if is_same(column)]
    return [column for column in columns if not is_same(column)], same


def _fitted(columns: Sequence[Column], width: int) -> tuple[list[Column], int, list[str]]:
    """The columns for which there is room, characters between them, and the others' names."""
    shown = list(columns)
    left_out: list[str] = []
    while True:
        for gap in (2, 1):
            taken = sum(map(_least_width, shown)) + gap * (len(shown) - 1)
            if taken <= width or len(shown) == 1:
                return shown, gap, left_out
        least = min(reversed(shown), key=lambda column: column.importance)
        shown.remove(least)
        left_out.insert(0, least.name)


def _rows(columns: Sequence[Column], width: int, gap: int) -> list[list[str]]:
    """The header and each row, as the lines that it takes."""
    widths = list(map(_least_width, columns))
    spare = width - sum(widths) - gap * (len(columns) - 1)
    for at, column in enumerate(columns):  # headers and sentences have what room is left
        wanted = max(cell_len(column.name), _widest(column.cells))
        more = max(0, min(spare, wanted - widths[at]))
        widths[at] += more
        spare -= more
    header = [
        _header_lines(column.name, size) for column, size in zip(columns, widths, strict=True)
    ]
    height = max(map(len, header), default=0)
    rows = [[[""] * (height - len(lines)) + lines for lines in header]]
    for cells in zip(*(column.cells for column in columns), strict=True):
        rows.append(
            [
                _wrapped(cell, size) if column.is_sentence else [cell]
                for column, cell, size in zip(columns, cells, widths, strict=True)
            ]
        )
    return [_lines(row, columns, widths, gap) for row in rows]


def _lines(
    row: Sequence[Sequence[str]], columns: Sequence[Column], widths: Sequence[int], gap: int
) -> list[str]:
    lines = []
    for at in range(max(map(len, row), default=0)):
        parts = [part[at] if at < len(part) else "" for part in row]
        lines.append(
            (" " * gap).join(
                " " * (size - cell_len(part)) + part
                if column.is_number
                else part + " " * (size - cell_len(part))
                for column, part, size in zip(columns, parts, widths, strict=True)
            )
        )
    return lines


def _least_width(column: Column) -> int:
    """With its header broken wherever it may be."""
    cells = _widest(column.cells)
    if column.is_sentence:
        cells = min(cells, max(LEAST_SENTENCE, _widest(" ".join(column.cells).split())))
    return max(cells, _widest(_words(column.name)))


def _header_lines(name: str, size: int) -> list[str]:
    lines = [""]
    for word in _words(name):
        if lines[-1] and cell_len(lines[-1] + word.rstrip()) > size:
            lines.append("")
        lines[-1] += word
    return [line.rstrip() for line in lines]


def _wrapped(text: str, size: int) -> list[str]:
    return wrap(text, size, break_long_words=False, break_on_hyphens=False)


def _words(name: str) -> list[str]:
    """Where a header may be broken: after a space, an underscore, a point."""
    return re.findall(r"[^ _.]*[ _.]?", name)[:-1]


def _widest(texts: Iterable[str]) -> int:
    return max((cell_len(text.rstrip()) for text in texts), default=0)
