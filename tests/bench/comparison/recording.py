"""A recording: a sweep's trials with one bit an image, category and rung, in one small file.

All that a sweep's tables, fronts and contrasts say follows from these bits and from what else is
known of its trials, so that pages are rendered from the file alone, and nothing is run again. It is
JSON under xz (`xzcat digits.json.xz`): reading it runs nothing. A trial without a result stands in
it with its status.
"""

from __future__ import annotations

import base64
import json
import lzma
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from orchestrator.store.trials.records import Evaluation, Halves, OnImages, Result
from trainer.evaluation.outcomes import Bits, Outcomes
from trainer.weights.checkpoint import DamagedError

VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A trial's model on some images: what is known of its evaluation, and the bits."""

    record: Evaluation  # with the accuracies that follow from the bits
    outcomes: Outcomes


@dataclass(frozen=True, kw_only=True)
class RecordedTrial:
    """A trial of the sweep as the store had it."""

    id: str
    method: str  # label in the sweep file
    settings: Mapping[str, Any]  # that vary in the sweep
    seed: int
    status: str
    result: Result | None
    on_suite: Measured | None  # on the test images
    on_validation: Measured | None


@dataclass(frozen=True, kw_only=True)
class Recording:
    """A sweep, whole or as far as it had come."""

    spec: str  # the sweep file with every default written out, YAML
    commit: str  # of the code that trained and evaluated
    fingerprint: str  # of the data
    steers: Bits  # N: which validation images steer; the others pick
    trials: tuple[RecordedTrial, ...]

    @property
    def missing(self) -> dict[str, int]:
        """Trials that are not done, by status."""
        return dict(Counter(it.status for it in self.trials if it.status != "done"))

    def to_bytes(self) -> bytes:
        """Write the recording: equal content, equal bytes."""
        plain = {
            "version": VERSION,
            "commit": self.commit,
            "fingerprint": self.fingerprint,
            "missing": self.missing,
            "spec": self.spec,
            "steers": _packed(self.steers),
            "trials": [_plain(it) for it in self.trials],
        }
        text = json.dumps(plain, indent=1, ensure_ascii=False)
        return lzma.compress(text.encode(), preset=9)

    @classmethod
    def from_bytes(cls, data: bytes) -> Recording:
        """Read what `to_bytes` wrote.

        Raises:
            DamagedError: the bytes are of something else, or of a newer version.
        """
        try:
            plain = json.loads(lzma.decompress(data))
            version = plain["version"]
        except (lzma.LZMAError, ValueError, KeyError, TypeError) as error:
            raise DamagedError(f"not a recording: {error}") from error
        if version != VERSION:
            raise DamagedError(f"a recording must be of version {VERSION}, got {version!r}")
        steers = _unpacked(plain["steers"])
        return cls(
            spec=plain["spec"],
            commit=plain["commit"],
            fingerprint=plain["fingerprint"],
            steers=steers,
            trials=tuple(_trial(it, steers) for it in plain["trials"]),
        )

    @classmethod
    def read(cls, path: Path) -> Recording:
        """Read a file, as `from_bytes` does."""
        return cls.from_bytes(path.read_bytes())


def _plain(trial: RecordedTrial) -> dict[str, Any]:
    return {
        "id": trial.id,
        "method": trial.method,
        "settings": dict(trial.settings),
        "seed": trial.seed,
        "status": trial.status,
        "result": None if trial.result is None else _facts(trial.result),
        "on_suite": None if trial.on_suite is None else _evaluated(trial.on_suite),
        "on_validation": None if trial.on_validation is None else _evaluated(trial.on_validation),
    }


def _facts(record: Result | Evaluation) -> dict[str, Any]:
    """The record as JSON, without what names the machine and what follows from the bits."""
    left_out = {"suite": True, "accuracies": True, "provenance": {"host"}}
    halves = {"steering": {"accuracies"}, "picking": {"accuracies"}}
    return record.model_dump(mode="json", exclude_none=True, exclude={**left_out, "halves": halves})


def _evaluated(it: Measured) -> dict[str, Any]:
    return {
        "record": _facts(it.record),
        "natural": _packed(it.outcomes.natural),
        "robust": {name: _packed(bits) for name, bits in it.outcomes.robust.items()},
        "ladders": {name: list(ladder) for name, ladder in it.outcomes.ladders.items()},
        "unseen": list(it.outcomes.unseen),
    }


def _trial(plain: Mapping[str, Any], steers: Bits) -> RecordedTrial:
    on_suite, on_validation = plain["on_suite"], plain["on_validation"]
    return RecordedTrial(
        id=plain["id"],
        method=plain["method"],
        settings=plain["settings"],
        seed=plain["seed"],
        status=plain["status"],
        result=None if plain["result"] is None else Result.model_validate(plain["result"]),
        on_suite=None if on_suite is None else _read(on_suite, None),
        on_validation=None if on_validation is None else _read(on_validation, steers),
    )


def _read(plain: Mapping[str, Any], steers: Bits | None) -> Measured:
    outcomes = Outcomes(
        natural=_unpacked(plain["natural"]),
        robust={name: _unpacked(bits) for name, bits in plain["robust"].items()},
        ladders={name: tuple(ladder) for name, ladder in plain["ladders"].items()},
        unseen=tuple(plain["unseen"]),
    )
    return Measured(record=with_accuracies(plain["record"], outcomes, steers), outcomes=outcomes)


def with_accuracies(
    facts: Mapping[str, Any], outcomes: Outcomes, steers: Bits | None
) -> Evaluation:
    """Make an evaluation's record with the accuracies that follow from its bits.

    Args:
        steers: which of the images steer; None where they are no validation images.
    """
    record = Evaluation.model_validate(facts)
    halves = None
    if record.halves is not None and steers is not None:
        halves = Halves(
            steering=_on(record.halves.steering, outcomes.among(steers)),
            picking=_on(record.halves.picking, outcomes.among(~steers)),
        )
    return record.model_copy(update={"accuracies": outcomes.accuracies(), "halves": halves})


def _on(images: OnImages, outcomes: Outcomes) -> OnImages:
    if images.examples != len(outcomes.natural):
        raise DamagedError(f"must have {images.examples} images, got {len(outcomes.natural)}")
    return images.model_copy(update={"accuracies": outcomes.accuracies()})


def _packed(bits: Bits) -> dict[str, Any]:
    return {"shape": list(bits.shape), "bits": base64.b64encode(np.packbits(bits)).decode()}


def _unpacked(plain: Mapping[str, Any]) -> Bits:
    count = int(np.prod(plain["shape"]))
    packed = np.frombuffer(base64.b64decode(plain["bits"], validate=True), dtype=np.uint8)
    if len(packed) != -(-count // 8):
        raise DamagedError(f"must hold {count} bits, got {len(packed)} bytes")
    return np.unpackbits(packed, count=count).astype(bool).reshape(plain["shape"])
