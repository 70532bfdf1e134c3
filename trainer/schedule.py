"""The optimiser and its learning rate, a function of how far training has come."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, Strict, model_validator

from trainer.input.settings import NonNegative, Positive, Settings, Share

if TYPE_CHECKING:
    import torch
    from torch import nn
else:
    from trainer import late_torch as torch

_Point = Annotated[tuple[Share, NonNegative], Strict(False)]


class OptimiserSettings(Settings):
    """SGD or Adam under a schedule of factors on the learning rate."""

    name: Literal["sgd", "adam"] = Field("adam", description="the optimiser")
    learning_rate: Positive = Field(description="what the schedule's factors multiply")
    momentum: Share = Field(0.9, description="of sgd; adam ignores it")
    weight_decay: NonNegative = Field(0.0, description="L2 penalty's factor")
    schedule: Annotated[tuple[_Point, ...], Strict(False), Field(min_length=1)] = Field(
        ((0.0, 1.0),), description="[share of training, factor on learning_rate], in order"
    )
    interpolation: Literal["step", "linear"] = Field(
        "step", description="between two points: the earlier one's factor, or a straight line"
    )

    @model_validator(mode="after")
    def _schedule_rises_from_zero(self) -> Self:
        shares = [share for share, _ in self.schedule]
        if shares[0] != 0 or any(b <= a for a, b in pairwise(shares)):
            raise ValueError(f"schedule must begin at share 0 and rise, got shares {shares}")
        return self

    @property
    def is_constant(self) -> bool:
        """Whether all factors are equal, and the rate with them.

        This is what lets a longer trial go on from a shorter one that is otherwise the same.
        A step takes its rate from the share of training that is done, which is smaller in the
        longer trial: only if the rate is constant is it the same at every step that they have
        in common. (A change that falls between the shorter trial's last step and its end is
        refused too, though no step has seen it.) The warm-up of the attacks' radii is in epochs
        and agrees in any case.
        """
        return len({factor for _, factor in self.schedule}) == 1

    def rate(self, share: float) -> float:
        """Return the learning rate when `share` of the training steps is done, in [0, 1)."""
        position = bisect_right([at for at, _ in self.schedule], share) - 1
        at, factor = self.schedule[position]
        if self.interpolation == "linear" and position + 1 < len(self.schedule):
            next_at, next_factor = self.schedule[position + 1]
            factor += (next_factor - factor) * (share - at) / (next_at - at)
        return self.learning_rate * factor

    def build(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """Build the optimiser; the loop sets its rate before each step.

        All weights are updated in one pass over memory: one by one, Adam's ten passes were an
        eighth to a fifth of a standard-training step of the MNIST network on two cores.
        """
        if self.name == "adam":
            return torch.optim.Adam(
                parameters, lr=self.learning_rate, weight_decay=self.weight_decay, fused=True
            )
        sgd = torch.optim.SGD(
            parameters,
            lr=self.learning_rate,
            momentum=self.momentum,
            weight_decay=self.weight_decay,
            fused=True,
        )
        if self.momentum:  # fused, SGD takes no weight whose first gradient comes after others'
            for weight in sgd.param_groups[0]["params"]:
                sgd.state[weight]["momentum_buffer"] = torch.zeros_like(weight)
        return sgd


def set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Give every parameter group the learning rate."""
    for group in optimiser.param_groups:
        group["lr"] = rate
