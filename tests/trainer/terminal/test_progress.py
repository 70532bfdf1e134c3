"""The bar: on a terminal alone, and in its caller's words."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from trainer.terminal.progress import progress_bar


def told(done: float) -> str:
    return f"[{done:.0f} of 4]"


def test_nothing_is_shown_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar(4, told) as bar:
        bar.reach(2)
        bar.advance(1)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("says_elapsed", [False, True])
def test_it_says_how_much_is_done(says_elapsed: bool) -> None:
    """And from its beginning, before anything is done."""
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=80)
    with progress_bar(4, told, console=console, says_elapsed=says_elapsed) as bar:
        bar.reach(2)
        bar.advance(1)
    assert "[3 of 4]" in screen.getvalue()
    with progress_bar(4, told, console=console, says_elapsed=says_elapsed):
        pass
    assert "[0 of 4]" in screen.getvalue()
