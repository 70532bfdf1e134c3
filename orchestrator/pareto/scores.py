"""A table's trials as an array: cells by seeds by objectives by images.

Where answers of the models are known image by image, scores are these; else each model has one
score, its number in the table, and what other images would change is not known.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from orchestrator.pareto.answers import Answers, Marks
from orchestrator.pareto.components import Floats
from orchestrator.pareto.eligibility import is_measured
from orchestrator.pareto.front import cell_numbers
from orchestrator.table.columns import is_relative, of_weights
from orchestrator.table.objectives import Objective

STANDARD = "standard"
"""Label of the reference's method."""

MOST_SCORES = 2**30
"""Most scores that are gathered: 4 GB."""

TOLERANCE = 1e-6
"""How far a number of the table may be from what the bits say; files round neither."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Scores:
    """Scores of C cells under S seeds, M objectives and I images, each objective in its own unit.

    What cells differ by in the table is `scale` times what the means of their scores differ by.
    """

    array: npt.NDArray[np.float32]  # C S M I; NaN where there is no model
    scale: Floats  # M: unit of the scores, in that of the table
    reference: tuple[int | None, ...]
    """Of each objective the cell that it is counted from; None: it is counted from none, or from
    one that the table does not tell."""

    why_no_images: str = ""
    """Why scores are means over images, where they are."""

    why_no_reference: str = ""
    """Why an objective is counted from a cell that the table does not tell, where one is."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Models:
    """N models whose scores are gathered, of M objectives."""

    ids: tuple[str, ...]  # N: of their trials
    cell: npt.NDArray[np.int64]  # N
    place: npt.NDArray[np.int64]  # N: of the seed
    numbers: Floats  # N M: as the table has them
    is_again: npt.NDArray[np.bool_]  # N: whether it is a reference's last weights

    @property
    def shape(self) -> tuple[int, int]:
        """How many cells and seeds there are."""
        return int(self.cell.max(initial=-1)) + 1, int(self.place.max(initial=-1)) + 1


def scores_of(table: pd.DataFrame, objectives: Sequence[Objective], answers: Answers) -> Scores:
    """Gather the scores of a table's measured trials, in cells as `pareto.front.cells` has them.

    Seeds are paired by their numbers; a second trial of a cell under a seed is a seed more. The
    best weights are counted from the reference's last ones, which then are a cell more, the last.
    """
    names = [objective.name for objective in objectives]
    relative = [is_relative(name) for name in names]
    origins = [of_weights(name, "last") if is_relative(name) else name for name in names]
    cells, is_counted = cell_numbers(table, objectives), is_measured(table, objectives)
    is_reference = is_counted & _is_reference(table, cells, origins, answers)
    theirs = cells[is_reference].unique()
    why_no_reference = _why_no_reference(table, origins, len(theirs)) if any(relative) else ""
    is_again = is_reference & (origins != names and not why_no_reference)
    count = len(cells.unique())
    rows, again = table[is_counted], table[is_again]
    every = pd.concat([rows, again])
    cell = np.concatenate([cells[is_counted], np.full(len(again), count)]).astype(np.int64)
    models = _Models(
        ids=tuple(every["trial_id"].astype(str)),
        cell=cell,
        place=_places(every, cell),
        numbers=np.concatenate([_numbers(rows, names), _numbers(again, origins)]),
        is_again=np.arange(len(every)) >= len(rows),
    )
    array, scale, why_no_images = _filled(models, names, answers)
    origin = None if why_no_reference or not len(theirs) else int(theirs[0])
    return Scores(
        array=array,
        scale=scale,
        reference=tuple((count if len(again) else origin) if it else None for it in relative),
        why_no_images=why_no_images,
        why_no_reference=why_no_reference,
    )


def _is_reference(
    table: pd.DataFrame, cells: pd.Series[int], origins: Sequence[str], answers: Answers
) -> pd.Series[bool]:
    """Mark the trials that others are counted from. Of a table from elsewhere these are taken to be
    the cell `standard`, if it is counted from itself: its means are 0."""
    if answers.references or "method" not in table:
        return table["trial_id"].isin(answers.references)
    is_standard = (table["method"] == STANDARD).fillna(False).astype(bool)
    for name in filter(is_relative, origins):
        if name in table:
            means = table[name].astype(float).groupby(cells).transform("mean")
            is_standard &= means.abs() < TOLERANCE
    return is_standard


