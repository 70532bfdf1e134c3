"""The JSON of commands: any reader reads it, whatever the numbers are."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from trainer.terminal.json_text import json_text, print_json


@dataclass(frozen=True)
class Inner:
    """A part of a record."""

    loss: float
    names: tuple[str, ...]


def read(text: str) -> Any:
    """As a strict reader does, which knows no NaN."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (float("nan"), None),
        ([1.5, float("nan"), float("inf"), -float("inf")], [1.5, None, "inf", "-inf"]),
        ({"a": {"b": (float("nan"), 1)}}, {"a": {"b": [None, 1]}}),
        (Inner(float("nan"), ("ε", "b")), {"loss": None, "names": ["ε", "b"]}),
        ([Inner(0.1, ())], [{"loss": 0.1, "names": []}]),
        (datetime(2026, 1, 2, 3, tzinfo=UTC), "2026-01-02T03:00:00+00:00"),
        (
            datetime(2026, 1, 2, 3, tzinfo=timezone(timedelta(hours=2))),
            "2026-01-02T01:00:00+00:00",
        ),
        ({"a name \udcff": "\ud800 \\ud800"}, {"a name \udcff": "\ud800 \\ud800"}),
        ({"none": None, "yes": True, "text": "a\nb"}, {"none": None, "yes": True, "text": "a\nb"}),
    ],
)
def test_of_each_kind(value: Any, expected: Any) -> None:
    assert read(json_text(value).encode().decode()) == expected


def test_floats_read_back_equal() -> None:
    assert read(json_text(0.1 + 0.2)) == 0.1 + 0.2


def test_labels_stay_readable() -> None:
    assert '"ε = 8/255"' in json_text(["ε = 8/255"])


def test_what_is_no_value_is_an_error() -> None:
    with pytest.raises(TypeError):
        json_text({"set": {1}})


def test_document_is_printed_alone(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"a": 1})
    assert capsys.readouterr() == ('{\n  "a": 1\n}\n', "")


def test_document_is_utf_8_whatever_the_terminal_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="cp1252"))
    print_json(["ρ = 0.4"])
    sys.stdout.flush()
    assert read(written.getvalue().decode()) == ["ρ = 0.4"]
