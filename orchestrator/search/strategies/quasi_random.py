"""Quasi-random search: points that fill the space more evenly than independent draws do.

Each method has a scrambled Sobol sequence of its own (Owen 1998; Joe and Kuo 2008), a dimension for
each axis, and the methods take turns: each has an equal share of the cells, until it has no more
points. A method in which nothing varies is one cell, which follows from the file. Points whose
trials are there already are passed over. What is proposed depends on space and seed alone, and more
proposals are the same ones, continued.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from orchestrator.search.strategies.strategy import Known
from orchestrator.spec.method_space import MethodSpace, Point
from orchestrator.spec.space import Space
from orchestrator.store.sweeps.records import Proposal
from trainer.input.settings import content_id

if TYPE_CHECKING:
    import torch
else:
    from trainer import late_torch as torch

DRAWN_AT_ONCE = 64
"""Points of a sequence that are computed together."""

MOST_REPEATS = 10_000
"""Points in a row that are none but known ones, after which a method has no more."""


def propose(known: Known, *, most: int) -> Sequence[Proposal]:
    """Propose the next cells, as many as there may be."""
    proposals: list[Proposal] = []
    for cell, method, point in _in_turn(known.space, known.seed):
        if (len(proposals) + 1) * len(known.seeds) > most:
            break
        if cell not in known.cells:
            proposals.append(Proposal(method=method, point=point, seeds=known.seeds))
    return proposals


def points(method: MethodSpace, *, seed: int) -> Iterator[Point]:
    """Yield the points of a method's sequence, without end."""
    own_seed = int(content_id("q", {"seed": seed, "method": method.label})[1:], 16) >> 1
    sequence = torch.quasirandom.SobolEngine(len(method.axes), scramble=True, seed=own_seed)
    while True:
        for shares in sequence.draw(DRAWN_AT_ONCE, dtype=torch.float64).tolist():
            values = zip(method.axes.items(), shares, strict=True)
            yield {key: axis.at(share) for (key, axis), share in values}


def _in_turn(space: Space, seed: int) -> Iterator[tuple[str, str, Point]]:
    """Yield the id of each cell once, with its method and point, one of each method in turn."""
    of_file = [(space.reference, {}), *((it, it.lowest) for it in _with_size_one(space))]
    seen = {space.cell(method, point).id for method, point in of_file}
    turns = {
        label: _new_cells(space, method, seed, seen)
        for label, method in space.methods.items()
        if method.size != 1
    }
    while turns:
        for label in tuple(turns):
            found = next(turns[label], None)
            if found is None:
                del turns[label]
            else:
                yield found[0], label, found[1]


def _new_cells(
    space: Space, method: MethodSpace, seed: int, seen: set[str]
) -> Iterator[tuple[str, Point]]:
    """Yield the cells of a method's sequence that are not in `seen`, and put them there."""
    drawn: set[str] = set()
    repeats = 0
    for point in points(method, seed=seed):
        if repeats > MOST_REPEATS or len(drawn) == method.size:
            return
        repeats += 1
        if (written := json.dumps(point)) in drawn:
            continue
        drawn.add(written)
        cell = space.cell(method, point).id
        if cell not in seen:
            repeats = 0
            seen.add(cell)
            yield cell, point


def _with_size_one(space: Space) -> Iterator[MethodSpace]:
    return (method for method in space.methods.values() if method.size == 1)
