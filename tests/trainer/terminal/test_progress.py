"""The bar: on a terminal alone, and in its caller's words."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from trainer.terminal import progress
from trainer.terminal.progress import progress_bar


def told(done: float) -> str:
    return f"[{done:.0f} of 4]"


def test_nothing_is_shown_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar(4, told) as bar:
        bar.reach(2)
        bar.advance(1)
    assert capsys.readouterr() == ("", "")


def test_it_says_how_much_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=80)
    monkeypatch.setattr(progress, "terminal", lambda *, stderr: console)
    with progress_bar(4, told) as bar:
        bar.reach(2)
        bar.advance(1)
    assert "[3 of 4]" in screen.getvalue()
