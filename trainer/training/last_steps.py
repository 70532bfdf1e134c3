"""The last steps of a training run, for people who ask why it diverged."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import torch
from torch import Tensor

from trainer.passes import Passes

LastSteps = list[dict[str, float]]
"""Facts of each step, oldest first: `epoch` and `step` (of the epoch), both from 1,
`learning_rate`, `gradient_norm` (L2, over all parameters, before the step), and of each loss the
batch's means `loss/NAME`, if the step computed it, and `weight/NAME` (alpha)."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step's facts; those computed on the device are still there."""

    epoch: int
    step: int
    learning_rate: float
    gradient_norm: Tensor  # a scalar
    losses: Tensor  # K
    weights: Tensor  # K
    passes: Passes  # that the step took, its attacks' included
    left_out: frozenset[int] = frozenset()
    """Places of the losses that the step had none of; there `losses` is NaN."""


class StepLog:
    """A ring of the newest steps: adding one waits for no device, only reading them does."""

    SIZE = 200

    def __init__(self) -> None:
        """Begin with no step."""
        self._steps: deque[Step] = deque(maxlen=self.SIZE)

    def add(self, step: Step) -> None:
        """Add a step; the one that was `SIZE` steps ago is forgotten."""
        self._steps.append(step)

    def read(self, losses: tuple[str, ...]) -> LastSteps:
        """Read the steps as numbers, their K losses and weights under the K losses' names."""
        if not self._steps:
            return []
        names = [
            "gradient_norm",
            *(f"loss/{name}" for name in losses),
            *(f"weight/{name}" for name in losses),
        ]
        facts = [torch.cat([s.gradient_norm[None], s.losses, s.weights]) for s in self._steps]
        return [
            {
                "epoch": step.epoch,
                "step": step.step,
                "learning_rate": step.learning_rate,
                **{
                    name: value
                    for place, (name, value) in enumerate(zip(names, values, strict=True))
                    if place - 1 not in step.left_out
                },
            }
            for step, values in zip(self._steps, torch.stack(facts).tolist(), strict=True)
        ]
