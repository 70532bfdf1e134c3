"""Passes of single images through a network, counted as they are made: what work really was done.

Seconds depend on the machine and on what else it does; passes do not. One hook on the network as a
whole sees every call, whoever makes it (a step, an attack, an attack or a method of one's own), and
every gradient that comes back. Sizes alone are read, so that no device is waited for, and no number
changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    import torch
    from torch import nn
else:
    from trainer import late_torch as torch


@dataclass(frozen=True, kw_only=True)
class Passes:
    """Passes of one image through the whole network, by kind. Each counts as one, though in time a
    backward pass to the weights is about two forward passes and one to the input about one."""

    forward: int = 0
    input_backward: int = 0
    """Passes back to the image, or to what moves it, while no weight takes a gradient."""

    weight_backward: int = 0
    """Passes back to weights, whether or not the image's gradient comes with theirs."""

    @property
    def total(self) -> int:
        """Sum of the passes of all three kinds."""
        return self.forward + self.input_backward + self.weight_backward

    def __add__(self, other: Passes) -> Passes:
        return Passes(
            forward=self.forward + other.forward,
            input_backward=self.input_backward + other.input_backward,
            weight_backward=self.weight_backward + other.weight_backward,
        )

    def __mul__(self, images: int) -> Passes:
        return Passes(
            forward=images * self.forward,
            input_backward=images * self.input_backward,
            weight_backward=images * self.weight_backward,
        )

    def record(self) -> dict[str, int]:
        """Return the counts by kind, as JSON and checkpoints have them."""
        return asdict(self)

    def columns(self, prefix: str) -> dict[str, float]:
        """Return the counts by kind, as an epoch's row has them."""
        return {f"{prefix}{kind}": count for kind, count in self.record().items()}

    @classmethod
    def read(cls, record: Mapping[str, Any] | None) -> Self | None:
        """Read what `record` returned; None for results from before passes were counted."""
        return None if record is None else cls(**record)

    @classmethod
    def of_row(cls, row: Mapping[str, float], prefix: str) -> Passes | None:
        """Read what `columns` left in an epoch's row; None where nothing of it is there."""
        kinds = [field.name for field in fields(cls)]
        if any(f"{prefix}{kind}" not in row for kind in kinds):
            return None
        return cls(**{kind: int(row[f"{prefix}{kind}"]) for kind in kinds})


PARTS = {"training": "passes/", "validation": "validation/passes/"}
"""Parts of a training, and how the names of their passes begin in an epoch's row."""


class CoursePasses:
    """Passes since a training's first epoch: those of its steps, and apart those of validation."""

    def __init__(self) -> None:
        """Begin with a training's first epoch, of which no pass was made."""
        self._parts: dict[str, Passes] | None = {part: Passes() for part in PARTS}

    def add(self, part: str, passes: Passes) -> None:
        """Add the passes that a step of training, or a validation, took."""
        if self._parts is not None:
            self._parts[part] += passes

    def columns(self) -> dict[str, float]:
        """Return what an epoch's row has of the passes; nothing where some were not counted."""
        parts = self._parts or {}
        return {k: v for part, each in parts.items() for k, v in each.columns(PARTS[part]).items()}

    def state(self) -> dict[str, dict[str, int]] | None:
        """Return what a checkpoint keeps of the passes; None where some were not counted."""
        if self._parts is None:
            return None
        return {part: passes.record() for part, passes in self._parts.items()}

    def restore(self, state: Mapping[str, Mapping[str, int]] | None) -> None:
        """Go on from what `state` returned; None, of older checkpoints, says that some were not
        counted."""
        self._parts = None
        if state is not None:
            self._parts = {part: Passes(**record) for part, record in state.items()}


class PassCounter:
    """Counts the passes that a network has made since counting began."""

    def __init__(self) -> None:
        """Begin with no pass."""
        self._counts = Passes().record()

    def add(self, kind: str, images: int) -> None:
        """Add the passes of so many images, of one kind."""
        self._counts[kind] += images

    @property
    def passes(self) -> Passes:
        """Passes that were made so far."""
        return Passes(**self._counts)


@contextmanager
def counted(model: nn.Module) -> Iterator[PassCounter]:
    """Count the passes that are made in the block, by calls of `model` or of copies of it.

    A backward pass counts where it reaches the logits: as one to the weights if any of them took
    gradients when the logits were made, and as one to the input otherwise. Nothing is seen of calls
    of a part of the network, nor within what an attack of one's own compiles by itself.
    """
    counter = PassCounter()
    weights = list(model.parameters())

    def forward_done(module: nn.Module, inputs: Any, logits: Any) -> None:
        del module, inputs
        if torch.compiler.is_compiling():  # it would become a part of the graph, or refuse to
            return
        if not isinstance(logits, torch.Tensor) or not logits.dim():
            return  # whoever called finds out that these are no logits
        images = len(logits)
        counter.add("forward", images)
        if logits.requires_grad:
            takes_gradients = any(weight.requires_grad for weight in weights)
            kind = "weight_backward" if takes_gradients else "input_backward"
            logits.register_hook(lambda gradient: counter.add(kind, images))

    handle = model.register_forward_hook(forward_done)
    try:
        yield counter
    finally:
        handle.remove()
