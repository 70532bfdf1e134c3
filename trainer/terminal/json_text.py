"""The JSON of all commands: one document on standard output, with nothing else there."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from typing import Any

import typer


def json_text(record: Any) -> str:
    """Return values, mappings, sequences and dataclasses as JSON for people and programs.

    A NaN is null and an infinity its text, since JSON has neither; a time is UTC in ISO 8601. What
    is no Unicode, as a file's name may be, is escaped.

    Raises:
        TypeError: a value of another type.
    """
    text = json.dumps(_plain(record), indent=2, ensure_ascii=False, allow_nan=False)
    return text.encode(errors="backslashreplace").decode()  # \udcff, as JSON writes it too


def print_json(record: Any) -> None:
    """Print values as one JSON document on standard output, in UTF-8 whatever the terminal's
    encoding is."""
    typer.echo(json_text(record).encode())


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
