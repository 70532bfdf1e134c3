"""How a picture is set for a page: how wide it is, which panels it has, what methods are called."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from textwrap import wrap
from typing import Literal

from trainer.input.document import Document
from trainer.input.problems import InputError, shown

WIDTH = 10.0
"""Inches of a front's picture on a screen."""

COLUMN, PAGE = 3.25, 7.0
"""Inches of one column of a page in two columns, and of both."""

NARROWEST, WIDEST = 2.5, 40.0
"""Inches between which a picture can be set: text keeps its size, and needs some room."""

SIDE_BY_SIDE = 6.0
"""Inches from which on two panels stand beside each other; in less, one above the other."""

INCHES = {"in": 1.0, "cm": 1 / 2.54, "mm": 1 / 25.4, "pt": 1 / 72.27}
"""Units of a width in inches: `pt` is TeX's, in which it says \\columnwidth."""

CHARACTERS_AN_INCH = 13.5
"""Characters of a title that fit into an inch."""

Scale = Literal["raw", "log"]
SCALES: tuple[Scale, ...] = ("raw", "log")
"""All panels of a front, by the scale of the axis of what is sacrificed."""

YAML = (".yaml", ".yml")


@dataclass(frozen=True, kw_only=True)
class Appearance:
    """How a picture is set. Text has the same size in points whatever the width."""

    width: float = WIDTH
    """Inches."""

    scales: tuple[Scale, ...] = SCALES
    """Panels of a front, from the left or from above."""

    names: Mapping[str, str] = field(default_factory=dict)
    """What a reader sees in place of a method's label; of others the label."""

    def named(self, method: str) -> str:
        """Return what a method is called in the picture."""
        return self.names.get(method, method)

    def columns(self, panels: int) -> int:
        """Say how many of so many panels stand beside each other."""
        return min(panels, 2) if self.width >= SIDE_BY_SIDE else 1


USUAL = Appearance()
"""How pictures are set on a screen."""


def wrapped(text: str, inches: float) -> str:
    """Break a text of 9 points into lines of at most about so many inches, before a bracket where
    that is enough."""
    most = max(8, math.floor(CHARACTERS_AN_INCH * inches))
    return "\n".join(line for part in text.splitlines() for line in _broken(part, most))


def _broken(text: str, most: int) -> list[str]:
    before, bracket, rest = text.partition(" (")
    parts = [before, f"({rest}"]
    if len(text) > most and bracket and max(map(len, parts)) <= most:
        return parts
    return wrap(text, most)


def appearance_in(
    width: str | None,
    renames: Sequence[str],
    methods: Collection[str],
    scales: tuple[Scale, ...] = SCALES,
) -> Appearance:
    """Read how a picture is to be set from a command's arguments.

    Args:
        width: as `parse_width` takes it; None: as on a screen.
        renames: as `read_names` takes them.
        methods: labels that there are.
        scales: panels of a front.

    Raises:
        InputError: what is wrong with them.
    """
    inches = WIDTH if width is None else parse_width(width)
    return Appearance(width=inches, scales=scales, names=read_names(renames, methods))


def parse_width(text: str) -> float:
    """Return the inches of a length such as `3.25in`, `84mm`, `8.4cm` or `240pt`.

    Raises:
        InputError: it has no unit, or is too narrow or too wide for a picture.
    """
    found = re.fullmatch(r"(\d+(?:\.\d*)?|\.\d+)\s*([a-z]+)", text.strip())
    if found is None or found[2] not in INCHES:
        raise InputError(
            f"--width must be a number with one of {', '.join(INCHES)} after it, got "
            f"{shown(text)}; one column is often {COLUMN:g}in"
        )
    inches = float(found[1]) * INCHES[found[2]]
    if not NARROWEST <= inches <= WIDEST:
        raise InputError(
            f"--width must be {NARROWEST:g}in to {WIDEST:g}in, since text keeps its size, got "
            f"{shown(text)}, which is {inches:.3g}in; one column is often {COLUMN:g}in, a page "
            f"{PAGE:g}in"
        )
    return inches


def read_names(texts: Sequence[str], methods: Collection[str]) -> dict[str, str]:
    """Read what methods are to be called, from texts such as `pareto=Pareto AT (ours)`, or paths of
    YAML files that map labels to names; what is said later holds.

    Args:
        methods: labels that there are.

    Raises:
        InputError: a method that there is not, a name that is none, or one of two methods.
    """
    names: dict[str, str] = {}
    for text in texts:
        label, equals, name = text.partition("=")
        if text.endswith(YAML):
            names |= _names_in(text)
        elif equals and label.strip() and name.strip():
            names[label.strip()] = name.strip()
        else:
            raise InputError(
                f"--rename must be METHOD=NAME, or a .yaml of such, got {shown(text)}; "
                f"write 'pareto=Pareto AT (ours)'"
            )
    there = sorted(methods)
    for label in names:
        if label not in methods:
            raise InputError(
                f"--rename must be of a method that there is, got {shown(label)}; "
                f"there are {', '.join(there) or 'none'}"
            )
    _refuse_one_name_of_two(there, names)
    return names


def _names_in(path: str) -> dict[str, str]:
    names: dict[str, str] = {}
    document = Document.read(path)
    for label, found in document.items():
        if not isinstance(found.value, str) or not found.value.strip():
            raise document.fail(label, f"must be a name in words, got {shown(found.value)}")
        names[label] = found.value.strip()
    return names


def _refuse_one_name_of_two(methods: Iterable[str], names: Mapping[str, str]) -> None:
    whose: dict[str, str] = {}
    for method in methods:
        name = names.get(method, method)
        if name in whose:
            raise InputError(
                f"--rename must leave different names, got {shown(name)} of {whose[name]} and "
                f"of {method}"
            )
        whose[name] = method
