"""The weights of every step of a training: the schedule that another training can replay."""

from __future__ import annotations

import torch
from torch import Tensor

from trainer.training.last_steps import Step


class StepWeights:
    """What the K losses weighed in each step so far; adding a step waits for no device."""

    def __init__(self) -> None:
        """Begin with a training's first step."""
        self._kept: Tensor | None = torch.empty(0, 0)
        self._new: list[Tensor] = []  # where the model lies

    def add(self, step: Step) -> None:
        """Add a step's weights, means over its examples; NaN where it had none of a loss."""
        weights = step.weights
        if step.left_out:
            weights = weights.clone()
            for place in step.left_out:  # by number: a list of places would go to the device first
                weights[place] = torch.nan
        self._new.append(weights)

    def schedule(self) -> Tensor | None:
        """Return all weights, steps K, float32, on the CPU, NaN where a step left a loss out; None
        where some were not kept."""
        if self._kept is not None and self._new:
            new = torch.stack(self._new).to("cpu", torch.float32)
            self._kept = torch.cat([self._kept, new]) if len(self._kept) else new
        self._new = []
        return self._kept

    def restore(self, schedule: Tensor | None) -> None:
        """Go on from what `schedule` returned; None, of older checkpoints, says that some weights
        were not kept."""
        self._kept, self._new = schedule, []
