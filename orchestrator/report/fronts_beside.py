"""Fronts that stand beside a sweep's own: the paper's, and the strict one."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.pareto.contrasts import FRONTS, PAPER
from orchestrator.table.objectives import (
    Objective,
    on_weights,
    parse_objectives,
    weights_of,
)

STRICT = parse_objectives(["union_accuracy", "natural_accuracy"])


def strict_objectives(objectives: Sequence[Objective]) -> tuple[Objective, ...]:
    """Return the objectives of the strict front, of the weights that others are of."""
    return on_weights(STRICT, weights_of(objectives))


def objectives_beside(own: Sequence[Objective]) -> tuple[tuple[Objective, ...], ...]:
    """Return the objectives of the paper's front and of the strict one, of the weights that a
    front of other objectives is of; without those that are its own."""
    paper = on_weights(FRONTS[PAPER], weights_of(own))
    return tuple(it for it in (paper, strict_objectives(own)) if it != tuple(own))


def columns_of_fronts(own: Sequence[Objective]) -> list[str]:
    """Name the objectives of a sweep's front, of the paper's and of the strict one, each once."""
    every = (own, *objectives_beside(own))
    return list(dict.fromkeys(it.name for objectives in every for it in objectives))
