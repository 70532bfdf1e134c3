"""Outcomes: one bit an example and attack, and all that follows from the bits alone."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.evaluation.origin import Origin
from trainer.weights.checkpoint import DamagedError

Bits = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, eq=False)
class Measure:
    """An accuracy by what each of N examples adds to it: `marks / full`, between 0 and 1.

    Whole marks, so that sums are exact and differences of two models can be counted.
    """

    marks: NDArray[np.int64]  # N, from 0 to `full`
    full: int  # 1: the accuracy is a share of the examples

    @property
    def value(self) -> float:
        """Mean of the measure over the examples."""
        return float(self.marks.sum() / (self.full * len(self.marks)))

    def among(self, chosen: Bits) -> Measure:
        """Return the same measure of the chosen examples alone."""
        return Measure(marks=self.marks[chosen], full=self.full)


@dataclass(frozen=True, kw_only=True)
class EvaluationWarning:
    """A sign that accuracies say less than they seem to: see `trainer.evaluation.self_check`."""

    code: str
    """Name of the warning in one word, for tables: `zero_gradient`, `attack_moves_nothing`,
    `random_answers` or `probabilities`."""

    message: str
    """Text of the warning, for people: what was seen, what follows, and what to do."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Outcomes:
    """What a suite of attacks left of a model, on N images.

    `robust` has for each category (an attack of the suite) L N bits, a row for each rung of
    its ladder; a row is at most the one before, since an example once broken stays so, and at
    most `natural`, since the clean image is in every attack's set.
    """

    natural: Bits  # N
    robust: Mapping[str, Bits]  # by category, L N
    ladders: Mapping[str, tuple[int, ...]]  # by category, L; empty: one strength, one row
    unseen: tuple[str, ...] = ()  # categories that are in neither the union nor the mean of all
    origin: Origin | None = None  # files of before it was kept have none
    warnings: tuple[EvaluationWarning, ...] | None = None  # None: the evaluation was not checked
    steers: Bits | None = None
    """N: of validation images whether they steer trainings (`trainer.data.steering_part`), and else
    pick; None of other images, or where it was not kept."""

    def natural_accuracy(self) -> float:
        """Share of clean images that are classified rightly."""
        return _share(self.natural).value

    def robust_accuracy(self, category: str) -> float:
        """Mean over the ladder's rungs of the share that withstands: the paper's measure.

        A ladder's mean is not robustness, since few small steps cannot cross the set: read it
        beside `worst_accuracy`.
        """
        return self._mean_over_rungs(category).value

    def worst_accuracy(self, category: str) -> float:
        """Share of images that withstand the category's every rung."""
        return _share(self.robust[category][-1]).value

    def union_accuracy(self) -> float:
        """Share of images that withstand every attack that is not unseen: each against its own
        worst case."""
        return self._union().value

    def among(self, chosen: Bits) -> Outcomes:
        """Return the outcomes of the chosen images (N bits) alone."""
        robust = {name: bits[:, chosen] for name, bits in self.robust.items()}
        steers = None if self.steers is None else self.steers[chosen]
        return replace(self, natural=self.natural[chosen], robust=robust, steers=steers)

    def accuracies(self) -> dict[str, float]:
        """Return all accuracies by name, in the order and under the names of a sweep's table."""
        return {name: measure.value for name, measure in self._by_column().items()}

    def measures(self) -> dict[str, Measure]:
        """Return the measures that `accuracies` are the means of, by the same names; with them
        `mean_robust_accuracy`, over the categories: a robustness score is a difference of two."""
        return self._by_column() | (
            {"mean_robust_accuracy": self._mean_over_categories()} if self._seen() else {}
        )

    def mean_column(self, category: str) -> str:
        """Return the name, among `measures`, of a category's mean over its ladder."""
        return f"{'unseen' if category in self.unseen else 'robust'}_accuracy_{category}"

    def rungs(self, category: str) -> list[Measure]:
        """Return the share that withstands each rung of a ladder; one share without a ladder."""
        return [_share(bits) for bits in self.robust[category]]

    def withstood(self) -> dict[str, tuple[int, ...]]:
        """Count the images that withstand each rung of each category's ladder."""
        return {name: tuple(bits.sum(axis=1).tolist()) for name, bits in self.robust.items()}

    def _by_column(self) -> dict[str, Measure]:
        seen = self._seen()
        mean = {name: self._mean_over_rungs(name) for name in self.robust}
        worst = {name: _share(bits[-1]) for name, bits in self.robust.items()}
        return {
            "natural_accuracy": _share(self.natural),
            **{f"robust_accuracy_{name}": mean[name] for name in seen},
            **{f"worst_{name}": worst[name] for name in seen},
            "union_accuracy": self._union(),
            **{f"unseen_accuracy_{name}": mean[name] for name in self.unseen},
            **{f"unseen_worst_{name}": worst[name] for name in self.unseen},
        }

    def _seen(self) -> list[str]:
        return [name for name in self.robust if name not in self.unseen]

    def _mean_over_rungs(self, category: str) -> Measure:
        bits = self.robust[category]
        return Measure(marks=bits.sum(axis=0, dtype=np.int64), full=len(bits))

    def _mean_over_categories(self) -> Measure:
        """Average over categories, each of the same weight however many rungs it has."""
        means = [self._mean_over_rungs(category) for category in self._seen()]
        rungs = math.lcm(*(mean.full for mean in means))
        marks = sum(mean.marks * (rungs // mean.full) for mean in means)
        return Measure(marks=np.asarray(marks), full=rungs * len(means))

    def _union(self) -> Measure:
        worst = [self.robust[category][-1] for category in self._seen()]
        return _share(np.logical_and.reduce([self.natural, *worst]))

    def to_bytes(self) -> bytes:
        """Write a NumPy archive: `natural`, `robust/CATEGORY`, `steers`; `ladders`, `unseen`,
        `origin` and `warnings` as JSON."""
        buffer = io.BytesIO()
        ladders = json.dumps({name: list(ladder) for name, ladder in self.ladders.items()})
        arrays: dict[str, Any] = {f"robust/{name}": bits for name, bits in self.robust.items()}
        if self.steers is not None:
            arrays["steers"] = self.steers
        if self.unseen:
            arrays["unseen"] = np.array(json.dumps(list(self.unseen)))
        if self.origin is not None:
            arrays["origin"] = np.array(json.dumps(asdict(self.origin)))
        if self.warnings is not None:
            arrays["warnings"] = np.array(json.dumps([asdict(it) for it in self.warnings]))
        np.savez_compressed(buffer, natural=self.natural, ladders=np.array(ladders), **arrays)
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> Outcomes:
        """Read what `to_bytes` wrote; nothing in it is run.

        Raises:
            DamagedError: the bytes hold something else.
        """
        try:
            outcomes = cls._read(data)
            rows = {name: max(1, len(ladder)) for name, ladder in outcomes.ladders.items()}
            expected = {name: (count, len(outcomes.natural)) for name, count in rows.items()}
            found = {name: bits.shape for name, bits in outcomes.robust.items()}
            unknown = set(outcomes.unseen) - set(outcomes.robust)
        except Exception as error:  # NumPy raises what its readers do: BadZipFile, EOF, Key
            reason = str(error).partition(". ")[0]  # without NumPy's advice to run what is in it
            raise DamagedError(f"not outcomes of an evaluation: {reason}") from error
        steers = outcomes.natural if outcomes.steers is None else outcomes.steers
        kinds = {str(bits.dtype) for bits in (outcomes.natural, steers, *outcomes.robust.values())}
        if kinds != {"bool"}:
            raise DamagedError(f"outcomes must be of bits, got {', '.join(sorted(kinds))}")
        if steers.shape != outcomes.natural.shape:
            raise DamagedError(
                f"outcomes must mark {len(outcomes.natural)} images, got {steers.shape}"
            )
        if outcomes.natural.ndim != 1 or expected != found:
            raise DamagedError(f"outcomes must be of shapes {expected}, got {found}")
        if unknown:
            raise DamagedError(f"outcomes must have what is unseen, got no {unknown}")
        return outcomes

    @classmethod
    def _read(cls, data: bytes) -> Outcomes:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            ladders = {k: tuple(v) for k, v in json.loads(str(archive["ladders"])).items()}
            origin = json.loads(str(archive["origin"])) if "origin" in archive else None
            warnings = json.loads(str(archive["warnings"])) if "warnings" in archive else None
            unseen = json.loads(str(archive["unseen"])) if "unseen" in archive else ()
            return cls(
                unseen=tuple(unseen),
                natural=archive["natural"],
                robust={name: archive[f"robust/{name}"] for name in ladders},
                ladders=ladders,
                steers=archive.get("steers"),
                origin=None if origin is None else Origin(**origin),
                warnings=None
                if warnings is None
                else tuple(EvaluationWarning(**warning) for warning in warnings),
            )


def _share(bits: Bits) -> Measure:
    return Measure(marks=bits.astype(np.int64), full=1)
