"""The search space of a sweep file: its methods, the axes of each, and the cell at a point."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

from orchestrator.spec.axes import Axis, Range, read_axis
from orchestrator.spec.override import Override
from orchestrator.spec.start import START, CellName, find_cell, read_cell_name, value_of_start
from orchestrator.table.columns import is_taken
from trainer.config import Start, Trial, read_trial
from trainer.input.document import Document
from trainer.input.problems import BadInput, label_problem
from trainer.input.yaml_nodes import Plain

REFERENCE = "standard"
"""The method whose trials scores are taken against; each sweep has one for each seed."""

SECTIONS = ("data", "model", "training", "validation")
"""Sections that all trials of a sweep share, except for what a method sets of its own."""

Point = dict[str, Plain]
"""A value for each axis of a method, by the axis' key."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One point of a method's space: trials that differ in their seed alone."""

    method: str  # label in the sweep file
    trial: Trial  # of the first seed; its fingerprint is not yet known
    settings: Mapping[str, Any]  # by setting that varies anywhere in the sweep; None: not in use
    start: Cell | None = None  # from whose weights it starts, seed by seed; its id is the trial's

    @property
    def ancestors(self) -> tuple[Cell, ...]:
        """The cells from whose weights it starts, in turn, the eldest first."""
        return () if self.start is None else (*self.start.ancestors, self.start)

    @cached_property
    def id(self) -> str:
        """Name of the cell, equal where all that its trials share is."""
        return self.trial.id


@dataclass(frozen=True, kw_only=True)
class MethodSpace:
    """A method's section: fixed settings, and axes along which the others vary."""

    label: str
    where: str
    fixed: tuple[Override, ...]
    axes: Mapping[str, Axis]  # by setting that varies

    @property
    def size(self) -> int | None:
        """Number of points; None: more than anybody counts."""
        sizes = [axis.size for axis in self.axes.values()]
        return None if None in sizes else math.prod(size for size in sizes if size is not None)

    @property
    def lowest(self) -> Point:
        """The point at the first end of every axis."""
        return {key: axis.ends[0] for key, axis in self.axes.items()}

    @property
    def highest(self) -> Point:
        """The point at the last end of every axis."""
        return {key: axis.ends[-1] for key, axis in self.axes.items()}

    def points(self) -> Iterator[Point]:
        """Yield every point of the grid that the axes make, the last axis the fastest."""
        for values in itertools.product(*(axis.grid for axis in self.axes.values())):
            yield dict(zip(self.axes, values, strict=True))

    def all_points(self) -> Iterator[Point]:
        """Yield every point, also between the ends of ranges, where these are of whole numbers."""
        for values in itertools.product(*(axis.values for axis in self.axes.values())):
            yield dict(zip(self.axes, values, strict=True))

    def overrides(self, point: Point) -> tuple[Override, ...]:
        """Return all settings of a trial that the section gives at a point."""
        varying = (axis.override(point[key]) for key, axis in self.axes.items())
        return (*self.fixed, *varying)

    def key_in_sweep(self, key: str, overrides: Sequence[Override]) -> str:
        """Return the key under which the sweep file has what is at `key` in a trial's document."""
        own = f"methods.{self.label}"
        written = {".".join(override.path): override.written for override in overrides}
        places = {"method.method": own} | written | {"method": own}
        for path, place in places.items():
            if key == path or key.startswith(f"{path}."):
                return place + key.removeprefix(path)
        return key

    @contextmanager
    def blamed(self, overrides: Sequence[Override]) -> Iterator[None]:
        """Raise what is wrong with a trial in the block under the keys of the sweep file."""
        try:
            yield
        except BadInput as error:
            raise BadInput(
                *(
                    replace(each, key=self.key_in_sweep(each.key, overrides))
                    for each in error.problems
                )
            ) from error


