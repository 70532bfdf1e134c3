"""The grid: every point of the lists of a sweep file.

What it proposes follows from the space alone, whatever has come of it. So nothing of it is
recorded: each command that plans a sweep asks again, and is given the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from orchestrator.search.strategies.strategy import Known
from orchestrator.spec.method_space import Point
from orchestrator.spec.space import Space
from orchestrator.store.sweeps.records import Proposal


def propose(known: Known, *, most: int) -> Sequence[Proposal]:
    """Propose the points whose cells are not known, as many as there may be, in the order of the
    file, but none before the one from whose weights it starts."""
    proposals: list[Proposal] = []
    for cell, method, point in _in_order(known.space):
        if (len(proposals) + 1) * len(known.seeds) > most:
            break
        if cell not in known.cells:
            proposals.append(Proposal(method=method, point=point, seeds=known.seeds))
    return proposals


def _in_order(space: Space) -> Iterator[tuple[str, str, Point]]:
    """Yield the id of each cell once, with its method and point; not the standard reference's."""
    cells = []
    points: dict[tuple[str, str], Point] = {}
    for method in space.methods.values():
        for point in method.points():
            cell = space.cell(method, point)
            points.setdefault((cell.id, cell.method), point)
            cells.append(cell)
    seen = {space.cell(space.reference, {}).id}
    for cell in cells:
        for each in (*cell.ancestors, cell):
            if each.id not in seen:
                seen.add(each.id)
                yield each.id, each.method, points[each.id, each.method]
