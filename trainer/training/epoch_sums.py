"""What an epoch sums over its steps; a checkpoint within the epoch keeps it."""

from __future__ import annotations

import time
from typing import Any

import torch

from trainer.input.problems import BadInput, Problem
from trainer.training.last_steps import Step


class EpochSums:
    """Batch means of K losses and weights summed over steps, and the seconds that these took."""

    def __init__(self, K: int, device: torch.device) -> None:
        """Begin with sums of 0; the clock runs from here."""
        self.losses = torch.zeros(K, device=device)
        self.weights = torch.zeros_like(self.losses)
        self._seconds_before = 0.0  # in processes that stopped within the epoch
        self._started = time.perf_counter()

    def add(self, step: Step) -> None:
        """Add the batch means of one step."""
        self.losses += step.losses
        self.weights += step.weights

    @property
    def seconds(self) -> float:
        """Seconds of all the parts in which the epoch was run."""
        return self._seconds_before + time.perf_counter() - self._started

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint keeps of the sums. The next step writes into its tensors."""
        return {"losses": self.losses, "weights": self.weights, "seconds": self.seconds}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned.

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
        self._seconds_before = state["seconds"]
