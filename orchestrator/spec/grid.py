"""From the methods of a sweep file to cells: what is trained, except for the seed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from orchestrator.spec.axes import Range
from orchestrator.spec.space import REFERENCE, Cell, MethodSpace, Space
from trainer.input.document import Document


def read_cells(
    document: Document, space: Space, methods: Iterable[MethodSpace]
) -> tuple[Cell, ...]:
    """Read the standard reference, then every point of the methods' grids, each trial once.

    Raises:
        BadInput: what is wrong, where.
    """
    cells: dict[str, Cell] = {}
    for method in (space.reference, *methods):
        for point in method.points():
            cell = space.cell(method, point)
            cells.setdefault(cell.id, cell)
    first, *others = cells.values()
    if any((cell.method, cell.settings) == (REFERENCE, first.settings) for cell in others):
        raise document.fail(
            f"methods.{REFERENCE}",
            "must be {}, with nothing but vary in it: it is the reference of every score; "
            "another one needs another name, such as short: {method: standard, ...}",
        )
    return tuple(cells.values())


def check_grid(document: Document, space: Space, *, seeds: Sequence[int], max_trials: int) -> None:
    """Check that the methods make a grid, and not too large a one.

    Raises:
        BadInput: one of them has a range, or there are more trials than `max_trials`.
    """
    count = 0
    for label, method in space.methods.items():
        for key, axis in method.axes.items():
            if isinstance(axis, Range):
                raise document.fail(
                    f"methods.{label}.vary.{key}",
                    f"must be a list under search.strategy grid, got the range from {axis.low:g} "
                    f"to {axis.high:g}; list its values, or write "
                    f"search: {{strategy: random, trials: ...}}",
                )
        count += (method.size or 0) * len(seeds)
    if count > max_trials:
        raise document.fail(
            "methods",
            f"must make at most {max_trials} trials, got {count}; "
            f"shorten a list under vary, or raise max_trials",
        )
