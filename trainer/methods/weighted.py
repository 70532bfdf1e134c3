"""Training on the losses under weights that the user gives: the control of every weighting."""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import AfterValidator, Field

from trainer.input.settings import Share
from trainer.methods.method import NATURAL, Method
from trainer.methods.weighting import Weighting

TOLERANCE = 1e-9
"""Most by which the sum of the weights may miss 1: `1/3` is no decimal."""


def _mix(weights: dict[str, float]) -> dict[str, float]:
    """Return the weights that are not 0, natural first and then by label, so that equal weights
    give equal branches however they were written."""
    total = math.fsum(weights.values())
    if abs(total - 1) > TOLERANCE:
        raise ValueError(
            f"must sum to 1, got {total:.12g} of {', '.join(weights) or 'no loss'}; "
            f"thirds are written 1/3"
        )
    names = sorted(weights, key=lambda name: (name != NATURAL, name))
    return {name: weights[name] for name in names if weights[name]}


class Weighted(Method):
    """Training on a fixed mix of the natural and the attacks' losses.

    It is what a weighting that adapts must be better than. `{natural: 1}` trains as standard
    training does, `{pgd: 1}` as adversarial training on that attack, and equal weights of the
    attacks as their average.
    """

    weights: Annotated[dict[str, Share], AfterValidator(_mix)] = Field(
        description="share of each loss in the whole, by attack or `natural`; a loss of no weight "
        "costs no pass"
    )

    def branches(self) -> tuple[str, ...]:
        return tuple(self.weights)

    def weighting(self) -> Weighting:
        return Weighting(list(self.weights.values()))
