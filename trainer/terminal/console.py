"""The terminal that every command prints to."""

from __future__ import annotations

from rich.console import Console

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
