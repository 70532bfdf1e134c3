"""Cells that start from the weights of others: `start: {from: ...}` in a method's section."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from orchestrator.spec.axes import Axis
from orchestrator.spec.override import Override
from trainer.config import Trial
from trainer.input.document import Document
from trainer.input.problems import shown
from trainer.input.settings import parse_number
from trainer.input.yaml_nodes import Plain

START = "start"
"""Key of a method's section that says from which cell's weights its trials start."""


class Cells(Protocol):
    """The cells of a method: see `orchestrator.spec.space.MethodSpace`."""

    @property
    def label(self) -> str: ...
    @property
    def axes(self) -> Mapping[str, Axis]: ...
    def points(self) -> Iterator[dict[str, Plain]]: ...


C = TypeVar("C", bound=Cells)

ReadTrial = Callable[[C, dict[str, Plain], tuple[Override, ...]], tuple[Trial, Plain]]
"""A function that reads a method's trial at a point, under further settings and apart from where it
starts, and what its section says of that; None where it starts from no other's weights."""


@dataclass(frozen=True, kw_only=True)
class CellName:
    """A cell as `from` names it: its method, and settings that tell it from the method's others."""

    method: str
    settings: Mapping[str, Document]  # by key, as a method's section has them

    def __str__(self) -> str:
        return " ".join([self.method, *(f"{k}={shown(v.value)}" for k, v in self.settings.items())])


def read_cell_name(start: Document) -> CellName | None:
    """Read what `start` says; None where it says that a trial starts from no other's weights.

    Raises:
        BadInput: it is neither `{from: METHOD}` nor `{from: {method: METHOD, KEY: VALUE, ...}}`.
    """
    if start.value is None:
        return None
    unknown = [key for key in start.keys() if key != "from"]  # noqa: SIM118
    if unknown:
        raise start.fail(unknown[0], "is not a known key (known keys: from)")
    named = start.section("from")
    if named.value is None:
        return None
    if isinstance(named.value, str):
        return CellName(method=named.value, settings={})
    method = named.section("method").value
    if not isinstance(method, str):
        raise named.fail("method", f"must be the label of a method, got {shown(method)}")
    return CellName(method=method, settings=dict(named.without("method").items()))


def value_of_start(start: Document | None, path: tuple[str, ...]) -> Any:
    """Return what a table has of the place `path` in `start`: a name where that is a whole cell."""
    if start is None or start.value is None:
        return None
    named = read_cell_name(start)
    if named is None:
        return None
    if len(path) < len(("start", "from", "setting")):
        return str(named)
    setting = named.settings.get(path[-1])
    return None if setting is None else setting.value


def find_cell(
    named: CellName,
    start: Document,
    methods: Iterable[C],
    path_of: Callable[[Document, str], tuple[str, ...]],
    read: ReadTrial[C],
) -> tuple[C, dict[str, Plain]]:
    """Find the method and the point of the only cell that has a name.

    Args:
        start: where the name was read, for errors.
        methods: all of the sweep, the standard reference first.
        path_of: gives the place in a trial's document of a key of a method's section.

    Raises:
        BadInput: there is no such cell, or more than one.
    """
    methods = tuple(methods)
    spaces = [method for method in methods if method.label == named.method]
    if not spaces:
        labels = list(dict.fromkeys(method.label for method in methods))
        near = difflib.get_close_matches(named.method, labels, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise start.fail(
            "from",
            f"must name a method of the sweep, got {named.method!r}{hint}; there are "
            f"{', '.join(labels)}",
        )
    found = {}
    for space in spaces:
        for point in space.points():
            if _has_name(named, space, point, path_of, read):
                trial, its_start = read(space, point, ())
                found[trial.id, json.dumps(its_start, sort_keys=True)] = (space, point)
    if len(found) == 1:
        return next(iter(found.values()))
    if not found:
        raise start.fail(
            "from", f"must name a cell of the sweep, got {named}; there are {_offered(spaces, ())}"
        )
    raise start.fail(
        "from",
        f"must name one cell, got {named}, which are {len(found)}; add what tells them apart: "
        f"{_offered(spaces, named.settings)}",
    )


def _has_name(
    named: CellName,
    space: C,
    point: dict[str, Plain],
    path_of: Callable[[Document, str], tuple[str, ...]],
    read: ReadTrial[C],
) -> bool:
    """Whether the cell at a point has all the settings of a name."""
    given = dict(named.settings)
    for key in space.axes.keys() & given.keys():
        if not _are_equal(given.pop(key).value, point[key]):
            return False
    more = tuple(
        Override(written=f"{START}.from.{key}", path=path_of(value, key), value=value)
        for key, value in given.items()
    )
    return not more or read(space, point, more) == read(space, point, ())


def _are_equal(one: Plain, other: Plain) -> bool:
    with suppress(ValueError):  # of a fraction that is none: whoever reads it as a number says so
        return bool(parse_number(one) == parse_number(other))
    return False


def _offered(spaces: Iterable[Cells], given: Iterable[str]) -> str:
    """List the settings that vary among a method's cells, but for those that a name gives."""
    known = set(given)

    def words() -> Iterator[str]:
        for space in spaces:
            for key, axis in space.axes.items():
                if key not in known:
                    yield f"{key} ({', '.join(map(_written, axis.ends))})"

    label = next(iter(spaces)).label
    return ", ".join(words()) or f"trials of {label} that differ in nothing under vary"


def _written(value: Plain) -> str:
    return value if isinstance(value, str) else shown(value)
