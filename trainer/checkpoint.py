"""Checkpoints and weights as bytes: tensors and plain values, nothing that runs on loading."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


class DamagedError(ValueError):
    """Bytes that are no checkpoint, or no weights, of this version."""


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A training run between two epochs. Random state is derived, so none is kept."""

    epochs_done: int
    model: dict[str, Tensor]
    optimiser: dict[str, Any]
    weighting: dict[str, Any]

    def to_bytes(self) -> bytes:
        """As `torch.save` writes it."""
        buffer = io.BytesIO()
        torch.save(vars(self), buffer)
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> Checkpoint:
        """Read with `weights_only=True`, onto the CPU.

        Raises:
            DamagedError: the bytes hold something else.
        """
        return cls(**_fields(data, set(cls.__dataclass_fields__)))


@dataclass(frozen=True, kw_only=True)
class Weights:
    """A trained model: its tensors and the record of the trial that made it."""

    trial: dict[str, Any]
    model: dict[str, Tensor]

    def to_bytes(self) -> bytes:
        """As `torch.save` writes it; the record as JSON."""
        buffer = io.BytesIO()
        torch.save({"trial": json.dumps(self.trial), "model": self.model}, buffer)
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> Weights:
        """Read with `weights_only=True`, onto the CPU.

        Raises:
            DamagedError: the bytes hold something else.
        """
        fields = _fields(data, {"trial", "model"})
        return cls(trial=json.loads(fields["trial"]), model=fields["model"])


def _fields(data: bytes, expected: set[str]) -> dict[str, Any]:
    try:
        fields = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load raises what its readers do: Runtime, EOF, Unpickling
        raise DamagedError(f"not a file of ours: {error}") from error
    if not isinstance(fields, dict) or set(fields) != expected:
        raise DamagedError(f"must hold {sorted(expected)}")
    return fields
