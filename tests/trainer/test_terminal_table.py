"""Tables on a terminal fit it, whole cells first, and obey nothing that is written in them."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from trainer.terminal_table import Column, printable, terminal_table, titled

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


@settings(max_examples=60, deadline=None)
@given(
    width=st.integers(20, 160),
    cells=st.lists(
        st.lists(
            st.text(alphabet="ab0.5_é漢 ", max_size=18).map(str.strip), min_size=3, max_size=3
        ),
        min_size=1,
        max_size=6,
    ),
)
def test_no_line_is_too_wide_and_no_cell_is_cut(width: int, cells: list[list[str]]) -> None:
    columns = [Column(name=f"c{at}", cells=column) for at, column in enumerate(cells)]
    lines = shown(
        width, [Column(name="trial_id", cells=["t1", "t2", "t3"], importance=1), *columns]
    )
    notes = ("in all rows", "no room for")
    for line in lines[: next((k for k, at in enumerate(lines) if at.startswith(notes)), None)]:
        assert cell_len(line) <= width
    names = lines[0].split()
    for at, column in enumerate(cells):
        if f"c{at}" in names:
            for row, cell in enumerate(column):
                assert cell.rstrip() in lines[1 + row]


def test_text_gives_a_terminal_no_orders() -> None:
    odd = "a\x1b[31m\nb\u202e\ud800[bold]"
    escaped = "a\\x1b[31m\\nb\\u202e\\ud800[bold]"
    assert printable(odd) == escaped
    assert printable("ε = 8/255, 漢字") == "ε = 8/255, 漢字"
    assert titled([("failure", odd)]).plain == f"failure     {escaped}"
    table = terminal_table([Column(name=odd, cells=[odd])], width=None, more="")
    assert table.plain == f"{escaped}\n{escaped}"
