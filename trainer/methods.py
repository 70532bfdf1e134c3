"""Training methods: from a mini-batch to the loss that the optimiser descends.

A method names the losses that it combines (its branches: `natural`, and attacks by their
label) and weighs them. Weights may depend on the batch (maximum) or on the batches before it
(Pareto); what must be remembered lives in a `Weighting`, of which each run has one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Annotated, Any, ClassVar, Self

import numpy as np
import torch
from pydantic import AfterValidator, Field, Strict, model_validator
from torch import Tensor

from trainer.alpha import LossWindow, NoSolutionError, solve_alpha
from trainer.settings import Count, NonNegative, Settings, Share

NATURAL = "natural"
"""The branch of clean images."""


def _of_attack(name: str) -> str:
    if name == NATURAL:
        raise ValueError(f"must name an attack, got {name!r}: that is the clean images' branch")
    return name


def _each_once(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(names)) < len(names):
        raise ValueError(f"must name each attack once, got {list(names)}")
    return names


AttackName = Annotated[str, AfterValidator(_of_attack)]
AttackNames = Annotated[
    tuple[AttackName, ...], Strict(False), Field(min_length=1), AfterValidator(_each_once)
]


class Weighting:
    """How much each of K losses weighs: fixed weights, no memory. Subclasses have either."""

    def __init__(self, weights: list[float]) -> None:
        """Weigh K losses by K numbers."""
        self._weights = weights

    def weigh(self, losses: Tensor) -> Tensor:
        """Weights for this mini-batch, K 1 or K B, without gradient.

        Args:
            losses: K B, detached, in the order of the method's branches.
        """
        return losses.new_tensor(self._weights)[:, None]

    def state(self) -> dict[str, Any]:
        """What a checkpoint must keep: numbers, strings, lists."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned."""

    def epoch_report(self) -> dict[str, float]:
        """Facts of the epoch to log; begins the next epoch's."""
        return {}


class Method(Settings, ABC):
    """A way to train. Your own gives `branches` and `weighting`."""

    version: ClassVar[int] = 1
    """Of the method's meaning: raise it when a change makes other models of the same settings."""

    @abstractmethod
    def branches(self) -> tuple[str, ...]:
        """The losses that it combines, `natural` first where it is among them."""

    @abstractmethod
    def weighting(self) -> Weighting:
        """The state of one run."""

    def attacks(self) -> tuple[str, ...]:
        """Labels of the attacks that it trains with."""
        return tuple(branch for branch in self.branches() if branch != NATURAL)


class Standard(Method):
    """Natural images alone: the reference that scores are taken against."""

    def branches(self) -> tuple[str, ...]:
        return (NATURAL,)

    def weighting(self) -> Weighting:
        return Weighting([1.0])


class _Mixed(Method):
    """Adversarial losses, with the natural one beside them where it has weight."""

    natural_weight: Share = Field(0.0, description="share of the natural loss in the whole")

    def branches(self) -> tuple[str, ...]:
        """Without weight the natural loss costs no pass."""
        return ((NATURAL,) if self.natural_weight else ()) + self.adversaries()

    @abstractmethod
    def adversaries(self) -> tuple[str, ...]:
        """Labels of the attacks that it trains with."""

    def weighting(self) -> Weighting:
        """The rest of the weight evenly over the adversarial losses."""
        natural = [self.natural_weight] if self.natural_weight else []
        K = len(self.adversaries())
        return Weighting(natural + [(1 - self.natural_weight) / K] * K)


class Adversarial(_Mixed):
    """Adversarial training on one attack (Madry et al., 2018)."""

    attack: AttackName = Field(description="label of the attack in training.attacks")

    def adversaries(self) -> tuple[str, ...]:
        return (self.attack,)


class Average(_Mixed):
    """The mean over the attacks' losses (Tramer and Boneh, 2019: "Avg")."""

    attack_names: AttackNames = Field(("pgd", "flow", "rt"), description="labels of attacks")

    def adversaries(self) -> tuple[str, ...]:
        return self.attack_names


class Maximum(_Mixed):
    """The largest of the attacks' losses, example by example (Tramer and Boneh, 2019: "Max")."""

    attack_names: AttackNames = Field(("pgd", "flow", "rt"), description="labels of attacks")

    def adversaries(self) -> tuple[str, ...]:
        return self.attack_names

    def weighting(self) -> Weighting:
        return _WorstWeighting(self.natural_weight)


