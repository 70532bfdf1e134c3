"""Weights of several branches as an axis: `vary: {weights: {simplex: 4}}`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, overload

from pydantic import AfterValidator, Field, Strict

from orchestrator.spec.override import Override
from trainer.input.document import Document
from trainer.input.settings import Count, Settings
from trainer.input.yaml_nodes import Plain
from trainer.methods import NATURAL

BRANCHES = (NATURAL, "pgd", "flow", "rt")
"""Branches of a simplex that names none: those of the methods that ship, unless told otherwise."""


@dataclass(frozen=True, kw_only=True)
class Simplex:
    """All weights of K branches in multiples of `1 / parts` that sum to 1: their number is the
    binomial of `parts + K - 1` over `K - 1`."""

    path: tuple[str, ...]
    written: str  # dotted key in the sweep file
    document: Document  # as written
    parts: int
    branches: tuple[str, ...]  # K

    @property
    def ends(self) -> tuple[Plain, ...]:
        """The vertices, at each of which one branch has all the weight."""
        K = len(self.branches)
        return tuple(
            self._weights([self.parts if k == place else 0 for k in range(K)]) for place in range(K)
        )

    @property
    def size(self) -> int:
        """Number of points."""
        return _compositions(self.parts, len(self.branches))

    @property
    def grid(self) -> Sequence[Plain]:
        """All points, the first branch's weight falling."""
        return _Points(self)

    @property
    def values(self) -> Sequence[Plain]:
        """All points."""
        return self.grid

    @property
    def content(self) -> Plain:
        """The simplex with every default."""
        return {"simplex": self.parts, "branches": list(self.branches)}

    def at(self, share: float) -> Plain:
        """Return one of the points, each for an equal share."""
        return self.point(int(share * self.size))

    def point(self, index: int) -> Plain:
        """Return a point by its place in the grid."""
        left, counts = self.parts, []
        for others in range(len(self.branches) - 1, 0, -1):
            for count in range(left, -1, -1):
                those = _compositions(left - count, others)
                if index < those:
                    break
                index -= those
            counts.append(count)
            left -= count
        return self._weights([*counts, left])

    def override(self, value: Plain) -> Override:
        """Return a point with its place."""
        place = Document.from_plain(value, self.document.where())
        return Override(written=self.written, path=self.path, value=place)

    def _weights(self, counts: Sequence[int]) -> Plain:
        """Write the weights of branches that have so many parts each; of none it is left out."""
        shares = zip(self.branches, counts, strict=True)
        return {branch: count / self.parts for branch, count in shares if count}


@dataclass(frozen=True)
class _Points(Sequence[Plain]):
    """The points of a simplex, each made where it is asked for."""

    simplex: Simplex

    def __len__(self) -> int:
        return self.simplex.size

    @overload
    def __getitem__(self, index: int) -> Plain: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Plain]: ...
    def __getitem__(self, index: int | slice) -> Plain | Sequence[Plain]:
        places = range(len(self))[index]
        if isinstance(places, range):
            return [self.simplex.point(place) for place in places]
        return self.simplex.point(places)


def _compositions(parts: int, K: int) -> int:
    """Count the ways to share `parts` among K, some of whom may have none."""
    return math.comb(parts + K - 1, K - 1)


def _distinct(branches: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(branches)) < len(branches):
        raise ValueError(f"must name each branch once, got {list(branches)}")
    return branches


class _SimplexSettings(Settings):
    """The keys of a simplex under `vary`."""

    simplex: Count = Field(description="parts in which the whole weight is shared out")
    branches: Annotated[
        tuple[str, ...], Strict(False), Field(min_length=2), AfterValidator(_distinct)
    ] = Field(BRANCHES, description="natural, and labels of attacks")


def read_simplex(values: Document, *, written: str, path: tuple[str, ...]) -> Simplex:
    """Read `{simplex: PARTS, branches: [...]}`: see `orchestrator.spec.axes.read_axis`.

    Raises:
        BadInput: another key, no whole number of parts, or fewer than two branches.
    """
    given = values.read_as(_SimplexSettings)
    return Simplex(
        path=path,
        written=written,
        document=values,
        parts=given.simplex,
        branches=given.branches,
    )
