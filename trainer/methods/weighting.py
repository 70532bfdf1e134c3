"""How much each loss of a method weighs, step by step, and what must be remembered for it.

Weights may depend on the batch (the worst loss) or on the batches before it (Pareto).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from trainer.device.transfer import sent

if TYPE_CHECKING:
    from torch import Tensor


class Weighting:
    """How much each of K losses weighs: fixed weights, no memory. Subclasses have either.

    A step weighs its mini-batch (`weigh`, once for each part that it is computed in) and then
    shows it whole (`observe`, once): what is counted in steps belongs in `observe`.
    """

    picks: int | None = None
    """How many losses of an example have weight, where that is not all of them. Then a first pass
    goes without gradient, and a second one over those that have weight alone."""

    def __init__(self, weights: list[float]) -> None:
        """Weigh K losses by K numbers."""
        self._weights = weights

    def weigh(self, losses: Tensor) -> Tensor:
        """Return weights for this part of the mini-batch, K 1 or K B, without gradient.

        Args:
            losses: K B of the part's B examples, detached, in the order of the method's branches.
        """
        return sent(self._weights, like=losses)[:, None]

    def idle(self) -> Mapping[int, float]:
        """Return the losses that this step need not compute, by place, and what each counts as."""
        return {}

    def observe(self, losses: Tensor) -> None:
        """Take in the losses of a step's whole mini-batch, K B, detached."""

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint must keep between two steps: numbers, strings, lists."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned.

        Raises:
            ValueError, LookupError, TypeError: it is of another method.
        """

    def epoch_report(self) -> dict[str, float]:
        """Return the facts of the epoch to log, and begin the next epoch's."""
        return {}