def _why_no_reference(table: pd.DataFrame, origins: Sequence[str], cells: int) -> str:
    if cells != 1:
        many = "several cells are taken for it"
        return many if cells else "the table does not have it"
    missing = [name for name in origins if name not in table]
    return f"the table has no {missing[0]}" if missing else ""


def _places(rows: pd.DataFrame, cell: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Number the seed of each row, from 0; again where a cell has several trials under one."""
    seeds = rows["seed"].to_numpy() if "seed" in rows else np.zeros(len(rows))
    keys = pd.DataFrame({"seed": pd.factorize(seeds)[0], "cell": cell})
    keys["repeat"] = keys.groupby(["seed", "cell"]).cumcount()
    return np.asarray(keys.groupby(["repeat", "seed"]).ngroup(), dtype=np.int64)


def _numbers(rows: pd.DataFrame, names: Sequence[str]) -> Floats:
    if rows.empty:
        return np.empty((0, len(names)))
    return rows[list(names)].to_numpy(dtype=np.float64, na_value=np.nan)


def _filled(
    models: _Models, names: Sequence[str], answers: Answers
) -> tuple[npt.NDArray[np.float32], Floats, str]:
    """Return the array of scores, their unit, and why they are means over images where they are.

    What no bits say, such as seconds, is the same on every image. Numbers are taken from their
    mean, in units of the largest distance, so that none is too large or too fine for 32 bits.
    """
    marks, why = _marks(models, names, answers)
    if marks and (why := _odd(models, names, answers, marks)):
        marks = []
    centred = models.numbers - models.numbers.mean(axis=0)
    scale = np.abs(centred).max(axis=0)
    scale[scale == 0] = 1.0
    images = marks[0].shape[1] if marks else 1
    array = np.full((*models.shape, len(names), images), np.nan, dtype=np.float32)
    for m, name in enumerate(names):
        if not marks or name not in answers.columns:
            array[models.cell, models.place, m] = (centred[:, m] / scale[m])[:, None]
            continue
        k, scale[m] = answers.columns.index(name), 1.0
        unit = np.float32(answers.signs[k] / answers.full[k])
        for cell, place, its in zip(models.cell, models.place, marks, strict=True):
            array[cell, place, m] = its[k] * unit
    return array, scale, why


def _marks(models: _Models, names: Sequence[str], answers: Answers) -> tuple[list[Marks], str]:
    """Return each model's marks, or none and why: all must be there, of the same images, and give
    the numbers that the table has."""
    chosen = [(m, answers.columns.index(it)) for m, it in enumerate(names) if it in answers.columns]
    if answers.why_not or not chosen:
        return [], answers.why_not or "none of the objectives is a mean over images"
    found: list[Marks] = []
    for trial_id, is_again in zip(models.ids, models.is_again, strict=True):
        its = (answers.of_reference if is_again else answers.marks).get(trial_id)
        if its is None:
            return [], f"{trial_id} has no answers to single images"
        found.append(its)
    images = {its.shape[1] for its in found}
    if len(images) > 1:
        return [], f"models answered {min(images):,} to {max(images):,} images"
    if math.prod(models.shape) * len(names) * images.pop() > MOST_SCORES:
        return [], "scores on so many images take more than 4 GB"
    return found, ""


def _odd(models: _Models, names: Sequence[str], answers: Answers, marks: Sequence[Marks]) -> str:
    """Say which model's marks give another number than the table has; empty if none's do."""
    for m, name in enumerate(names):
        if name not in answers.columns:
            continue
        k = answers.columns.index(name)
        means = np.array([its[k].mean(dtype=np.float64) for its in marks])
        off = models.numbers[:, m] - means * answers.signs[k] / answers.full[k]
        off -= np.median(off) if is_relative(name) else 0.0
        if np.abs(off).max() > TOLERANCE:
            odd = models.ids[int(np.abs(off).argmax())]
            return f"the answers of {odd} give another {name} than the table has"
    return ""
