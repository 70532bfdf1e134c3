"""The objectives of a sweep file: columns of its table, and where their hypervolume ends."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from orchestrator.spec.space import Cell
from orchestrator.table.columns import columns_under
from orchestrator.table.objectives import (
    LARGEST,
    Objective,
    ObjectiveError,
    default_reference_point,
    parse_objectives,
)
from trainer.evaluation.suite import Suite
from trainer.input.document import Document


def columns_of_numbers(
    suite: Suite, cells: Iterable[Cell], settings: Iterable[str], *, has_best: bool
) -> list[str]:
    """Name the columns of `trials.csv` that may be objectives.

    Args:
        has_best: whether it has columns of the best weights.
    """
    numeric = [
        name
        for name in settings
        if all(isinstance(cell.settings[name], (int, float, type(None))) for cell in cells)
    ]
    columns = columns_under(suite.seen, suite.unseen, has_best=has_best).items()
    measured = [name for name, column in columns if column.direction is not None]
    return [*measured, *numeric]


def read_objectives(
    document: Document, names: Sequence[str], reference_point: Sequence[float] | None
) -> tuple[tuple[Objective, ...], tuple[float, ...]]:
    """Read the objectives of these names, and the point at which their hypervolume ends: theirs by
    default where none is given.

    Raises:
        BadInput: what is wrong with either.
    """
    try:
        objectives = parse_objectives(names)
    except ObjectiveError as error:
        raise document.fail("objectives", _without_subject(error)) from None
    if reference_point is None:
        try:
            return objectives, default_reference_point(objectives)
        except ObjectiveError as error:
            raise document.fail("hypervolume.reference", _without_subject(error)) from None
    if len(reference_point) != len(objectives):
        raise document.fail(
            "hypervolume.reference",
            f"must have one number for each of the {len(objectives)} objectives, "
            f"got {list(reference_point)}",
        )
    if max(map(abs, reference_point)) > LARGEST:
        raise document.fail(
            "hypervolume.reference",
            f"must lie within {LARGEST:g} of 0, got {list(reference_point)}: volumes of larger "
            f"numbers overflow",
        )
    return objectives, tuple(reference_point)


def _without_subject(error: ObjectiveError) -> str:
    """Return an objective's error without its subject, for which the document's key stands."""
    return f"must {str(error).partition(' must ')[2]}"


def check_columns(
    document: Document,
    objectives: Iterable[Objective],
    suite: Suite,
    cells: Iterable[Cell],
    settings: Iterable[str],
    *,
    has_best: bool,
) -> None:
    """Check that the table will have every objective, before hours are spent on filling it.

    Raises:
        BadInput: it will not.
    """
    columns = columns_of_numbers(suite, cells, settings, has_best=has_best)
    for objective in objectives:
        if objective.name not in columns:
            raise document.fail(
                "objectives",
                f"must be columns of numbers in trials.csv, got {objective.name!r}; "
                f"there are {', '.join(columns)}",
            )