@dataclass(frozen=True, kw_only=True)
class Space:
    """All that the trials of a sweep may be, apart from their seeds."""

    base: Document  # what methods set differently
    reference: MethodSpace
    methods: Mapping[str, MethodSpace]  # by label
    paths: Mapping[str, tuple[str, ...]]  # in a trial's document, of each setting that varies
    _read: dict[str, Cell] = field(default_factory=dict, repr=False, compare=False)
    _trials: dict[str, Trial] = field(default_factory=dict, repr=False, compare=False)

    def cell(self, method: MethodSpace, point: Point) -> Cell:
        """Return the cell at a point of a method; its data's folder is absolute, since a worker's
        working folder is another.

        Raises:
            BadInput: the trial's own rules, where the values were written.
        """
        return self._cell(method, point, heirs=())

    def _cell(self, method: MethodSpace, point: Point, heirs: tuple[CellName, ...]) -> Cell:
        """Return the cell at a point, from which the cells that `heirs` name start in turn."""
        place = self._place(method, point)
        if place not in self._read:
            self._read[place] = self._read_cell(method, point, heirs)
        return self._read[place]

    def _place(self, method: MethodSpace, point: Point) -> str:
        """Name a point, to read it once: that is what takes time. A method may have the
        reference's label."""
        return json.dumps([method is self.reference, method.label, point])

    def _read_cell(self, method: MethodSpace, point: Point, heirs: tuple[CellName, ...]) -> Cell:
        trial = self._trial(method, point, ())
        start = self._start(method, point, ())
        parent = None if start is None else self._parent(method, point, trial, start, heirs)
        if parent is not None:
            trial = trial.model_copy(update={"start": Start(trial=parent.id)})
        record = trial.record()
        settings = {
            key: value_of_start(start, path) if path[0] == START else value_at(record, path)
            for key, path in self.paths.items()
        }
        return Cell(method=method.label, trial=trial, settings=settings, start=parent)

    def _parent(
        self,
        method: MethodSpace,
        point: Point,
        trial: Trial,
        start: Document,
        heirs: tuple[CellName, ...],
    ) -> Cell | None:
        """Return the cell that `start` names, from which the trial at a point starts.

        Raises:
            BadInput: no cell has that name, or several; it starts from this one in turn; or it is
                of another network.
        """
        with method.blamed(method.overrides(point)):
            named = read_cell_name(start)
            if named is None:
                return None
            if named in heirs:
                names = " from ".join(map(str, (*heirs[heirs.index(named) :], named)))
                raise start.fail("from", f"must not lead back to itself, got {names}")
            spaces = (self.reference, *self.methods.values())
            found = find_cell(
                named, start, spaces, partial(_path, self.base), self._trial_and_start
            )
        parent = self._cell(*found, heirs=(*heirs, named))
        if parent.trial.model != trial.model:
            with method.blamed(method.overrides(point)):
                raise start.fail(
                    "from",
                    f"must name a cell of the same network, whose weights fit, got {named} with "
                    f"{parent.trial.model.content()} where this one has {trial.model.content()}",
                )
        return parent

    def _trial_and_start(
        self, method: MethodSpace, point: Point, more: tuple[Override, ...]
    ) -> tuple[Trial, Plain]:
        """Return the trial at a point, under further settings, and what is said of its start."""
        start = self._start(method, point, more)
        said = None if start is None or start.value == {"from": None} else start.value
        return self._trial(method, point, more), said

    def _start(
        self, method: MethodSpace, point: Point, more: tuple[Override, ...]
    ) -> Document | None:
        """Return what a method's section says of the start at a point, under further settings."""
        document = Document.from_plain({}, method.where)
        for override in (*method.overrides(point), *more):
            if override.path[0] == START:
                document = override.value.under(*override.path).merged_over(document)
        return document.section(START) if START in document else None

    def of_kinds(self) -> Space:
        """Return the space with each range of whole numbers where its setting takes no others.

        Raises:
            BadInput: a trial's rule is broken at a method's lowest point.
        """
        methods = {}
        for label, method in self.methods.items():
            axes = dict(method.axes)
            if any(isinstance(axis, Range) for axis in axes.values()):
                record = self._trial(method, method.lowest, ()).record()
                axes = {
                    key: axis.of_kind(value_at(record, axis.path))
                    if isinstance(axis, Range)
                    else axis
                    for key, axis in axes.items()
                }
            methods[label] = replace(method, axes=axes)
        return replace(self, methods=methods, _read={}, _trials={})

    def _trial(self, method: MethodSpace, point: Point, more: tuple[Override, ...]) -> Trial:
        """Return the trial at a point, under further settings and apart from where it starts."""
        if more:
            return self._read_trial(method, point, more)
        place = self._place(method, point)
        if place not in self._trials:
            self._trials[place] = self._read_trial(method, point, ())
        return self._trials[place]

    def _read_trial(self, method: MethodSpace, point: Point, more: tuple[Override, ...]) -> Trial:
        document, overrides = self.base, (*method.overrides(point), *more)
        for override in overrides:
            if override.path[0] != START:
                document = override.value.under(*override.path).merged_over(document)
        kind = Document.from_plain({"method": {"method": method.label}}, method.where)
        with method.blamed(overrides):
            trial = read_trial(document.merged_over(kind))
        root = str(trial.data.root_folder).replace("$", "$$")  # which is a text with variables
        return trial.model_copy(update={"data": trial.data.model_copy(update={"root": root})})


