"""From the methods of a sweep file to cells: what is trained, except for the seed."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from trainer.config import Trial, read_trial
from trainer.input.document import Document
from trainer.input.problems import BadInput, label_problem

REFERENCE = "standard"
"""The method whose trials scores are taken against; each sweep has one for each seed."""

SECTIONS = ("data", "model", "training", "validation")
"""Sections that all trials of a sweep share, except for what a method sets of its own."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One point of a method's grid: trials that differ in their seed alone."""

    method: str  # label in the sweep file
    trial: Trial  # of the first seed; its fingerprint is not yet known
    settings: Mapping[str, Any]  # by setting that varies anywhere in the sweep; None: not in use


def read_cells(
    document: Document, *, seeds: Sequence[int], max_trials: int
) -> tuple[tuple[Cell, ...], tuple[str, ...]]:
    """Read the standard reference, then every method at every point of its grid, each trial once;
    and the settings that vary, in order of appearance.

    Raises:
        BadInput: what is wrong, where.
    """
    base = document.only(*SECTIONS).merged_over(
        Document.from_plain({"fingerprint": "", "seed": seeds[0]}, document.where())
    )
    reference = _Grid(label=REFERENCE, where=document.where("methods"), fixed=(), axes={})
    grids = [_read_grid(section, base, key) for key, section in document.section("methods").items()]
    if not grids:
        raise document.fail("methods", "must name at least one, such as pareto: {rho: 0.4}")
    count = sum(map(len, grids)) * len(seeds)
    if count > max_trials:
        raise document.fail(
            "methods",
            f"must make at most {max_trials} trials, got {count}; "
            f"shorten a list under vary, or raise max_trials",
        )
    paths = {key: axis[0].path for grid in grids for key, axis in grid.axes.items()}
    cells: dict[str, Cell] = {}
    for grid in (reference, *grids):
        for point in grid.points():
            trial = _read_trial(base, grid, point)
            record = trial.record()
            settings = {key: _value_at(record, path) for key, path in paths.items()}
            cells.setdefault(trial.id, Cell(method=grid.label, trial=trial, settings=settings))
    first, *others = cells.values()
    if any((cell.method, cell.settings) == (REFERENCE, first.settings) for cell in others):
        raise document.fail(
            f"methods.{REFERENCE}",
            "must be {}, with nothing but vary in it: it is the reference of every score; "
            "another one needs another name, such as short: {method: standard, ...}",
        )
    return tuple(cells.values()), tuple(paths)


@dataclass(frozen=True, kw_only=True)
class _Override:
    """One setting of a trial that a method's section gives."""

    written: str  # dotted key in the sweep file
    path: tuple[str, ...]  # in a trial's document
    value: Document


@dataclass(frozen=True, kw_only=True)
class _Grid:
    """The grid of a method's section: fixed settings, and axes along which the others vary."""

    label: str
    where: str
    fixed: tuple[_Override, ...]
    axes: Mapping[str, tuple[_Override, ...]]  # by setting that varies

    def __len__(self) -> int:
        return math.prod(map(len, self.axes.values()))

    def points(self) -> Iterator[tuple[_Override, ...]]:
        for point in itertools.product(*self.axes.values()):
            yield (*self.fixed, *point)

    def key_in_sweep(self, key: str, point: Sequence[_Override]) -> str:
        """Return the key under which the sweep file has what is at `key` in a trial's document."""
        own = f"methods.{self.label}"
        written = {".".join(override.path): override.written for override in point}
        places = {"method.method": own} | written | {"method": own}
        for path, place in places.items():
            if key == path or key.startswith(f"{path}."):
                return place + key.removeprefix(path)
        return key


def _read_grid(section: Document, base: Document, label: str) -> _Grid:
    if problem := label_problem(label):
        raise section.fail("", problem)
    if section.value is None:
        raise section.fail("", "must be a mapping of settings, got null; write {} for none")
    axes = section.section("vary").items() if "vary" in section else []
    fixed = section.without("vary").items()
    for key, values in axes:
        if not values.elements():
            raise values.fail("", "must list at least one value, got none")
        if key == "method":
            raise values.fail("", "must not vary; write a section with a name for each method")
        if key in dict(fixed):
            raise values.fail("", f"must not be at methods.{label}.{key} too; delete one")
    written = f"methods.{label}"
    return _Grid(
        label=label,
        where=section.where(),
        fixed=tuple(
            _Override(written=f"{written}.{key}", path=_path(base, value, key), value=value)
            for key, value in fixed
        ),
        axes={
            key: tuple(
                _Override(
                    written=f"{written}.vary.{key}.{index}",
                    path=_path(base, values, key),
                    value=value,
                )
                for index, value in enumerate(values.elements())
            )
            for key, values in axes
        },
    )


def _path(base: Document, value: Document, key: str) -> tuple[str, ...]:
    """Return where the value at `key` of a method's section belongs in a trial's document.

    A key that begins with an attack's label (`pgd.epsilon`) sets the attack of training, one
    that begins with a section (`training.epochs`) that section, any other the method.
    """
    first, *rest = key.split(".")
    attacks = base.section("training.attacks").keys()
    if rest and first in attacks:
        return ("training", "attacks", first, *rest)
    if rest and first in SECTIONS:
        return (first, *rest)
    if rest:
        raise value.fail(
            "",
            f"must begin with an attack of training.attacks ({', '.join(attacks)}) or a section "
            f"({', '.join(SECTIONS)}), got {first!r}",
        )
    return ("method", key)


def _read_trial(base: Document, grid: _Grid, point: Sequence[_Override]) -> Trial:
    """Read a cell's trial; its data's folder becomes absolute, since a worker's own is another."""
    document = base
    for override in point:
        document = override.value.under(*override.path).merged_over(document)
    kind = Document.from_plain({"method": {"method": grid.label}}, grid.where)
    try:
        trial = read_trial(document.merged_over(kind))
    except BadInput as error:
        raise BadInput(
            *(replace(each, key=grid.key_in_sweep(each.key, point)) for each in error.problems)
        ) from error
    root = str(trial.data.root_folder).replace("$", "$$")  # which is a text with variables
    return trial.model_copy(update={"data": trial.data.model_copy(update={"root": root})})


def _value_at(record: Mapping[str, Any], path: Sequence[str]) -> Any:
    value: Any = record
    for part in path:
        if not isinstance(value, Mapping) or part not in value:
            return None
        value = value[part]
    return value
