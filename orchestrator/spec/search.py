"""How a sweep chooses its cells: section `search` of its file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Literal

from pydantic import Field

from orchestrator.spec.grid import check_grid, check_starts, read_cells
from orchestrator.spec.method_space import MethodSpace
from orchestrator.spec.space import Cell, Space, read_space
from trainer.input.document import Document
from trainer.input.problems import shown
from trainer.input.settings import Count, Settings, Whole

StrategyName = Literal["grid", "random"]


class SearchSettings(Settings):
    """How the cells of a sweep are chosen."""

    strategy: StrategyName = Field(
        "grid", description="grid: every point of the lists; random: drawn from lists and ranges"
    )
    trials: Count | None = Field(
        None, description="of the sweep, cells times seeds, the standard reference not counted"
    )
    seed: Annotated[Whole, Field(ge=0, lt=2**31)] = Field(0, description="of what is drawn")

    @property
    def follows_from_file(self) -> bool:
        """Whether all that the strategy proposes follows from the sweep file, so that nothing of it
        needs to be recorded."""
        return self.strategy == "grid"


def read_search(
    document: Document, search: SearchSettings, *, seeds: Sequence[int], max_trials: int
) -> tuple[Space, tuple[Cell, ...], tuple[Cell, ...]]:
    """Read what a sweep may try: the space, the cells that follow from the file alone, and probes
    at the ends of all that the others are drawn from.

    Raises:
        BadInput: what is wrong, where.
    """
    space = read_space(document, seeds=seeds)
    if search.strategy == "grid":
        _check_unused(document, search)
        check_grid(document, space, seeds=seeds, max_trials=max_trials)
        return space, read_cells(document, space, space.methods.values()), ()
    space = space.of_kinds()
    fixed = (method for method in space.methods.values() if method.size == 1)
    cells, probes = read_cells(document, space, fixed), _read_probes(document, space)
    check_starts(document, probes, known=cells)
    _check_trials(document, search, space, cells, seeds=seeds, max_trials=max_trials)
    return space, cells, probes


def _check_unused(document: Document, search: SearchSettings) -> None:
    """Refuse what a grid would leave aside in silence."""
    remedy = "leave it out, or write strategy: random"
    if search.trials is not None:
        message = f"must not be set under strategy grid, which is all points, got {search.trials}"
        raise document.fail("search.trials", f"{message}; {remedy}")
    if search.seed:
        message = f"must not be set under strategy grid, which draws nothing, got {search.seed}"
        raise document.fail("search.seed", f"{message}; {remedy}")


def _check_trials(
    document: Document,
    search: SearchSettings,
    space: Space,
    known: Sequence[Cell],
    *,
    seeds: Sequence[int],
    max_trials: int,
) -> None:
    """Check that as many trials as are asked for can be drawn, some of each method.

    Args:
        known: the cells that follow from the file alone, the reference first.
    """
    drawn = [method for method in space.methods.values() if method.size != 1]
    if not drawn:
        raise document.fail(
            "search.strategy",
            f"must be grid where nothing varies, got {search.strategy}; give a method something to "
            f"draw from, such as pareto: {{vary: {{rho: {{min: 0.1, max: 0.9}}}}}}",
        )
    if search.trials is None:
        remedy = f"such as {{strategy: {search.strategy}, trials: 40}}"
        raise document.fail("search", f"must say how many trials are to be drawn, {remedy}")
    fixed = len(known) - 1
    least = (fixed + len(drawn)) * len(seeds)
    sizes = [method.size for method in drawn]
    most, of_all = max_trials, "or raise max_trials"
    if None not in sizes:
        there_are = (fixed + sum(size for size in sizes if size is not None)) * len(seeds)
        if search.trials <= there_are < 2 * search.trials <= 2 * max_trials:  # not far from all
            there_are = len(_all_ids(space, drawn, known)) * len(seeds)
        if there_are < max_trials:
            most, of_all = there_are, "which is all that the lists and ranges hold"
    problem = ""
    if search.trials < least:
        problem = f"must be at least {least}, so that each method has a cell"
    elif search.trials > most:
        problem = f"must be at most {most}, {of_all}"
    elif left := search.trials % len(seeds):
        below = search.trials - left
        problem = (
            f"must be a multiple of the {len(seeds)} seeds, which every cell has, such as "
            f"{below or least} or {below + len(seeds)}"
        )
    if problem:
        raise document.fail("search.trials", f"{problem}, got {search.trials}")


def _all_ids(space: Space, drawn: Iterable[MethodSpace], known: Sequence[Cell]) -> set[str]:
    """Return the ids of all cells that there can be, but for the reference's: two points may be one
    cell, and one may be the reference."""
    cells = (space.cell(method, point) for method in drawn for point in method.all_points())
    reference, *others = known
    return {cell.id for cell in (*others, *cells)} - {reference.id}


def _read_probes(document: Document, space: Space) -> tuple[Cell, ...]:
    """Read the cells at the ends of every axis, by which all between are judged; each axis must
    change the trial."""
    cells = []
    for label, method in space.methods.items():
        if method.size == 1:
            continue
        first = space.cell(method, method.lowest)
        cells.append(first)
        for key, axis in method.axes.items():
            along = [space.cell(method, method.lowest | {key: end}) for end in axis.ends[1:]]
            if along and all(cell.id == first.id for cell in along):
                first_end, last_end = shown(axis.ends[0]), shown(axis.ends[-1])
                raise document.fail(
                    f"methods.{label}.vary.{key}",
                    f"must change the trial, which is the same from {first_end} to {last_end}; "
                    f"delete it, or give its value outside vary",
                )
            cells += along
        cells.append(space.cell(method, method.highest))
    return tuple(cells)
