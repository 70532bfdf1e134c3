"""Problems: what is wrong with the input, and how a message says it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trainer.input.redaction import redacted

MAX_SHOWN = 80  # characters of a value in a message
MAX_WORD, MAX_MESSAGE = 300, 4000  # characters; a path is a word


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with the input.

    `where` is `FILE:LINE`, `FILE:LINE:COLUMN` or `--set KEY`, `key` the dotted key (empty for
    the document itself), `message` the rule, the value and the remedy.
    """

    where: str
    key: str
    message: str

    def __str__(self) -> str:
        message = brief(redacted(self.message))
        if not self.key or self.where == f"--set {self.key}":
            return f"{self.where}: {message}"
        return f"{self.where}: {self.key}: {message}"


class InputError(ValueError):
    """What a person gave is wrong: the text says the name, the value, the rule and the remedy.

    A command ends with it as exit code 2, and with its text alone."""


class BadInput(InputError):  # noqa: N818 (the user's mistake, not the program's)
    """The input is wrong: `problems`, of which there is at least one, each a line of the text."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__(*problems)
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join(map(str, self.problems))


def shown(value: Any) -> str:
    """Write `value` as a message may show it: short, on one line, without secrets.

    A scalar of NumPy's, as a table's cell is one, is shown as the plain value that it stands for.
    """
    if getattr(value, "shape", None) == ():
        value = value.item()
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return _cut(repr(redacted(value)))
    if isinstance(value, Mapping):
        return f"a mapping of length {len(value)}"
    if isinstance(value, Sequence):
        return f"a list of length {len(value)}"
    return _cut(repr(value))


def brief(text: str) -> str:
    """Shorten a message so that no word in it, and not the whole, is longer than a person reads."""
    words = re.sub(rf"\S{{{MAX_WORD},}}", lambda word: _cut(word[0]), text)
    return _cut(words, MAX_MESSAGE)


def _cut(text: str, most: int = MAX_SHOWN) -> str:
    return text if len(text) <= most else f"{text[: most - 3]}..."


def label(name: str, *, most: int = MAX_SHOWN) -> str:
    """Write a key or a file's name for a message: without quotes where it is printable."""
    safe = redacted(name)
    return _cut(safe if safe.isprintable() else repr(safe)[1:-1], most)


def label_problem(name: str) -> str | None:
    """Say why `name` cannot label a method, an attack or a category: the rule and the remedy.

    Labels stand in CSV files, where a spreadsheet runs a cell that begins as a formula does, in
    pictures and on terminals.
    """
    if not name.isprintable() or name != name.strip():
        return "must have a label of printable characters, without spaces around it; rename it"
    if name.startswith(("=", "+", "-", "@", "'")):
        return f"must have a label that begins with none of = + - @ ', got {shown(name)}; rename it"
    if len(name) > MAX_SHOWN:
        return f"must have a label of at most {MAX_SHOWN} characters, got {len(name)}; rename it"
    return None


def dotted(path: Sequence[str]) -> str:
    return label(".".join(path))


def wrong(where: str, path: Sequence[str], message: str) -> BadInput:
    return BadInput(Problem(where, dotted(path), message))
