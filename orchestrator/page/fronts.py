"""Fronts over the cells of one table: which ones a page has, what it calls them, in which plane."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
from pandas.api.types import is_numeric_dtype

from orchestrator.pareto.answers import Answers
from orchestrator.pareto.front import Front, cell_numbers, extract_front
from orchestrator.pareto.sure_front import with_certainty
from orchestrator.report.fronts_beside import objectives_beside
from orchestrator.table.columns import Direction, of_weights
from orchestrator.table.objectives import Objective, default_reference_point, on_weights

SACRIFICE = "sacrificed_accuracy"

OWN, FRESH = "the sweep's own models", "fresh seeds of the cells kept"
"""What a page calls the models that a sweep chose by, and those that confirm it."""


@dataclass(frozen=True, kw_only=True, eq=False)
class NamedFront:
    """A front, and what a page calls it."""

    title: str
    front: Front


@dataclass(frozen=True, kw_only=True, eq=False)
class NamedTable:
    """Trials, what a page calls their models and images, and the fronts over their cells, of which
    one is first."""

    models: str
    images: str  # empty: the table does not name them
    split: str
    table: pd.DataFrame
    fronts: tuple[NamedFront, ...]
    weights: Mapping[str, str]  # folders of models, by trial id; those that are known

    @property
    def title(self) -> str:
        """Whose numbers it has, and of which images."""
        return ", ".join(filter(None, (self.models, self.images)))


KNOWN: dict[tuple[str, ...], str] = {
    ("robustness_score", "sacrificed_accuracy"): "the paper's front",
    ("union_accuracy", "natural_accuracy"): "the strict front",
}


def title_of(objectives: Iterable[Objective]) -> str:
    """Name a front by its objectives: the strict one, the paper's, or another."""
    names = tuple(it.name for it in on_weights(objectives, "last"))
    said = " against ".join(name.replace("_", " ") for name in names)
    return f"{KNOWN.get(names, 'front')}: {said}"


def fronts_over(
    table: pd.DataFrame,
    first: Front,
    known: Answers | str | None,
    made: Sequence[Front] = (),
) -> tuple[NamedFront, ...]:
    """Return a front of a table, and beside it the paper's and the strict one as far as the table
    has their columns.

    Args:
        first: with how sure it is, where that is asked for.
        known: the models' answers to each image, as `with_certainty` takes them; None: how sure a
            front is, is not asked for.
        made: fronts of the same table that are at hand, with how sure they are.
    """
    at_hand = {front.objectives: front for front in made}
    found = [NamedFront(title=title_of(first.objectives), front=first)]
    for objectives in objectives_beside(first.objectives):
        if not _has_same_cells(table, first, objectives):
            continue
        front = at_hand.get(objectives)
        if front is None:
            front = extract_front(
                table,
                objectives=objectives,
                reference_point=default_reference_point(objectives),
                keep_collapsed=first.keep_collapsed,
            )
            front = front if known is None else with_certainty(front, table, known)
        found.append(NamedFront(title=title_of(objectives), front=front))
    return tuple(found)


def _has_same_cells(table: pd.DataFrame, first: Front, objectives: Sequence[Objective]) -> bool:
    """Whether the cells of a table are the same under other objectives, none of which is then one
    of its settings."""
    for name in (objective.name for objective in objectives):
        if name not in table or not is_numeric_dtype(table[name]):
            return False
    return cell_numbers(table, objectives).equals(cell_numbers(table, first.objectives))


def line_of(objectives: Sequence[Objective]) -> str:
    """Say how the line that bounds what a front attains goes on from a point, by the horizontal
    axis; empty where no line in a plane bounds it."""
    if len(objectives) > 2:
        return ""
    x, _ = plane_of(objectives)
    return "step-after" if x.direction is Direction.MINIMISE else "step-before"


def plane_of(objectives: Sequence[Objective]) -> tuple[Objective, Objective]:
    """Choose the horizontal and the vertical axis: what is gained stands over what it costs."""
    first, second = objectives[:2]
    cost = next((it for it in (first, second) if of_weights(it.name, "last") == SACRIFICE), second)
    return cost, (first if cost is second else second)
