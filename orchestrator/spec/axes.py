"""Axes of a search space: what one setting of a method varies over, a list, a range or a
simplex."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Self, TypeAlias

from pydantic import AfterValidator, Field

from orchestrator.spec.override import Override
from orchestrator.spec.simplex import Simplex, read_simplex
from trainer.input.document import Document
from trainer.input.problems import shown
from trainer.input.settings import Real, Settings, parse_whole
from trainer.input.yaml_nodes import Plain

DIGITS = 4
"""Significant digits to which a number drawn from a range is rounded, so that it reads well and is
written back exactly; a narrow range adds as many as its ends have in common."""

LARGEST_END = 1e15
"""Largest magnitude of a range's ends: beyond it not every whole number is a float."""


@dataclass(frozen=True, kw_only=True)
class Choices:
    """A list of values."""

    path: tuple[str, ...]
    overrides: Mapping[str, Override]  # by the value as JSON

    @property
    def ends(self) -> tuple[Plain, ...]:
        """All values, by which an axis is judged."""
        return tuple(override.value.value for override in self.overrides.values())

    @property
    def size(self) -> int:
        """Number of different values."""
        return len(self.overrides)

    @property
    def grid(self) -> Sequence[Plain]:
        """The values that a grid has: all."""
        return self.ends

    @property
    def values(self) -> Sequence[Plain]:
        """All values."""
        return self.ends

    @property
    def content(self) -> Plain:
        """The values."""
        return list(self.ends)

    def at(self, share: float) -> Plain:
        """Return one of the values, each for an equal share."""
        return self.ends[int(share * self.size)]

    def override(self, value: Plain) -> Override:
        """Return a value of the list with its place."""
        return self.overrides[_as_json(value)]


@dataclass(frozen=True, kw_only=True)
class Range:
    """The numbers from `low` to `high`, both ends included, uniform or in the logarithm."""

    path: tuple[str, ...]
    written: str  # dotted key in the sweep file
    document: Document  # the range as written
    low: int | float
    high: int | float
    is_log: bool
    is_whole: bool  # whole numbers alone

    @property
    def ends(self) -> tuple[Plain, ...]:
        """The lowest and the highest number, by which an axis is judged."""
        return (self.low, self.high)

    @property
    def size(self) -> int | None:
        """Count of whole numbers; None for real ones."""
        return int(self.high) - int(self.low) + 1 if self.is_whole else None

    @property
    def grid(self) -> Sequence[Plain]:
        """The values that a grid would have of it: the ends."""
        return self.ends

    @property
    def values(self) -> Sequence[Plain]:
        """All whole numbers of such a range; of any other the ends alone."""
        return range(int(self.low), int(self.high) + 1) if self.is_whole else self.ends

    @property
    def content(self) -> Plain:
        """The range with every default."""
        ends: dict[str, Plain] = {"min": self.low, "max": self.high}
        return {**ends, "log": self.is_log, "whole": self.is_whole}

    def at(self, share: float) -> int | float:
        """Return the number below which a share in [0, 1) of the range lies, rounded to `DIGITS`.

        Whole numbers each have the share that a real number from `low` to `high + 1` has of
        falling between them and the next.
        """
        low, high = float(self.low), float(self.high) + self.is_whole
        if self.is_log:
            drawn = math.exp(math.log(low) + share * (math.log(high) - math.log(low)))
        else:
            drawn = low + share * (high - low)
        drawn = math.floor(drawn) if self.is_whole else self._rounded(drawn)
        return min(max(drawn, self.low), self.high)

    def override(self, value: Plain) -> Override:
        """Return a number with its place: its own line if it is an end, else that of the range."""
        for key, end in (("min", self.low), ("max", self.high)):
            if value == end:
                where = self.document.where(key)
                written = f"{self.written}.{key}"
                return Override(
                    written=written, path=self.path, value=Document.from_plain(value, where)
                )
        place = Document.from_plain(value, self.document.where())
        return Override(written=self.written, path=self.path, value=place)

    def of_kind(self, value: Any) -> Self:
        """Return the range of whole numbers if the setting takes none but these, else of real ones.

        Args:
            value: what a trial's record has of the setting at `low`.
        """
        if type(value) is not int:
            return replace(self, low=float(self.low), high=float(self.high))
        low, high = parse_whole(self.low), parse_whole(self.high)
        if not (isinstance(low, int) and isinstance(high, int)):
            return replace(self, is_whole=False)
        return replace(self, low=low, high=high, is_whole=True)

    def _rounded(self, number: float) -> float:
        in_common = max(abs(self.low), abs(self.high)) / (self.high - self.low)
        digits = DIGITS + max(0, math.floor(math.log10(in_common)))
        return float(f"{number:.{digits}g}")


def _near(end: float) -> float:
    if abs(end) > LARGEST_END:
        raise ValueError(f"must lie within {LARGEST_END:g} of 0")
    return end


_End = Annotated[Real, AfterValidator(_near)]


class _RangeSettings(Settings):
    """The keys of a range under `vary`."""

    min: _End = Field(description="the lowest value")
    max: _End = Field(description="the highest value")
    log: bool = Field(False, description="uniform in the logarithm")


Axis: TypeAlias = Choices | Range | Simplex
"""What one setting of a method varies over."""


def read_axis(values: Document, *, written: str, path: tuple[str, ...]) -> Axis:
    """Read what stands under a key of `vary`.

    Args:
        written: the dotted key in the sweep file.
        path: place of the setting in a trial's document.

    Raises:
        BadInput: neither a list of values nor a range, or an empty one.
    """
    if isinstance(values.value, Mapping):
        if "simplex" in values:
            return read_simplex(values, written=written, path=path)
        return _read_range(values, written=written, path=path)
    if not isinstance(values.value, list):
        raise values.fail(
            "", f"must be a list, or a range {{min: ..., max: ...}}, got {shown(values.value)}"
        )
    overrides: dict[str, Override] = {}
    for index, value in enumerate(values.elements()):
        override = Override(written=f"{written}.{index}", path=path, value=value)
        overrides.setdefault(_as_json(value.value), override)
    if not overrides:
        raise values.fail("", "must list at least one value, got none")
    return Choices(path=path, overrides=overrides)


def _read_range(values: Document, *, written: str, path: tuple[str, ...]) -> Range:
    given = values.read_as(_RangeSettings)
    if given.min >= given.max:
        raise values.fail("min", f"must be below max, {given.max:g}, got {given.min:g}")
    if given.log and given.min <= 0:
        raise values.fail(
            "min", f"must be > 0 under log: true, got {given.min:g}; raise it, or leave log out"
        )
    low, high = (values.section(key).value for key in ("min", "max"))
    return Range(
        path=path,
        written=written,
        document=values,
        low=low if isinstance(low, int) else given.min,
        high=high if isinstance(high, int) else given.max,
        is_log=given.log,
        is_whole=False,
    )


def _as_json(value: Plain) -> str:
    """Write a value so that `1`, `1.0` and `true` differ."""
    return json.dumps(value, sort_keys=True)
