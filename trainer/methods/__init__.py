"""Training methods: standard training, and those that weigh attacks' losses: their average, their
maximum, weights that the user gives, and weights on the Pareto front."""

from __future__ import annotations

from trainer.methods.fixed import Adversarial, Average, Standard
from trainer.methods.maximum import Maximum
from trainer.methods.method import NATURAL, Method
from trainer.methods.pareto import Pareto
from trainer.methods.weighted import Weighted
from trainer.methods.weighting import Weighting

METHODS: dict[str, type[Method]] = {
    "standard": Standard,
    "adversarial": Adversarial,
    "average": Average,
    "maximum": Maximum,
    "pareto": Pareto,
    "weighted": Weighted,
}
"""Methods by name in a YAML file; a user's own is named `package.module:Class`."""

__all__ = [
    "METHODS",
    "NATURAL",
    "Adversarial",
    "Average",
    "Maximum",
    "Method",
    "Pareto",
    "Standard",
    "Weighted",
    "Weighting",
]
