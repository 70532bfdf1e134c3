"""How a picture is set: widths with units, names in place of labels, titles in rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.figures.appearance import (
    PAGE,
    WIDTH,
    Appearance,
    appearance_in,
    parse_width,
    read_names,
    wrapped,
)
from trainer.input.problems import InputError

METHODS = ["standard", "pgd", "pareto"]


@pytest.mark.parametrize(
    ("text", "inches"),
    [
        ("3.25in", 3.25),
        ("7 in", 7.0),
        ("8.255cm", 3.25),
        ("84mm", 84 / 25.4),
        ("240pt", 240 / 72.27),  # TeX's point, of which an inch has 72.27
        (" 3.in ", 3.0),
    ],
)
def test_widths_have_units(text: str, inches: float) -> None:
    assert parse_width(text) == pytest.approx(inches, rel=1e-12)
    assert appearance_in(text, [], METHODS).width == parse_width(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("3.25", "a number with one of in, cm, mm, pt after it, got '3.25'"),
        ("wide", "got 'wide'"),
        ("-3in", "got '-3in'"),
        ("1e9in", "got '1e9in'"),
        ("10px", "got '10px'"),
        ("8.4mm", "2.5in to 40in, since text keeps its size, got '8.4mm', which is 0.331in"),
        ("999in", "which is 999in"),
    ],
)
def test_other_widths_are_refused_with_the_remedy(text: str, said: str) -> None:
    with pytest.raises(InputError, match="--width must be") as caught:
        parse_width(text)
    assert said in str(caught.value)
    assert "one column is often 3.25in" in str(caught.value)


def test_names_come_from_texts_and_files_and_the_later_holds(tmp_path: Path) -> None:
    path = tmp_path / "names.yaml"
    path.write_text("pareto: Pareto AT\npgd: PGD AT\n")
    names = read_names([str(path), "pareto=Pareto AT (ours) = best"], METHODS)
    assert names == {"pgd": "PGD AT", "pareto": "Pareto AT (ours) = best"}
    appearance = Appearance(names=names)
    assert [appearance.named(it) for it in METHODS] == ["standard", "PGD AT", names["pareto"]]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("trades=TRADES", "a method that there is, got 'trades'; there are pareto, pgd, standard"),
        ("pareto", "METHOD=NAME, or a .yaml of such, got 'pareto'"),
        ("pareto= ", "METHOD=NAME"),
        ("pareto=pgd", "different names, got 'pgd' of pareto and of pgd"),
    ],
)
def test_bad_names_are_refused(text: str, said: str) -> None:
    with pytest.raises(InputError, match="--rename must") as caught:
        read_names([text], METHODS)
    assert said in str(caught.value)


def test_a_file_of_no_names_is_refused_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "names.yaml"
    path.write_text("pgd: PGD\npareto: 3\n")
    with pytest.raises(InputError, match=r":2: pareto: must be a name in words, got 3"):
        read_names([str(path)], METHODS)
    with pytest.raises(InputError, match="must be a file that can be read"):
        read_names([str(tmp_path / "none.yaml")], METHODS)


def test_panels_stand_beside_each_other_where_a_page_has_room() -> None:
    assert [Appearance(width=it).columns(2) for it in (3.25, PAGE, WIDTH)] == [1, 2, 2]
    assert Appearance(width=PAGE).columns(1) == 1


def test_titles_break_before_their_unit() -> None:
    title = "robustness score (percentage points)"
    assert wrapped(title, 5) == title
    assert wrapped(title, 2) == "robustness score\n(percentage points)"
    assert wrapped("a title that has no bracket at all", 1).splitlines()[0] == "a title that"
