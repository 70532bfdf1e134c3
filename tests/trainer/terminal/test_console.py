"""The terminal is wide enough for a word, whatever the environment says."""

from __future__ import annotations

import pytest

from trainer.terminal.console import USUAL_WIDTH, terminal


@pytest.mark.parametrize("columns", ["0", "1", "19"])
def test_no_width_makes_output_vanish(
    columns: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    console = terminal()
    console.print("nothing is left out [of this]")
    assert console.width == USUAL_WIDTH
    assert capsys.readouterr().out == "nothing is left out [of this]\n"


@pytest.mark.parametrize("columns", ["20", "80", "140"])
def test_columns_say_the_width(columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert terminal().width == int(columns)


@pytest.mark.parametrize("columns", ["abc", "-5", ""])
def test_columns_that_are_no_number_count_for_nothing(
    columns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert terminal(stderr=True).width >= 20
