"""The work itself: passes of single images through a network, counted as they are made.

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
    """Gradients of the image, or of what moves it, while no weight takes one."""

    weight_backward: int = 0
    """Gradients of weights, whether or not the image's comes with them."""

    @property
    def total(self) -> int:
        """All three kinds."""
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
        """The counts by kind, as JSON and checkpoints know them."""
        return asdict(self)

    def columns(self, prefix: str) -> dict[str, float]:
        """The counts by kind, as an epoch's row has them."""
        return {f"{prefix}{kind}": count for kind, count in self.record().items()}

    @classmethod
    def read(cls, record: Mapping[str, Any] | None) -> Self | None:
        """What `record` returned; None of results that were made before passes were counted."""
        return None if record is None else cls(**record)

    @classmethod
    def of_row(cls, row: Mapping[str, float], prefix: str) -> Passes | None:
        """What `columns` left in an epoch's row; None where nothing of it is there."""
        kinds = [field.name for field in fields(cls)]
        if any(f"{prefix}{kind}" not in row for kind in kinds):
            return None
        return cls(**{kind: int(row[f"{prefix}{kind}"]) for kind in kinds})


PARTS = {"training": "passes/", "validation": "validation/passes/"}
"""The parts of a training's course, and how the names of their passes begin in an epoch's row."""


class CoursePasses:
    """Passes from a training's first epoch on, of its steps and apart from them of validation."""

    def __init__(self) -> None:
        """Begin with a training's first epoch, of which no pass was made."""
        self._parts: dict[str, Passes] | None = {part: Passes() for part in PARTS}

    def add(self, part: str, passes: Passes) -> None:
        """What a step of training, or a validation, took."""
        if self._parts is not None:
            self._parts[part] += passes

    def columns(self) -> dict[str, float]:
        """What an epoch's row has of them; nothing where some were not counted."""
        parts = self._parts or {}
        return {k: v for part, each in parts.items() for k, v in each.columns(PARTS[part]).items()}

    def state(self) -> dict[str, dict[str, int]] | None:
        """What a checkpoint keeps."""
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
    """Passes that a network has made since it is counted."""

    def __init__(self) -> None:
        """Begin with no pass."""
        self._counts = Passes().record()

    def add(self, kind: str, images: int) -> None:
        """So many images have passed."""
        self._counts[kind] += images

    @property
    def passes(self) -> Passes:
        """The passes that were made so far."""
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
