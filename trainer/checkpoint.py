"""Checkpoints and weights as bytes: tensors and plain values, nothing that runs on loading."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from trainer.problems import BadInput, Problem
from trainer.weighting import Weighting


class DamagedError(ValueError):
    """Bytes that are no checkpoint, or no weights, of this version."""


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A training run between two steps. Random state is derived, so none is kept.

    Attributes:
        epochs_done: whole epochs.
        steps_done: of the epoch under way; 0 between epochs.
        model, optimiser, weighting: their states.
        epoch: what the epoch under way has summed so far; empty between epochs.
    """

    epochs_done: int
    steps_done: int
    model: dict[str, Tensor]
    optimiser: dict[str, Any]
    weighting: dict[str, Any]
    epoch: dict[str, Any]

    @property
    def position(self) -> tuple[int, int]:
        """`(epochs_done, steps_done)`: of two checkpoints of a trial, the larger is further."""
        return self.epochs_done, self.steps_done

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

    def load_into(
        self, model: nn.Module, optimiser: torch.optim.Optimizer, weighting: Weighting
    ) -> None:
        """Give each the state that is kept of it.

        Raises:
            BadInput: it is of another model, optimiser or method.
        """
        expected = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
        found = {name: tuple(tensor.shape) for name, tensor in self.model.items()}
        for name in expected | found:
            if expected.get(name) != found.get(name):
                rule = f"be of shape {expected[name]}" if name in expected else "not be there"
                got = f"shape {found[name]}" if name in found else "no such tensor"
                raise _misfit(f"model.{name}", f"must {rule} for this trial's model, got {got}")
        model.load_state_dict(self.model)

        options = set(optimiser.param_groups[0])
        try:
            optimiser.load_state_dict(self.optimiser)
            fits = options <= set(optimiser.param_groups[0])  # PyTorch takes any options
        except (LookupError, ValueError):
            fits = False
        if not fits:
            tensors = sorted({name for each in self.optimiser["state"].values() for name in each})
            kind, got = type(optimiser).__name__, ", ".join(tensors) or "nothing"
            raise _misfit("optimiser", f"must be {kind}'s state, got {got}")
        _lay_out_as_weights(optimiser)

        try:
            weighting.restore(self.weighting)
        except (ValueError, LookupError, TypeError) as error:
            got = ", ".join(self.weighting) or "nothing"
            rule = f"must be of this trial's method, got {got} ({error!r})"
            raise _misfit("weighting", rule) from error


def _lay_out_as_weights(optimiser: torch.optim.Optimizer) -> None:
    """A checkpoint may come from another `memory_format`, and fused optimisers go through a weight
    and its moments as they lie in memory, whatever their strides say."""
    for weight, state in optimiser.state.items():
        for name, value in state.items():
            if isinstance(value, Tensor) and value.shape == weight.shape:
                state[name] = torch.empty_like(weight, dtype=value.dtype).copy_(value)


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


def _misfit(key: str, rule: str) -> BadInput:
    remedy = "go on with the settings that the checkpoint was made with"
    return BadInput(Problem("checkpoint", key, f"{rule}; {remedy}"))


def _fields(data: bytes, expected: set[str]) -> dict[str, Any]:
    try:
        fields = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load raises what its readers do: Runtime, EOF, Unpickling
        raise DamagedError(f"not a file of ours: {error}") from error
    if not isinstance(fields, dict) or set(fields) != expected:
        raise DamagedError(f"must hold {sorted(expected)}")
    return fields
