"""Training methods: standard training, and those that weigh attacks' losses: their average, their
maximum, and weights on the Pareto front."""

from __future__ import annotations

from trainer.methods.methods import (
    METHODS,
    NATURAL,
    Adversarial,
    Average,
    Maximum,
    Method,
    Pareto,
    Standard,
)
from trainer.methods.weighting import Weighting

__all__ = [
    "METHODS",
    "NATURAL",
    "Adversarial",
    "Average",
    "Maximum",
    "Method",
    "Pareto",
    "Standard",
    "Weighting",
]
