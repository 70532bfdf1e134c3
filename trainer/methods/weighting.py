"""How much each loss of a method weighs, step by step, and what must be remembered for it.

Weights may depend on the batch (the worst loss), on the batches before it (Pareto), on chance (one
attack a batch) or on the losses' gradients (the least norm of their mixtures).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from trainer.device.transfer import sent

if TYPE_CHECKING:
    from torch import Tensor


class Weighting:
    """How much each of K losses weighs: fixed weights, no memory. Subclasses have either.

    A step begins (`begin`), says what it need not compute (`idle`), weighs its mini-batch (`weigh`,
    once for each part that it is computed in) and then shows it whole (`observe`, once): what is
    counted in steps belongs in `observe`.
    """

    picks: int | None = None
    """How many losses of an example have weight, where that is not all of them. Then a first pass
    goes without gradient, and a second one over those that have weight alone; losses are the
    branches' cross entropies."""

    by_batch: bool = False
    """Whether the weights, one a loss, depend on the mini-batch's mean losses. Then one that is
    computed in parts is weighed once all of it is there, and a gradient of each loss is kept until
    then. Not beside `picks`, which are of a part's own examples."""

    by_example: bool = False
    """Whether an example's weights depend on its own losses. Then a step's mean weights are not
    what it weighed by, and are no schedule that another training could replay."""

    objectives: tuple[tuple[int, ...], ...] | None = None
    """Objectives whose gradients are weighed (`weigh_gradients`), each by the places of the losses
    whose weighed sum it is; None where losses are weighed alone. A step goes back once for each."""

    counts_errors: bool = False
    """Whether `observe_errors` is to be told which examples the model errs on."""

    def __init__(self, weights: list[float]) -> None:
        """Weigh K losses by K numbers."""
        self._weights = weights

    def begin(self, seed: int) -> None:
        """Begin a step, whose random choices derive from `seed` and nothing else."""

    def idle(self) -> Mapping[int, float | None]:
        """Return the branches that this step need not compute, by place, and what the loss of each
        counts as; None where it has none in this step, neither to weigh nor to log."""
        return {}

    def weigh(self, losses: Tensor) -> Tensor:
        """Return weights for this part of the mini-batch, K 1 or K B, without gradient.

        Args:
            losses: K B of the part's B examples, detached, in the order of the method's loss
                names; NaN where this step has none.
        """
        return sent(self._weights, like=losses)[:, None]

    def weigh_gradients(self, products: Tensor) -> Tensor:
        """Return the weights of J objectives' gradients, 1 J, or L J where each of the model's L
        tensors of weights has its own.

        Args:
            products: L J J, inner products of the objectives' gradients over the whole mini-batch,
                tensor by tensor; their sum over L is that of the whole gradients.
        """
        return products.new_ones(1, products.shape[1])

    def observe(self, losses: Tensor) -> None:
        """Take in the losses of a step's whole mini-batch, K B, detached, as `weigh` is given
        them."""

    def observe_errors(self, errors: Tensor) -> None:
        """Take in whether the model erred on each image of a step's whole mini-batch: 1 or 0, a row
        of B examples for each branch, NaN where the step did not compute it."""

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
