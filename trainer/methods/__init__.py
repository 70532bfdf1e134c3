"""Training methods: standard training, those that weigh attacks' losses (their average, their
maximum, weights that the user gives, weights on the Pareto front), and the field's others."""

from __future__ import annotations

from trainer.methods.fixed import Adversarial, Average, Standard
from trainer.methods.jacobian import CaGrad, PcGrad, UpGrad
from trainer.methods.maximum import Maximum
from trainer.methods.method import NATURAL, Method
from trainer.methods.mgda import Mgda
from trainer.methods.msd import MultiSteepest
from trainer.methods.nash import NashMtl
from trainer.methods.one_attack import ErrorProportional, RandomAttack
from trainer.methods.pareto import Pareto
from trainer.methods.ramp import Ramp
from trainer.methods.tchebycheff import Tchebycheff
from trainer.methods.trades import Trades
from trainer.methods.weighted import Weighted
from trainer.methods.weighting import Weighting

METHODS: dict[str, type[Method]] = {
    "standard": Standard,
    "adversarial": Adversarial,
    "average": Average,
    "maximum": Maximum,
    "pareto": Pareto,
    "weighted": Weighted,
    "sat": RandomAttack,
    "eat": ErrorProportional,
    "msd": MultiSteepest,
    "ramp": Ramp,
    "trades": Trades,
    "mgda": Mgda,
    "tchebycheff": Tchebycheff,
    "pcgrad": PcGrad,
    "cagrad": CaGrad,
    "nash_mtl": NashMtl,
    "upgrad": UpGrad,
}
"""Methods by name in a YAML file; a user's own is named `package.module:Class`."""

__all__ = [
    "METHODS",
    "NATURAL",
    "Adversarial",
    "Average",
    "CaGrad",
    "ErrorProportional",
    "Maximum",
    "Method",
    "Mgda",
    "MultiSteepest",
    "NashMtl",
    "Pareto",
    "PcGrad",
    "Ramp",
    "RandomAttack",
    "Standard",
    "Tchebycheff",
    "Trades",
    "UpGrad",
    "Weighted",
    "Weighting",
]
