"""Outcomes: one bit an example and attack, and all that follows from the bits alone."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Bits = NDArray[np.bool_]


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

    def natural_accuracy(self) -> float:
        """Share of clean images classified rightly."""
        return float(self.natural.mean())

    def robust_accuracy(self, category: str) -> float:
        """Mean over the ladder's rungs of the share that withstands: the paper's measure.

        A ladder's mean is not robustness, since few small steps cannot cross the set: read it
        beside `worst_accuracy`.
        """
        return float(self.robust[category].mean())

    def worst_accuracy(self, category: str) -> float:
        """Share that withstands the category's every rung."""
        return float(self.robust[category][-1].mean())

    def union_accuracy(self) -> float:
        """Share that withstands every attack: each example against its own worst case."""
        worst = [bits[-1] for bits in self.robust.values()]
        return float(np.logical_and.reduce([self.natural, *worst]).mean())

    def accuracies(self) -> dict[str, float]:
        """All of these by name, in the order and under the names of a sweep's table."""
        return {
            "natural_accuracy": self.natural_accuracy(),
            **{f"robust_accuracy_{name}": self.robust_accuracy(name) for name in self.robust},
            **{f"worst_{name}": self.worst_accuracy(name) for name in self.robust},
            "union_accuracy": self.union_accuracy(),
        }

    def to_bytes(self) -> bytes:
        """As a NumPy archive: `natural`, `robust/CATEGORY`, and `ladders` as JSON."""
        buffer = io.BytesIO()
        ladders = json.dumps({name: list(ladder) for name, ladder in self.ladders.items()})
        arrays: dict[str, Any] = {f"robust/{name}": bits for name, bits in self.robust.items()}
        np.savez_compressed(buffer, natural=self.natural, ladders=np.array(ladders), **arrays)
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> Outcomes:
        """Read what `to_bytes` wrote; nothing in it is run."""
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            ladders = {k: tuple(v) for k, v in json.loads(str(archive["ladders"])).items()}
            return cls(
                natural=archive["natural"],
                robust={name: archive[f"robust/{name}"] for name in ladders},
                ladders=ladders,
            )
