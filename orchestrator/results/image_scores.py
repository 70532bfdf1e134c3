"""What models scored image by image: the outcomes that the means in a table are made of.

A column of a table is a mean over images of what the store has a bit or a mark of (an accuracy),
the same less the standard reference's (a score, a sacrifice), or no matter of images at all
(seconds). Noise of images is in what models score on each, and cells share it: so all are read
together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from orchestrator.pareto.crossed import CrossedMeans, crossed_means
from orchestrator.plan.planned_trial import PlannedTrial
from orchestrator.results.images import Images
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store import Store
from orchestrator.store.files.looks import mapped
from orchestrator.table.columns import WeightsName, of_weights
from trainer.data import DataSettings, MissingData, load
from trainer.evaluation.outcomes import Outcomes
from trainer.evaluation.suite import Suite, examples_of
from trainer.input.own_code import own_code
from trainer.weights.checkpoint import DamagedError

Bits = npt.NDArray[np.bool_]

MEAN_ROBUST = "mean_robust_accuracy"
"""Measure that a robustness score is a difference of two of."""

AGAINST_REFERENCE = {
    "robustness_score": (MEAN_ROBUST, 1.0),
    "sacrificed_accuracy": ("natural_accuracy", -1.0),
}
"""Columns that are a model's measure less the standard reference's, and their sign."""

CLOSE = 1e-6
"""Most by which a table's accuracy differs from that of the same bits."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Crossed:
    """Means of cells and the standard reference, with the noise of seeds and images in them."""

    means: CrossedMeans  # of C cells under K measures; where it is none of them, then the reference
    columns: tuple[str, ...]  # of the table, that are asked for
    measures: tuple[str, ...]  # K
    cells: int  # C
    reference: int | None  # its row; None: no column needs it
    without_images: str  # why noise of images is not known; empty where it is

    @property
    def noise(self) -> str:
        """What intervals and resamples are over, in words."""
        return "seeds alone" if self.without_images else "seeds and images"

    def of_columns(self, drawn: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
        """Turn measures of resamples (B, C or C + 1, K) into the columns (B, C, Q) of the cells."""
        found = []
        for column in self.columns:
            measure, sign = _measure(column)
            its = drawn[:, :, self.measures.index(measure)]
            if _is_against_reference(column):
                assert self.reference is not None
                its = sign * (its - its[:, [self.reference]])
            found.append(its[:, : self.cells])
        return np.stack(found, axis=2)

    def interval(self, cell: int, column: str, *, level: float) -> tuple[float, float]:
        """Return the ends of the interval of a cell's column.

        Raises:
            ValueError: no cell has two seeds.
        """
        measure, sign = _measure(column)
        weights = np.zeros((1, len(self.means.means)))
        weights[0, cell] = sign
        if _is_against_reference(column):
            assert self.reference is not None
            weights[0, self.reference] -= sign
        _, low, high = self.means.intervals(weights, level)
        k = self.measures.index(measure)
        return float(low[0, k]), float(high[0, k])


@dataclass(frozen=True, kw_only=True, eq=False)
class OutcomeReader:
    """Reads what models scored on the images of one table, each file once."""

    spec: SweepSpec
    store: Store
    images: Images
    weights: WeightsName
    _marks: dict[str, Bits | str]  # by data: which images count; or why that is not known
    _turn: Lock  # several outcomes may be read at once, and data once alone

    @classmethod
    def of(cls, spec: SweepSpec, store: Store, images: Images) -> OutcomeReader:
        """Read a sweep's outcomes on some images, of the weights that it stands on."""
        weights = spec.policy.weights
        return cls(spec=spec, store=store, images=images, weights=weights, _marks={}, _turn=Lock())

    @property
    def suite(self) -> Suite:
        """The suite whose outcomes are read."""
        return self.spec.suite if self.images == "suite" else self.spec.suite.on("validation")

    def read(self, planned: PlannedTrial, weights: WeightsName) -> Outcomes | str:
        """Read the outcomes of a model on these images, or say why there are none."""
        best = planned.best if weights == "best" else None
        try:
            found = self.store.trial(planned.id).outcomes(self.suite.id, best=best)
        except DamagedError:
            found = None
        if found is None:
            return f"the outcomes of {planned.id} are gone or damaged"
        marks = self._marks_of(planned, count=len(found.natural))
        return marks if isinstance(marks, str) else found.among(marks)

    def _marks_of(self, planned: PlannedTrial, *, count: int) -> Bits | str:
        """Mark the images that count, among those of an evaluation: all, or those that pick."""
        evaluation = planned.evaluation if self.images == "suite" else planned.validation
        if self.images == "suite" or evaluation is None or evaluation.halves is None:
            return np.ones(count, dtype=np.bool_)
        data = planned.trial.data
        key = data.model_dump_json()
        with self._turn:
            if key not in self._marks:
                self._marks[key] = _picking_marks(data, self.suite)
            marks = self._marks[key]
        return marks if isinstance(marks, str) or len(marks) == count else _OTHER_DATA


_OTHER_DATA = "the data that are here are not those of the sweep"


def _picking_marks(data: DataSettings, suite: Suite) -> Bits | str:
    """Mark, among the suite's validation images, those that pick; or say why it cannot be said.
    Nothing is downloaded."""
    import torch  # noqa: PLC0415  (where it is first needed; it takes two seconds)

    try:
        with own_code("the code of the data set"):
            dataset = load(data.model_copy(update={"download": False}), torch.device("cpu"))
    except MissingData:
        return "the data are not here, by which the images that pick are told apart"
    except ValueError:
        return "the data cannot be read here, by which the images that pick are told apart"
    return np.asarray(~dataset.steers[examples_of(suite, dataset.validation)].numpy())


def crossed(
    cells: Sequence[Sequence[PlannedTrial]],
    references: Sequence[PlannedTrial],
    columns: Sequence[str],
    table: pd.DataFrame,
    reader: OutcomeReader,
) -> Crossed:
    """Read what the models of some cells scored, and estimate the noise in their means.

    Where outcomes cannot be had of every model, on the same images, the noise of seeds alone is
    estimated, from the table.

    Args:
        cells: the trials of each that are done.
        references: the standard trials that are done, against whose last weights is scored.
        columns: of the table, numbers all.
        table: of all these trials, on the reader's images.

    Raises:
        ValueError: a cell has no number in a column.
    """
    is_scored = any(map(_is_against_reference, columns))
    its_ids = {planned.id for planned in references}
    own = (at for at, its in enumerate(cells) if {planned.id for planned in its} == its_ids)
    reference = next(own, None) if reader.weights == "last" else None
    models: list[tuple[Sequence[PlannedTrial], WeightsName]] = [
        (its, reader.weights) for its in cells
    ]
    if is_scored and reference is None:
        reference = len(models)
        models.append((references, "last"))
    measures = tuple(dict.fromkeys(_measure(column)[0] for column in columns))
    flat = [(planned, weights) for its, weights in models for planned in its]
    read = mapped(lambda it: reader.read(*it), flat, reader.store.files)
    rows: dict[str, Mapping[str, Any]] = {
        str(row["trial_id"]): {str(name): cell for name, cell in row.items()}
        for row in table.to_dict("records")
    }
    scored = [
        _scored(outcomes, rows[planned.id], measures, weights, reader.spec.suite.seen)
        for outcomes, (planned, weights) in zip(read, flat, strict=True)
    ]
    lengths = {len(it[0]) for it in scored if not isinstance(it, str)}
    why = next((it for it in scored if isinstance(it, str)), "")
    why = why or ("" if len(lengths) == 1 else "trials were evaluated on different images")
    if why:
        scored = [
            _of_row(rows[planned.id], measures, weights, reader.spec.suite.seen)[:, None]
            for planned, weights in flat
        ]
    return Crossed(
        means=crossed_means(_array(models, scored)),
        columns=tuple(columns),
        measures=measures,
        cells=len(cells),
        reference=reference if is_scored else None,
        without_images=why,
    )


def _array(
    models: Sequence[tuple[Sequence[PlannedTrial], WeightsName]],
    scored: Sequence[npt.NDArray[np.floating] | str],
) -> npt.NDArray[np.float32]:
    """Set scores (K, I) of models into C S K I, a place a seed; NaN where there is no model."""
    seeds = list(dict.fromkeys(planned.trial.seed for its, _ in models for planned in its))
    shapes = [it.shape for it in scored if not isinstance(it, str)]
    array = np.full((len(models), len(seeds), *shapes[0]), np.nan, dtype=np.float32)
    at = iter(scored)
    for cell, (its, _) in enumerate(models):
        for planned in its:
            array[cell, seeds.index(planned.trial.seed)] = next(at)
    return array


def _scored(
    outcomes: Outcomes | str,
    row: Mapping[str, Any],
    measures: Sequence[str],
    weights: WeightsName,
    categories: Sequence[str],
) -> npt.NDArray[np.float32] | str:
    """Return what a model scored on each image under each measure (K, I); what is no matter of
    images is the same on all of them."""
    if isinstance(outcomes, str):
        return outcomes
    known = outcomes.measures()
    if abs(known["natural_accuracy"].value - row[of_weights("natural_accuracy", weights)]) > CLOSE:
        return _OTHER_DATA
    of_row = _of_row(row, measures, weights, categories)
    count = len(outcomes.natural)
    return np.stack(
        [
            known[name].marks / np.float32(known[name].full)
            if name in known
            else np.full(count, of_row[k], dtype=np.float32)
            for k, name in enumerate(measures)
        ]
    ).astype(np.float32)


def _of_row(
    row: Mapping[str, Any],
    measures: Sequence[str],
    weights: WeightsName,
    categories: Sequence[str],
) -> npt.NDArray[np.float32]:
    """Return a model's measures (K,) by its row of the table."""

    def number(name: str) -> float:
        value = row[of_weights(name, weights)]
        if pd.isna(value):
            raise ValueError(f"{row['trial_id']} has no number in {name}")
        return float(value)

    return np.array(
        [
            np.mean([number(f"robust_accuracy_{it}") for it in categories])
            if name == MEAN_ROBUST
            else number(name)
            for name in measures
        ],
        dtype=np.float32,
    )


def _measure(column: str) -> tuple[str, float]:
    """Return the measure that a column is of, and the sign with which."""
    own = of_weights(column, "last")
    return AGAINST_REFERENCE.get(own, (own, 1.0))


def _is_against_reference(column: str) -> bool:
    return of_weights(column, "last") in AGAINST_REFERENCE
