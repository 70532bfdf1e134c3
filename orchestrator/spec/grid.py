"""From the methods of a sweep file to cells: what is trained, except for the seed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from orchestrator.spec.axes import Range
from orchestrator.spec.method_space import MethodSpace
from orchestrator.spec.space import REFERENCE, Cell, Space
from trainer.input.document import Document


def read_cells(
    document: Document, space: Space, methods: Iterable[MethodSpace]
) -> tuple[Cell, ...]:
    """Read the standard reference, then every point of the methods' grids, each trial once, and
    none before the one from whose weights it starts.

    Raises:
        BadInput: what is wrong, where.
    """
    spaces = (space.reference, *methods)
    read = [space.cell(method, point) for method in spaces for point in method.points()]
    check_starts(document, read, known=read)
    cells: dict[str, Cell] = {}
    for cell in read:
        for each in (*cell.ancestors, cell):
            _refuse_other_validation(document, each, cells.setdefault(each.id, each))
    first, *others = cells.values()
    if any((cell.method, cell.settings) == (REFERENCE, first.settings) for cell in others):
        raise document.fail(
            f"methods.{REFERENCE}",
            "must be {}, with nothing but vary in it: it is the reference of every score; "
            "another one needs another name, such as short: {method: standard, ...}",
        )
    return tuple(cells.values())


def _refuse_other_validation(document: Document, cell: Cell, known: Cell) -> None:
    """Refuse a cell that is the same trials as a known one, and looks at something else."""
    if cell.trial.validation_id == known.trial.validation_id:
        return
    other = known.method
    than = f"another cell of {other}" if other == cell.method else f"one of {other}"
    raise document.fail(
        f"methods.{cell.method}",
        f"must look at the same in validation as {than}, since their trials are the same: what is "
        f"looked at changes no weights; give validation for the whole sweep",
    )


def check_starts(document: Document, cells: Iterable[Cell], *, known: Iterable[Cell]) -> None:
    """Check that cells start from the weights of none but known ones, and replay none but theirs,
    whatever else is drawn.

    Raises:
        BadInput: one stands on another.
    """
    ids = {cell.id for cell in known}
    for cell in cells:
        for verb, parent in (("start from", cell.start), ("replay", cell.replayed)):
            if parent is not None and parent.id not in ids:
                raise document.fail(
                    f"methods.{cell.method}",
                    f"must {verb} a cell that is in the sweep whatever is drawn, got one of "
                    f"{parent.method}, which varies; give that cell a section of its own",
                )


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
