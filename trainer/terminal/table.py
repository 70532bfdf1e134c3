"""Tables on a terminal: as many columns as fit, each of their cells whole.

Columns that are empty throughout are left out; one that says the same in every row is shown once,
below. Where the rest is too wide, headers are broken between words, and so are sentences and long
labels; then columns get room by their importance, and those that have none are named. No number
and no id is ever cut, nor any word.

Text that comes from outside is shown as it is written: what a terminal would take for an order, a
line break or another direction appears as its escape.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

LEAST_SENTENCE = 24
"""Fewest characters that a column of sentences has in a row."""

LEAST_LABEL = 20
"""Fewest characters that a column of labels has in a row."""

TITLE_WIDTH = 12

_NUMBER = re.compile(r"-?\d+(\.\d*)?")


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a table for people."""

    name: str
    cells: Sequence[str]
    importance: int = 0
    """Importance of the column: the least important go first where there is no room."""

    is_number: bool = False
    """Whether cells are numbers, aligned at their points, or at the right if any is odd."""

    is_sentence: bool = False
    """Whether cells are sentences, which may be broken between words."""

    is_label: bool = False
    """Whether cells are labels that a user made up, which may be broken where a header may."""

    stays: bool = False
    """Whether the column is shown even where it says the same in every row."""


def printable(text: str) -> str:
    """Return `text` on one line, with an escape for each character that has no shape of its own."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def table_width(console: Console) -> int | None:
    """Return the characters that a table has on the console; None, whatever it takes, where that is
    no terminal and no `COLUMNS` says otherwise."""
    return console.width if console.is_terminal or "COLUMNS" in os.environ else None


def line_width(console: Console) -> int | None:
    """Return the characters of a line of text on the console; None where it is no terminal: whoever
    searches a file finds each line whole."""
    return console.width if console.is_terminal else None


def are_numbers(cells: Iterable[str]) -> bool:
    """Whether all cells that are not empty are numbers."""
    return all(_NUMBER.fullmatch(cell) for cell in cells if cell)


def titled(lines: Iterable[tuple[str, str]], *, width: int | None) -> Text:
    """Lay out lines, each a title and what is said under it; print them with `soft_wrap=True`.

    What is longer than `width` goes on below, beside its title; words, paths and commands stay
    whole, so that they can be copied.
    """
    lines = tuple(lines)
    room = max([TITLE_WIDTH, *(cell_len(title) + 1 for title, _ in lines)])
    size = None if width is None else max(width - room, LEAST_SENTENCE)
    return Text(
        "\n".join(
            f"{'' if at else title:{room}}{line}"
            for title, text in lines
            for at, line in enumerate(text_lines(text, width=size))
        )
    )


def text_lines(text: str, *, width: int | None) -> list[str]:
    """Split a text into lines of `width` characters between words alone; None: one line."""
    return _wrapped(printable(text), sys.maxsize if width is None else width)


def terminal_table(
    columns: Sequence[Column], *, width: int | None, more: str, styles: Sequence[str] = ()
) -> Text:
    """Lay out a table that fits in `width` characters; print it with `soft_wrap=True`.

    It is wider only where the most important column alone is. Of equally important columns the
    narrow come first, and one for which there is no room leaves it to the less important.

    Args:
        columns: in the order in which they stand, their cells of equal number.
        width: characters of the terminal; None: whatever it takes, with every column.
        more: where columns that have no room can be seen, such as `--json`.
        styles: those of the rows; none: no styles.
    """
    shown = [_ready(column) for column in columns if any(column.cells)]
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


def _ready(column: Column) -> Column:
    """Return columns with text that may be shown, and numbers one under the other."""
    cells = [printable(cell).rstrip() for cell in column.cells]
    if column.is_number and are_numbers(cells):
        decimals = [len(cell) - len(cell.partition(".")[0]) for cell in cells]  # with their point
        cells = [c and c + " " * (max(decimals) - d) for c, d in zip(cells, decimals, strict=True)]
    return replace(column, name=printable(column.name), cells=cells)


def _told_once(columns: Sequence[Column]) -> tuple[list[Column], list[tuple[str, str]]]:
    """Split off columns that say the same in every row and need not stay; return what they say."""

    def is_same(column: Column) -> bool:
        return not column.stays and len(column.cells) > 1 and len(set(column.cells)) == 1

    same = [(column.name, column.cells[0].rstrip()) for column in columns if is_same(column)]
    return [column for column in columns if not is_same(column)], same


def _fitted(columns: Sequence[Column], width: int) -> tuple[list[Column], int, list[str]]:
    """Choose the columns that fit; also the characters between them, and the others' names."""
    least = list(map(_least_width, columns))

    def taken(chosen: Iterable[int], gap: int) -> int:
        return sum(least[at] + gap for at in chosen) - gap

    chosen: set[int] = set()
    for at in sorted(range(len(columns)), key=lambda at: (-columns[at].importance, least[at])):
        if not chosen or taken(chosen | {at}, 1) <= width:
            chosen.add(at)
    shown = [column for at, column in enumerate(columns) if at in chosen]
    left_out = [column.name for at, column in enumerate(columns) if at not in chosen]
    return shown, 2 if taken(chosen, 2) <= width else 1, left_out


def _rows(columns: Sequence[Column], width: int, gap: int) -> list[list[str]]:
    """Return the header and each row, as the lines that it takes."""
    widths = list(map(_least_width, columns))
    spare = width - sum(widths) - gap * (len(columns) - 1)
    for at, column in enumerate(columns):  # headers, labels, sentences have what room is left
        wanted = max(cell_len(column.name), _widest(column.cells))
        more = max(0, min(spare, wanted - widths[at]))
        widths[at] += more
        spare -= more
    header = [
        _filled(_words(column.name), size) for column, size in zip(columns, widths, strict=True)
    ]
    height = max(map(len, header), default=0)
    rows = [[[""] * (height - len(lines)) + lines for lines in header]]
    for cells in zip(*(column.cells for column in columns), strict=True):
        rows.append(
            [
                _cell_lines(column, cell, size)
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
    """Fewest characters of a column with its header, and its cells if they may be, broken."""
    cells = _widest(column.cells)
    if column.is_sentence:
        words = (word for cell in column.cells for word in cell.split())
        cells = min(cells, max(LEAST_SENTENCE, _widest(words)))
    elif column.is_label:
        cells = min(cells, max(LEAST_LABEL, _widest_word(column.cells)))
    return max(cells, _widest_word([column.name]))


def _cell_lines(column: Column, cell: str, size: int) -> list[str]:
    if column.is_sentence:
        return _wrapped(cell, size)
    return _filled(_words(cell), size) if column.is_label else [cell]


def _filled(parts: Iterable[str], size: int) -> list[str]:
    """Fill lines of `size` characters with parts, each of which stays whole."""
    lines = [""]
    for part in parts:
        if lines[-1] and cell_len(lines[-1] + part.rstrip()) > size:
            lines.append("")
        lines[-1] += part
    return [line.rstrip() for line in lines]


def _wrapped(text: str, size: int) -> list[str]:
    """Break a text into lines of words; a command is one word."""
    return _filled(re.findall(r"^ +[^ ]+ *|python -m .*|[^ ]+ *", text), size)


def _words(name: str) -> list[str]:
    """Split a header or a label into parts, after a space, an underscore or a point."""
    return re.findall(r"[^ _.]*[ _.]?", name)[:-1]


def _widest_word(texts: Iterable[str]) -> int:
    return _widest(word.rstrip() for text in texts for word in _words(text))


def _widest(texts: Iterable[str]) -> int:
    return max(map(cell_len, texts), default=0)