class _WorstWeighting(Weighting):
    def __init__(self, natural_weight: float) -> None:
        self._natural_weight = natural_weight

    def weigh(self, losses: Tensor) -> Tensor:
        weights = torch.zeros_like(losses)
        first = 1 if self._natural_weight else 0
        weights[:first] = self._natural_weight
        worst = losses[first:].argmax(dim=0, keepdim=True) + first
        return weights.scatter_(0, worst, 1 - self._natural_weight)


class Pareto(Method):
    """Pareto adversarial training (Sun, Li, Lin): alpha from moments of the losses (Eq. 11, 12).

    Moments are over the mini-batches of a sliding window that ends at the step before, so that
    no loss is waited for between forward and backward pass; alpha is uniform until the window
    has ten. `r` asks for a robust loss of so much; since losses fall while training, and an r
    above the largest robust mean is clipped to it, `rho` asks for a share of that mean instead.
    """

    r: NonNegative | None = Field(None, description="required robustness, in units of the loss")
    rho: Share | None = Field(
        None, description="required robustness as a share of the largest robust mean loss"
    )
    window: Count = Field(50, description="mini-batches over which moments are taken")
    attack_names: AttackNames = Field(("pgd", "flow", "rt"), description="labels of attacks")

    @model_validator(mode="after")
    def _one_of_r_and_rho(self) -> Self:
        if (self.r is None) == (self.rho is None):
            raise ValueError(
                f"must have exactly one of r (absolute) and rho (relative), "
                f"got r={self.r}, rho={self.rho}"
            )
        return self

    def branches(self) -> tuple[str, ...]:
        return (NATURAL, *self.attack_names)

    def weighting(self) -> Weighting:
        return _ParetoWeighting(self)


class _ParetoWeighting(Weighting):
    FIRST_SOLVE = 10  # mini-batches; before, moments say little

    def __init__(self, method: Pareto) -> None:
        self._method = method
        self._window = LossWindow(method.window)
        self._alpha = [1 / len(method.branches())] * len(method.branches())
        self._pending: Tensor | None = None
        self._begin_epoch()

    def _begin_epoch(self) -> None:
        self._asked: list[float] = []
        self._in_effect: list[float] = []
        self._clipped = 0
        self._unsolved = 0

    def weigh(self, losses: Tensor) -> Tensor:
        self._read_pending()
        self._pending = losses.mean(dim=1)
        if len(self._window) >= min(self.FIRST_SOLVE, self._method.window):
            self._solve()
        return losses.new_tensor(self._alpha)[:, None]

    def _read_pending(self) -> None:
        """The losses of the step before: by now computed, so reading them waits for nothing."""
        if self._pending is not None:
            self._window.append(self._pending.tolist())
            self._pending = None

    def _solve(self) -> None:
        second_moments, means = self._window.moments()
        if not np.isfinite(means).all():
            return  # training has diverged: the loop says so at the epoch's end
        r = self._method.r
        if r is None:
            assert self._method.rho is not None
            r = self._method.rho * float(means[1:].max())
        try:
            solution = solve_alpha(second_moments, means, r)
        except NoSolutionError:
            self._unsolved += 1
            return
        self._alpha = solution.alpha.tolist()
        self._asked.append(r)
        self._in_effect.append(solution.r)
        self._clipped += solution.clipped

    def state(self) -> dict[str, Any]:
        self._read_pending()
        return {"window": self._window.rows(), "alpha": self._alpha}

    def restore(self, state: dict[str, Any]) -> None:
        for row in state["window"]:
            self._window.append(row)
        self._alpha = state["alpha"]

    def epoch_report(self) -> dict[str, float]:
        solved, unsolved = len(self._asked), self._unsolved
        report = {"unsolved_share": unsolved / (solved + unsolved)} if solved + unsolved else {}
        if solved:
            report |= {
                "r_asked": sum(self._asked) / solved,
                "r_in_effect": sum(self._in_effect) / solved,
                "clipped_share": self._clipped / solved,
            }
        self._begin_epoch()
        return report


METHODS: dict[str, type[Method]] = {
    "standard": Standard,
    "adversarial": Adversarial,
    "average": Average,
    "maximum": Maximum,
    "pareto": Pareto,
}
"""By name in a YAML file; your own as `package.module:Class`."""
