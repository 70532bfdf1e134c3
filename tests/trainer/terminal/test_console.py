"""The terminal is wide enough for a word, whatever the environment says."""

from __future__ import annotations

import pytest

from trainer.terminal.console import (
    USUAL_WIDTH,
    print_line,
    print_table,
    print_titled,
    terminal,
)
from trainer.terminal.table import Column


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


# --- what is printed on it

WIDE = "x" * 200


def test_a_line_stays_whole_and_harmless(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    print_line(terminal(), f"{WIDE} [bold]\x1b[2J\n")
    assert capsys.readouterr().out == f"{WIDE} [bold]\\x1b[2J\\n\n"


def test_titles_stand_in_one_column(capsys: pytest.CaptureFixture[str]) -> None:
    print_titled(terminal(), [("trials", "2 done"), ("", "and 3 more")])
    assert capsys.readouterr().out == "trials      2 done\n            and 3 more\n"
    print_titled(terminal(), [("unreferenced", "5 files"), ("beat", "1 files")])
    assert capsys.readouterr().out == "unreferenced 5 files\nbeat         1 files\n"
    print_titled(terminal(), [])
    assert capsys.readouterr().out == ""


def test_a_table_says_where_the_rest_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    columns = [
        Column(name="id", cells=["a", "b"], importance=2),
        Column(name="hosts", cells=["h" * 40, "h" * 41], importance=1),
    ]
    print_table(terminal(), columns, more="--json")
    assert capsys.readouterr().out == "id\na\nb\nno room for hosts; see --json\n"
