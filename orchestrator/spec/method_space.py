"""A method's section of a sweep file: fixed settings, and axes along which the others vary."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from orchestrator.spec.axes import Axis, read_axis
from orchestrator.spec.override import Override
from orchestrator.spec.start import START
from orchestrator.table.cell_columns import is_taken
from trainer.input.document import Document
from trainer.input.problems import BadInput, label_problem
from trainer.input.yaml_nodes import Plain

SECTIONS = ("data", "model", "training", "validation")
"""Sections that all trials of a sweep share, except for what a method sets of its own."""

Point = dict[str, Plain]
"""A value for each axis of a method, by the axis' key."""


@dataclass(frozen=True, kw_only=True)
class Replays:
    """What a method replays: the schedule of each of another method's cells, or its mean."""

    of: MethodSpace
    mean: bool


@dataclass(frozen=True, kw_only=True)
class MethodSpace:
    """A method's section: fixed settings, and axes along which the others vary."""

    label: str
    where: str
    fixed: tuple[Override, ...]
    axes: Mapping[str, Axis]  # by setting that varies
    replays: Replays | None = None  # another method's cells, whose settings these are

    @property
    def kind(self) -> str:
        """Name of the method whose settings these are, unless they name another."""
        return self.label if self.replays is None else self.replays.of.label

    @property
    def trains(self) -> str | None:
        """Name of the training method, as the section or else its label says; None for one that
        replays another's schedules."""
        if self.replays is not None:
            return None
        named = (str(it.value.value) for it in self.fixed if it.path == ("method", "method"))
        return next(named, self.label)

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


def read_method(section: Document, base: Document, label: str) -> MethodSpace:
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
        path = path_of(base, values, key)
        axes[key] = read_axis(values, written=f"{written}.vary.{key}", path=path)
    return MethodSpace(
        label=label,
        where=section.where(),
        fixed=tuple(
            Override(written=f"{written}.{key}", path=path_of(base, value, key), value=value)
            for key, value in fixed
        ),
        axes=axes,
    )


def path_of(base: Document, value: Document, key: str) -> tuple[str, ...]:
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