def value_at(record: Mapping[str, Any], path: Sequence[str]) -> Any:
    """Return what a trial's record has at a path; None where it has nothing there."""
    value: Any = record
    for part in path:
        if not isinstance(value, Mapping) or part not in value:
            return None
        value = value[part]
    return value


def read_space(document: Document, *, seed: int) -> Space:
    """Read the methods of a sweep file.

    Args:
        seed: that of the trials by which cells are described.

    Raises:
        BadInput: what is wrong, where.
    """
    base = document.only(*SECTIONS).merged_over(
        Document.from_plain({"fingerprint": "", "seed": seed}, document.where())
    )
    methods = {key: _read_method(it, base, key) for key, it in document.section("methods").items()}
    if not methods:
        raise document.fail("methods", "must name at least one, such as pareto: {rho: 0.4}")
    reference = MethodSpace(label=REFERENCE, where=document.where("methods"), fixed=(), axes={})
    return Space(
        base=base,
        reference=reference,
        methods=methods,
        paths={key: axis.path for it in methods.values() for key, axis in it.axes.items()},
    )


def _read_method(section: Document, base: Document, label: str) -> MethodSpace:
    if problem := label_problem(label):
        raise section.fail("", problem)
    if section.value is None:
        raise section.fail("", "must be a mapping of settings, got null; write {} for none")
    varying = section.section("vary").items() if "vary" in section else []
    fixed = section.without("vary").items()
    written = f"methods.{label}"
    axes = {}
    for key, values in varying:
        if key == "method":
            raise values.fail("", "must not vary; write a section with a name for each method")
        if is_taken(key):
            raise values.fail(
                "",
                f"must not have the name of a column of the tables, got {key!r}; rename the "
                f"setting in the method, or write a section with a name for each of its values",
            )
        if key in dict(fixed):
            raise values.fail("", f"must not be at {written}.{key} too; delete one")
        path = _path(base, values, key)
        axes[key] = read_axis(values, written=f"{written}.vary.{key}", path=path)
    return MethodSpace(
        label=label,
        where=section.where(),
        fixed=tuple(
            Override(written=f"{written}.{key}", path=_path(base, value, key), value=value)
            for key, value in fixed
        ),
        axes=axes,
    )


def _path(base: Document, value: Document, key: str) -> tuple[str, ...]:
    """Return where the value at `key` of a method's section belongs in a trial's document.

    A key that begins with an attack's label (`pgd.epsilon`) sets the attack of training, one
    that begins with a section (`training.epochs`) that section, `start` from where it starts, any
    other the method.
    """
    first, *rest = key.split(".")
    if first == START:
        return tuple(key.split(".", maxsplit=2))
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
