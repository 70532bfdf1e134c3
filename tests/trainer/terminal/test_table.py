"""Tables on a terminal fit it, whole cells first, and obey nothing that is written in them."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from trainer.terminal.table import Column, are_numbers, printable, terminal_table, titled

IDS = ["t015cc3ea520cb4ac", "t1b19636d91da51e2"]
COLUMNS = [
    Column(name="trial_id", cells=IDS, importance=9, stays=True),
    Column(name="method", cells=["pareto", "pareto_absolute"], importance=8),
    Column(name="pgd.epsilon", cells=["0.0314", "0.2"], importance=3),
    Column(name="host", cells=["a-machine-with-a-long-name.example.org", "b"], importance=1),
    Column(name="seed", cells=["0", "0"], importance=2, is_number=True),
    Column(name="robustness_score", cells=["-0.0333", "12.5000"], importance=7, is_number=True),
    Column(name="failure", cells=["", ""], importance=5),
]


NOTES = ("in all rows", "no room for")


def shown(width: int | None, columns: list[Column] = COLUMNS) -> list[str]:
    return terminal_table(columns, width=width, more="--json").plain.splitlines()


def test_what_fits_is_shown_and_what_is_the_same_is_said_once() -> None:
    assert shown(140) == [
        "trial_id           method           pgd.epsilon  host"
        "                                    robustness_score",
        "t015cc3ea520cb4ac  pareto           0.0314       a-machine-with-a-long-name.example.org"
        "           -0.0333",
        "t1b19636d91da51e2  pareto_absolute  0.2          b"
        "                                                12.5000",
        "in all rows seed 0",
    ]


def test_the_least_important_go_first_and_are_named() -> None:
    assert shown(60) == [
        "                                                 robustness_",
        "trial_id           method           pgd.epsilon        score",
        "t015cc3ea520cb4ac  pareto           0.0314           -0.0333",
        "t1b19636d91da51e2  pareto_absolute  0.2              12.5000",
        "in all rows seed 0",
        "no room for host; see --json",
    ]


def test_without_a_width_every_column_that_says_anything_is_there() -> None:
    header, *rows = shown(None)
    assert header.split() == [column.name for column in COLUMNS if any(column.cells)]
    assert len(rows) == 2


def test_sentences_alone_are_broken_and_between_words() -> None:
    cells = ["train, then evaluate under the suite", "nothing"]
    sentence = Column(name="to do", cells=cells, is_sentence=True)
    lines = shown(50, [COLUMNS[0], sentence])
    assert lines == [
        "trial_id           to do",
        "t015cc3ea520cb4ac  train, then evaluate under the",
        "                   suite",
        "t1b19636d91da51e2  nothing",
    ]


def test_who_has_no_room_leaves_it_to_the_narrow() -> None:
    host = replace(COLUMNS[3], importance=6)
    lines = shown(60, [COLUMNS[0], host, *COLUMNS[1:3]])
    assert lines[0].split() == ["trial_id", "method", "pgd.epsilon"]
    assert lines[-1] == "no room for host; see --json"


def test_long_labels_are_broken_where_a_header_may_be_before_a_column_goes() -> None:
    cells = ["pareto_with_rather_a_long_label", "pgd"]
    label = Column(name="method", cells=cells, importance=8, is_label=True)
    assert shown(60, [COLUMNS[0], label])[1].endswith("  pareto_with_rather_a_long_label")
    assert shown(54, [COLUMNS[0], label, COLUMNS[5]]) == [
        "                                           robustness_",
        "trial_id           method                        score",
        "t015cc3ea520cb4ac  pareto_with_rather_a_       -0.0333",
        "                   long_label",
        "t1b19636d91da51e2  pgd                         12.5000",
    ]


def test_of_equally_important_columns_the_narrow_have_room_first() -> None:
    wide = replace(COLUMNS[3], name="wide", importance=4)
    narrow = Column(name="r", cells=["0.5", "0.25"], importance=4)
    assert shown(36, [COLUMNS[0], wide, narrow])[0].split() == ["trial_id", "r"]


def test_numbers_stand_with_their_points_one_under_the_other() -> None:
    cells = ["0.25", "", "100", "-3.5"]
    assert shown(80, [Column(name="r", cells=cells, is_number=True)]) == [
        "     r",
        "  0.25",
        "",
        "100",
        " -3.5",
    ]
    assert are_numbers(cells)
    assert not are_numbers(["1e-7"])
    assert shown(80, [Column(name="steps", cells=["5", "mean"], is_number=True)])[1] == "    5"


ID = st.integers(0, 16**16 - 1).map(lambda number: f"t{number:016x}")
STATE = st.sampled_from(["pending", "failed", "done, collapsed", "running, 45% evaluated"])
NUMBERS = st.one_of(
    st.integers(-(10**20), 10**20).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.just(""),
)
LABELS = st.text(alphabet="ab_.漢é", max_size=40)
SENTENCES = st.lists(st.text(alphabet="abé漢", min_size=1, max_size=9), max_size=9).map(" ".join)
NAMES = st.lists(st.text(alphabet="abc", min_size=1, max_size=14), min_size=1, max_size=3)


@st.composite
def tables(draw: st.DrawFn) -> list[Column]:
    """Tables with an id and a state, and columns of every kind of any importance below theirs."""
    rows = draw(st.integers(2, 4))

    def column(strategy: st.SearchStrategy[str]) -> list[str]:
        return draw(st.lists(strategy, min_size=rows, max_size=rows))

    others = []
    for at in range(draw(st.integers(0, 8))):
        kind = draw(st.sampled_from(["number", "label", "sentence"]))
        cells = column({"number": NUMBERS, "label": LABELS, "sentence": SENTENCES}[kind])
        others.append(
            Column(
                name=f"{'_'.join(draw(NAMES))}.{at}",
                cells=cells,
                importance=draw(st.integers(0, 7)),
                is_number=kind == "number",
                is_label=kind == "label",
                is_sentence=kind == "sentence",
            )
        )
    first = Column(name="trial_id", cells=column(ID), importance=9, stays=True)
    state = Column(name="state", cells=column(STATE), importance=8, stays=True)
    place = draw(st.integers(0, len(others)))
    return [first, *others[:place], state, *others[place:]]


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(columns=tables(), width=st.integers(40, 200))
def test_of_any_table_nothing_is_cut_and_no_line_is_too_wide(
    columns: list[Column], width: int
) -> None:
    lines = shown(width, columns)
    at = next((k for k, line in enumerate(lines) if line.startswith(NOTES)), len(lines))
    notes = " ".join(" ".join(lines[at:]).split())
    words = " ".join(lines[:at]).split()
    assert all(cell_len(line) <= width for line in lines[:at])
    by_name = {column.name: column for column in columns}
    for column in (by_name["trial_id"], by_name["state"]):
        assert all(cell in " ".join(words) for cell in column.cells)
    for column in columns:
        is_told = column.name in notes
        if column.is_number and not is_told:
            assert all(cell in words for cell in column.cells if cell)
        if not is_told and any(column.cells):  # its header stands there, broken between words alone
            assert column.name in "".join(words) or all(
                any(part in word for word in words) for part in re.findall(r"[^_.]+", column.name)
            )


@settings(max_examples=100, deadline=None)
@given(text=SENTENCES, width=st.integers(40, 120))
def test_a_line_under_its_title_is_broken_between_words(text: str, width: int) -> None:
    command = (
        "python -m orchestrator.resume some/where/a_sweep.yaml --set 'seeds=[0, 1, 2]' goes on"
    )
    lines = titled([("paused", f"{text} {command}")], width=width).plain.splitlines()
    assert lines[0].startswith("paused      ")
    assert all(line.startswith(" " * 12) for line in lines[1:])
    assert all(cell_len(line) <= width or line.strip() == command for line in lines)
    assert (
        " ".join(" ".join(line[12:].strip() for line in lines).split())
        == f"{text} {command}".strip()
    )


def test_text_gives_a_terminal_no_orders() -> None:
    odd = "a\x1b[31m\nb\u202e\ud800[bold]"
    escaped = "a\\x1b[31m\\nb\\u202e\\ud800[bold]"
    assert printable(odd) == escaped
    assert printable("ε = 8/255, 漢字") == "ε = 8/255, 漢字"
    assert titled([("failure", odd)], width=None).plain == f"failure     {escaped}"
    table = terminal_table([Column(name=odd, cells=[odd])], width=None, more="")
    assert table.plain == f"{escaped}\n{escaped}"
