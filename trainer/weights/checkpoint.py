"""Checkpoints and weights as bytes: tensors and plain values, nothing that runs on loading."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from trainer.input.problems import BadInput, Problem
from trainer.methods.weighting import Weighting

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn
else:
    from trainer import late_torch as torch

MAX_SIZE = 2**20
"""Most pixels along an axis, and most classes, that an undamaged weights file names."""

PLACES = ("root", "download", "cache")
"""Settings of data that say where they lay, or how they came there: none that a network needs."""

_BOUNDS = (RecursionError, OverflowError)  # brackets without end; a number beyond all floats


class DamagedError(ValueError):
    """The bytes are no checkpoint, or no weights, of this version."""


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A training run between two steps. Random state is derived, so none is kept.

    Attributes:
        epochs_done: whole epochs.
        steps_done: steps of the epoch under way; 0 between epochs.
        model, optimiser, weighting: their states.
        epoch: what the epoch under way has summed so far; empty between epochs.
        passes: from the first epoch to here, of `training` and of `validation`, by kind; None where
            some were not counted, as by versions before they were.
        step_weights: of the losses in every step so far, steps K; None where some were not kept.
        average: of the model's weights, by name; None where training keeps none.
        best: the state so far that did best in validation, as `trainer.training.best` has it; None
            where training keeps none.
    """

    epochs_done: int
    steps_done: int
    model: dict[str, Tensor]
    optimiser: dict[str, Any]
    weighting: dict[str, Any]
    epoch: dict[str, Any]
    passes: dict[str, dict[str, int]] | None = None
    step_weights: Tensor | None = None
    average: dict[str, Tensor] | None = None
    best: dict[str, Any] | None = None

    @property
    def position(self) -> tuple[int, int]:
        """`(epochs_done, steps_done)`: of two checkpoints of a trial, the larger is further."""
        return self.epochs_done, self.steps_done

    def to_bytes(self) -> bytes:
        """Write the checkpoint as `torch.save` does."""
        buffer = io.BytesIO()
        torch.save(vars(self), buffer)
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> Checkpoint:
        """Read a checkpoint with `weights_only=True`, onto the CPU.

        Raises:
            DamagedError: the bytes hold something else.
        """
        later = {"passes", "step_weights", "average", "best"}  # than the first versions
        return cls(**_fields(data, set(cls.__dataclass_fields__) - later, optional=later))

    def load_into(
        self, model: nn.Module, optimiser: torch.optim.Optimizer, weighting: Weighting
    ) -> None:
        """Load the kept states into model, optimiser and weighting.

        Raises:
            BadInput: it is of another model, optimiser or method.
        """
        for name, rule, got in _unfit(self.model, model):
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
    """Lay an optimiser's moments out in memory as its weights are: a checkpoint may come from
    another `memory_format`, and fused optimisers go through both as they lie in memory, whatever
    their strides say."""
    for weight, state in optimiser.state.items():
        for name, value in state.items():
            if isinstance(value, torch.Tensor) and value.shape == weight.shape:
                state[name] = torch.empty_like(weight, dtype=value.dtype).copy_(value)


@dataclass(frozen=True, kw_only=True)
class BestEpoch:
    """The epoch after which a training did best in validation.

    Attributes:
        validation: name of what was measured, as `Trial.validation_id` has it.
        epoch: its number, from 1.
        score: mean over the attack categories of the share of images that withstand each, on the
            half of the held-out images that steers.
        collapsed: whether the model was right on one class at most.
    """

    validation: str
    epoch: int
    score: float
    collapsed: bool

    def __post_init__(self) -> None:
        kinds = (str, int, float, bool)
        values = (self.validation, self.epoch, self.score, self.collapsed)
        if any(type(value) is not kind for value, kind in zip(values, kinds, strict=True)):
            raise TypeError(f"not the best epoch of a training: {values}")


