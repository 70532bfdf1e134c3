"""The terminal that every command prints to: lines, titled lines and tables for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.text import Text

from trainer.terminal.table import (
    Column,
    line_width,
    printable,
    table_width,
    terminal_table,
    titled,
)

LEAST_WIDTH = 20
"""Fewest characters of a line in which there is room for an id."""

USUAL_WIDTH = 80


def terminal(*, stderr: bool = False) -> Console:
    """Return standard output (or error) as a console for people. Text is printed as it is: neither
    as markup, nor with colours for what looks like a number.

    `COLUMNS` may say how wide it is. Nothing at all can be printed in the 0 that some shells set,
    and a line of 1 is a letter: where it is less than `LEAST_WIDTH`, it is taken for `USUAL_WIDTH`.
    """
    console = Console(stderr=stderr, highlight=False, markup=False)
    if console.width < LEAST_WIDTH:
        console.width = USUAL_WIDTH
    return console


def print_line(console: Console, line: str, *, style: str | None = None) -> None:
    """Print a line whole, however long it is, so that a command in it can be copied; characters
    without a shape of their own are escaped."""
    console.print(Text(printable(line)), style=style, soft_wrap=True)


def print_titled(console: Console, lines: Iterable[tuple[str, str]]) -> None:
    """Print lines, each a title and what is said under it; nothing where there are none."""
    if text := titled(lines, width=line_width(console)):
        console.print(text, soft_wrap=True)


def print_table(
    console: Console, columns: Sequence[Column], *, more: str, styles: Sequence[str] = ()
) -> None:
    """Print a table that fits the terminal; see `trainer.terminal.table.terminal_table`."""
    text = terminal_table(columns, width=table_width(console), more=more, styles=styles)
    console.print(text, soft_wrap=True)
