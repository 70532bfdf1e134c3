"""Names: known ones, a user's own by dotted path, and what is said of those that lead nowhere."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from trainer.registry import resolve

SHAPES = {"square": 4, "triangle": 3}


def test_a_known_name_is_its_entry() -> None:
    assert resolve(SHAPES, "square", kind="shape") == 4


def test_a_dotted_path_is_imported() -> None:
    assert resolve({}, "math:tau", kind="constant") == math.tau
    assert resolve({}, "os.path:join", kind="function") is __import__("os").path.join


def test_a_module_of_the_user_is_found_on_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shapes_of_mine.py").write_text("HEXAGON = 6\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert resolve(SHAPES, "shapes_of_mine:HEXAGON", kind="shape") == 6


def test_a_known_name_wins_over_a_path() -> None:
    assert resolve({"math:tau": 7}, "math:tau", kind="constant") == 7


@pytest.mark.parametrize(
    ("name", "pieces"),
    [
        ("sqare", ["a known shape", "'sqare'", "did you mean 'square'?", "square, triangle"]),
        ("circle", ["a known shape", "'circle'", "known: square, triangle", "package.module:name"]),
        ("", ["a known shape", "''"]),
        ("math:no_such_thing", ["importable shape", "'math:no_such_thing'", "no_such_thing"]),
        ("no_such_module:x", ["importable shape", "No module named", "PYTHONPATH"]),
        (":x", ["importable shape", "':x'"]),
        (".relative:x", ["importable shape", "'.relative:x'"]),
        ("math:", ["importable shape", "'math:'"]),
    ],
)
def test_a_name_that_leads_nowhere_says_what_would(name: str, pieces: list[str]) -> None:
    with pytest.raises(ValueError, match="must name") as caught:
        resolve(SHAPES, name, kind="shape")
    for piece in pieces:
        assert piece in str(caught.value)


def test_no_near_miss_is_invented() -> None:
    with pytest.raises(ValueError, match="must name") as caught:
        resolve(SHAPES, "zzz", kind="shape")
    assert "did you mean" not in str(caught.value)