@dataclass(frozen=True, kw_only=True)
class Weights:
    """A trained model: its tensors and the record of the trial that made it.

    Attributes:
        trial: the trial's record, as `Trial.record` has it.
        model: its state, tensors by name.
        image_shape: C H W of the images that it takes; None in files of before it was kept.
        num_classes: K of its logits; None in such files.
        step_weights: of the losses in every step of its training, steps K float32, which another
            trial can replay, NaN where a step left a loss out; None in files of before they were
            kept.
        best: after which epoch these were the model's weights, and how that did, where they are
            those that did best in validation; None where they are the last epoch's.
    """

    trial: dict[str, Any]
    model: dict[str, Tensor]
    image_shape: tuple[int, int, int] | None = None
    num_classes: int | None = None
    step_weights: Tensor | None = None
    best: BestEpoch | None = None

    def to_bytes(self) -> bytes:
        """Write the weights as `torch.save` does; all but the tensors as JSON."""
        fields: dict[str, Any] = {"trial": json.dumps(self.trial), "model": self.model}
        if self.image_shape is not None and self.num_classes is not None:
            facts = {"image_shape": self.image_shape, "num_classes": self.num_classes}
            # Beside the shapes, where versions that do not know it read past it.
            best = {} if self.best is None else {"best": vars(self.best)}
            fields["shapes"] = json.dumps(facts | _packed(self.step_weights) | best)
        buffer = io.BytesIO()
        torch.save(fields, buffer)
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> Weights:
        """Read weights with `weights_only=True`, onto the CPU.

        Raises:
            DamagedError: the bytes hold something else.
        """
        fields = _fields(data, {"trial", "model"}, optional={"shapes"})
        try:
            trial, shapes = json.loads(fields["trial"]), json.loads(fields.get("shapes", "null"))
            model = {str(name): value for name, value in fields["model"].items()}
            if not isinstance(trial, dict):
                raise TypeError("its record is no mapping")
            if shapes is None:
                return cls(trial=trial, model=model)
            depth, height, width = map(int, shapes["image_shape"])
            classes = int(shapes["num_classes"])
            if not all(1 <= size <= MAX_SIZE for size in (depth, height, width, classes)):
                raise ValueError(f"images of {depth} {height} {width} and {classes} classes")
            step_weights = _unpacked(shapes)
            best = BestEpoch(**shapes["best"]) if "best" in shapes else None
        except (ValueError, TypeError, LookupError, AttributeError, *_BOUNDS) as error:
            raise DamagedError(f"not a trained model: {error}") from error
        image_shape = (depth, height, width)
        return cls(
            trial=trial,
            model=model,
            image_shape=image_shape,
            num_classes=classes,
            step_weights=step_weights,
            best=best,
        )

    def to_hand_on(self) -> Weights:
        """Return the same network without what is of this place, where its data lay, or of use in
        a sweep alone, what its steps weighed losses by."""
        data = self.trial.get("data", {})
        known = {key: value for key, value in data.items() if key not in PLACES}
        return replace(self, trial=self.trial | {"data": known}, step_weights=None)

    def load_into(self, model: nn.Module, *, where: str) -> None:
        """Load these weights into a network that has just been made.

        Args:
            where: what they are of, for messages.

        Raises:
            BadInput: a tensor is not of the network's name, type or shape; or it is NaN, or
                infinite where the network's own is not, as a mask may be.
        """
        for name, rule, got in _unfit(self.model, model):
            message = f"must {rule} for the network of this file's record, got {got}"
            remedy = "take the file as training left it"
            raise BadInput(Problem(where, name, f"{message}; {remedy}"))
        for name, own in model.state_dict().items():
            if not isinstance(own, torch.Tensor):
                continue
            tensor = self.model[name]
            bad = tensor.isnan() | (tensor.isinf() & ~own.isinf().to(tensor.device))
            if count := int(bad.sum()):
                message = f"must be finite, got NaN or infinity in {count} of {bad.numel()} entries"
                raise BadInput(Problem(where, name, f"{message}; train it again"))
        model.load_state_dict(self.model)


def _packed(step_weights: Tensor | None) -> dict[str, Any]:
    """Return steps K numbers as JSON has them: float32, little-endian, in base64."""
    if step_weights is None:
        return {}
    numbers = step_weights.numpy().astype("<f4").tobytes()
    packed = {"losses": step_weights.shape[1], "float32": base64.b64encode(numbers).decode()}
    return {"step_weights": packed}


def _unpacked(facts: Mapping[str, Any]) -> Tensor | None:
    """Read what `_packed` returned.

    Raises:
        ValueError, TypeError, LookupError: it is something else.
    """
    if "step_weights" not in facts:
        return None
    packed = facts["step_weights"]
    numbers = np.frombuffer(base64.b64decode(packed["float32"], validate=True), dtype="<f4")
    rows = torch.from_numpy(numbers.astype(np.float32).reshape(-1, int(packed["losses"])))
    if rows.isinf().any():
        raise ValueError("weights of losses that are infinite")
    return rows


def _unfit(state: Mapping[str, Any], model: nn.Module) -> Iterator[tuple[str, str, str]]:
    """Yield name, rule and finding of each of the model's tensors that is not right in `state`."""
    expected = {
        name: own for name, own in model.state_dict().items() if isinstance(own, torch.Tensor)
    }
    others = [name for name in state if name not in model.state_dict()]
    for name in (*expected, *others):
        own, found = expected.get(name), state.get(name)
        if own is None:
            rule = "not be there"
        elif not isinstance(found, torch.Tensor) or found.shape != own.shape:
            rule = f"be of shape {tuple(own.shape)}"
        elif found.dtype != own.dtype or found.layout != own.layout:
            yield name, f"be {own.dtype}, {own.layout}", f"{found.dtype}, {found.layout}"
            continue
        elif found.is_meta:
            yield name, "have values", "none, on the device meta"
            continue
        else:
            continue
        got = f"shape {tuple(found.shape)}" if isinstance(found, torch.Tensor) else "no such tensor"
        yield name, rule, got


def _misfit(key: str, rule: str) -> BadInput:
    remedy = "go on with the settings that the checkpoint was made with"
    return BadInput(Problem("checkpoint", key, f"{rule}; {remedy}"))


def _fields(data: bytes, expected: set[str], *, optional: Collection[str] = ()) -> dict[str, Any]:
    try:
        fields = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load raises what its readers do: Runtime, EOF, Unpickling
        raise DamagedError(f"not a file of ours: {_reason(error)}") from error
    if not isinstance(fields, dict) or set(fields) - {*optional} != expected:
        raise DamagedError(f"must hold {sorted(expected)}")
    return fields


def _reason(error: Exception) -> str:
    """Say what PyTorch found, in a line, without its advice to load the file as code."""
    said = str(error).rpartition("WeightsUnpickler error:")[2].strip()
    first = next(iter(said.splitlines()), "").partition(". ")[0]
    return f"{type(error).__name__} {first}".strip()
