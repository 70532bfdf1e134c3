"""Names: known ones, a user's own by dotted path, and what is said of those that lead nowhere."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import pytest

from trainer.input.registry import resolve

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


@pytest.mark.parametrize(
    ("text", "said", "line"),
    [
        ("x = 1\ndef x(:\n", "SyntaxError: invalid syntax", 2),
        ("raise SystemExit(7)\n", "SystemExit: 7", 1),
        ("\n\n{}['x']\n", "KeyError: 'x'", 3),
        ("raise BaseException\n", "BaseException", 1),
        ("import math\n\nmath.sqrt(-1)\n", "ValueError: math domain error", 3),
        ("import no_such_module_either\n", "No module named 'no_such_module_either'", 1),
        ("def __getattr__(name):\n    raise LookupError(name)\n", "LookupError: x", 2),
    ],
)
def test_module_that_fails_is_told_with_the_users_own_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, said: str, line: int
) -> None:
    path = tmp_path / "failing_of_mine.py"
    path.write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "failing_of_mine", raising=False)
    with pytest.raises(ValueError, match="must name an importable shape") as caught:
        resolve(SHAPES, "failing_of_mine:x", kind="shape")
    assert str(caught.value).endswith(f"got 'failing_of_mine:x' ({said}); see {path}:{line}")


def test_an_interruption_is_no_fault_of_the_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "slow_of_mine.py").write_text("raise KeyboardInterrupt\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        resolve(SHAPES, "slow_of_mine:x", kind="shape")
