"""Objectives: columns of a table with the direction in which they are better.

The one place where signs turn: a user maximises a score and minimises a sacrifice, all that
stands on `orchestrator.pareto.dominance` minimises.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from orchestrator.table.columns import (
    COLUMNS,
    Direction,
    WeightsName,
    declared,
    direction_of,
    is_of_best,
    of_weights,
)
from trainer.input.problems import InputError

LARGEST = 1e50
"""Largest size of an objective or a reference point; squares of larger ones overflow."""

DEFAULT_OBJECTIVES = ("robustness_score", "sacrificed_accuracy")

LARGEST_SACRIFICE = 0.15
"""Largest acceptable sacrifice of natural accuracy, by default: there the hypervolumes end by which
methods are compared. At a sacrifice of 1 one model alone can have 96 % of a front's."""


class ObjectiveError(InputError):
    """A user wrote an objective or a reference point that means nothing."""


@dataclass(frozen=True)
class Objective:
    """A column and the direction in which it is better."""

    name: str
    direction: Direction

    @property
    def sign(self) -> float:
        """Factor that turns a value into one to be minimised: 1 or -1."""
        return 1.0 if self.direction is Direction.MINIMISE else -1.0

    def __str__(self) -> str:
        return f"{self.direction}:{self.name}"


def parse_objectives(texts: Iterable[str]) -> tuple[Objective, ...]:
    """Read the objectives that `texts` name, each a known column or `min:NAME` or `max:NAME`.

    Raises:
        ObjectiveError: a column of unknown direction, one named twice, or fewer than two.
    """
    objectives = tuple(_parse(text) for text in texts)
    names = [objective.name for objective in objectives]
    for name in names:
        if names.count(name) > 1:
            raise ObjectiveError(f"objectives must be different columns, got {name} twice")
    if len(names) < 2:
        raise ObjectiveError(f"objectives must be at least two columns, got {len(names)}: {names}")
    return objectives


def on_weights(objectives: Iterable[Objective], weights: WeightsName) -> tuple[Objective, ...]:
    """Return the objectives as columns of the best weights, or of the last epoch's."""
    return tuple(replace(it, name=of_weights(it.name, weights)) for it in objectives)


def weights_of(objectives: Iterable[Objective]) -> WeightsName:
    """Say of which weights objectives are: the best ones if any is."""
    return "best" if any(is_of_best(objective.name) for objective in objectives) else "last"


def default_reference_point(objectives: Sequence[Objective]) -> tuple[float, ...]:
    """Return the reference values that are declared, in user units: a score's 0, a sacrifice's 1.

    Raises:
        ObjectiveError: an objective that has none, or one taken against its usual direction.
    """
    return tuple(_default_reference(objective) for objective in objectives)


def minimised(
    values: pd.DataFrame | Sequence[float], objectives: Sequence[Objective]
) -> npt.NDArray[np.float64]:
    """Turn signs to minimise all: rows (N, M) of a table, or one point (M,), in user units.

    Raises:
        ValueError: a point that has not one number for each objective.
    """
    signs = np.array([objective.sign for objective in objectives])
    if isinstance(values, pd.DataFrame):
        columns = [objective.name for objective in objectives]
        numbers = values[columns].to_numpy(dtype=np.float64, na_value=np.nan)
    else:
        numbers = np.asarray(values, dtype=np.float64)
        if numbers.shape != signs.shape:
            raise ValueError(
                f"a point must be one number for each of {', '.join(map(str, objectives))}, "
                f"got {numbers.tolist()}"
            )
    signed: npt.NDArray[np.float64] = numbers * signs
    return signed


def _parse(text: str) -> Objective:
    prefix, _, name = text.partition(":")
    if name and prefix in list(Direction):
        return Objective(name, Direction(prefix))
    direction = direction_of(text)
    if direction is None:
        known = [column.pattern for column in COLUMNS if column.direction is not None]
        usual_first = dict.fromkeys([*DEFAULT_OBJECTIVES, *known])
        raise ObjectiveError(
            f"objective must be one of {', '.join(usual_first)}, got '{text}'; "
            f"write min:{text} or max:{text} to use another column"
        )
    return Objective(text, direction)


def _default_reference(objective: Objective) -> float:
    column = declared(objective.name)
    reference = None if column is None else column.reference
    if reference is None or direction_of(objective.name) is not objective.direction:
        raise ObjectiveError(
            f"reference_point must be given where {objective} is an objective: "
            "nothing says where its hypervolume ends; write one number an objective"
        )
    return reference
