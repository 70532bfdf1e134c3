"""What each model of a table answered, image by image: what noise of images is known from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Marks = npt.NDArray[np.unsignedinteger]


@dataclass(frozen=True, kw_only=True, eq=False)
class Answers:
    """Marks of models on the same I images, by trial id, under K columns of a table.

    A trial's number in a column is the mean of its marks over the images, divided by the column's
    `full`, and counted from the reference where the column is (`TrialColumn.is_relative`).
    """

    references: frozenset[str] = frozenset()
    """Ids of the trials that others are counted from; empty: they are not known."""

    columns: tuple[str, ...] = ()  # K
    full: tuple[int, ...] = ()  # K: marks of an image that count as 1
    signs: tuple[int, ...] = ()  # K: -1 where the column falls as marks rise
    marks: Mapping[str, Marks] = field(default_factory=dict)  # K I, by trial id
    of_reference: Mapping[str, Marks] = field(default_factory=dict)
    """K I, by the id of a reference trial: marks of the weights that others are counted from, where
    these are not the ones in `marks`."""

    why_not: str = ""
    """Why noise of images cannot be told, where it cannot: then there are no marks."""
