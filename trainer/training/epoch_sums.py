"""What an epoch sums over its steps; a checkpoint within the epoch keeps it."""

from __future__ import annotations

import time
from typing import Any

import torch

from trainer.device.transfer import moved
from trainer.input.problems import BadInput, Problem
from trainer.training.last_steps import Step


class EpochSums:
    """Batch means of K losses and weights summed over steps, and the seconds that these took."""

    def __init__(self, K: int, device: torch.device) -> None:
        """Begin with sums of 0; the clock runs from here."""
        self.losses = torch.zeros(K, device=device)
        self.computed = [0] * K
        """Steps that computed each loss: those of its sum."""
        self.weights = torch.zeros_like(self.losses)
        self._seconds_before = 0.0  # in processes that stopped within the epoch
        self._started = time.perf_counter()

    def add(self, step: Step) -> None:
        """Add the batch means of one step."""
        losses = step.losses
        if step.left_out:
            places = moved(torch.tensor(sorted(step.left_out)), losses.device)
            losses = losses.index_fill(0, places, 0.0)
        self.losses += losses
        self.weights += step.weights
        for place in range(len(self.computed)):
            self.computed[place] += place not in step.left_out

    def mean_losses(self) -> dict[int, float]:
        """Return the mean of each loss over the steps that computed it, by place, if any did."""
        steps = self.losses.new_tensor(self.computed).clamp(min=1)
        means = (self.losses / steps).tolist()
        return {place: mean for place, mean in enumerate(means) if self.computed[place]}

    @property
    def seconds(self) -> float:
        """Seconds of all the parts in which the epoch was run."""
        return self._seconds_before + time.perf_counter() - self._started

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint keeps of the sums. The next step writes into its tensors."""
        return {
            "losses": self.losses,
            "weights": self.weights,
            "computed": list(self.computed),
            "seconds": self.seconds,
        }

    def restore(self, state: dict[str, Any], *, steps: int) -> None:
        """Go on from what `state` returned, after so many steps.

        Raises:
            BadInput: it is of another number of losses.
        """
        found, expected = len(state["losses"]), len(self.losses)
        if found != expected:
            message = (
                f"must be sums of {expected} losses as this trial's method has, got {found}; "
                f"go on with the settings that the checkpoint was made with"
            )
            raise BadInput(Problem("checkpoint", "epoch", message))
        self.losses.copy_(state["losses"])
        self.weights.copy_(state["weights"])
        self.computed = list(state.get("computed", [steps] * expected))  # before, each had them all
        self._seconds_before = state["seconds"]
