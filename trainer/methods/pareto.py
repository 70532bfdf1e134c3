"""Pareto adversarial training: weights by the alpha problem over the last mini-batches' losses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from trainer.device.transfer import Fetched, sent
from trainer.input.settings import Count, NonNegative, Share
from trainer.methods.alpha import LossWindow, solve_alpha
from trainer.methods.idleness import Idleness
from trainer.methods.method import NATURAL, AttackNames, Method
from trainer.methods.weighting import Weighting

if TYPE_CHECKING:
    from torch import Tensor

Moments = Literal["second", "means"]


class Pareto(Method):
    """Pareto adversarial training (Sun, Li, Lin): alpha from moments of the losses (Eq. 11, 12).

    Moments are over the mini-batches of a sliding window that ends at the step before, so that
    no loss is waited for between forward and backward pass; alpha is uniform until the window
    has ten. `r` asks for a robust loss of so much; since losses fall while training, and an r
    above the largest robust mean is clipped to it, `rho` asks for a share of that mean instead.
    """

    version: ClassVar[int] = 2  # 1 solved for alpha less exactly where losses differ by decades

    r: NonNegative | None = Field(None, description="required robustness, in units of the loss")
    rho: Share | None = Field(
        None, description="required robustness as a share of the largest robust mean loss"
    )
    window: Count = Field(50, description="mini-batches over which moments are taken")
    idle_every: Count = Field(
        1,
        description="steps between two looks at an attack whose alpha was 0 through a whole window",
    )
    """Steps between two runs of an attack without weight; 1 runs every attack at every step.
    Otherwise such an attack is left out between two looks: its loss, in the window and where losses
    are logged, is the last one seen, and its images are not among those that BatchNorm sees."""
    attack_names: AttackNames = Field(("pgd", "flow", "rt"), description="labels of attacks")
    moments: Moments = Field(
        "second", description="M of the alpha problem: E[L_i L_j], or m_i m_j of the means alone"
    )
    """Second moments of the alpha problem. `means` puts `m m'` in the place of M: an ablation,
    which forgets how much the losses vary and do so together within the window."""

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
        return ParetoWeighting(
            len(self.branches()),
            r=self.r,
            rho=self.rho,
            window=self.window,
            idle_every=self.idle_every,
            moments=self.moments,
        )


class ParetoWeighting(Weighting):
    """Weighs by the alpha of the losses over a sliding window, which ends at the step before.

    An adversarial loss whose alpha has been 0 through a whole window is idle, if it may be: it is
    computed at every `idle_every`-th step alone, and counts in between as it did last.
    """

    FIRST_SOLVE = 10  # mini-batches; before, moments say little
    NO_WEIGHT = 1e-6
    """Value below which alpha is taken for 0: the solver comes near a bound, not onto it."""

    def __init__(
        self,
        K: int,
        *,
        r: float | None,
        rho: float | None,
        window: int,
        idle_every: int,
        moments: Moments,
    ) -> None:
        """Weigh K losses, the first of them natural; either r or rho is given."""
        self._moments = moments
        self._r = r
        self._rho = rho
        self._window = LossWindow(window)
        self._first_solve = min(self.FIRST_SOLVE, window)
        self._alpha = [1 / K] * K
        self._is_due = False  # alpha, since the window has grown
        self._pending: Fetched | None = None
        self._counts = _Counts()
        self._idleness = Idleness(K - 1, after=window, every=idle_every)

    def idle(self) -> Mapping[int, float]:
        places = [1 + attack for attack in self._idleness.now()]
        if not places:
            return {}
        self._read_pending()  # it may be of a look
        last = self._window.rows()[-1]
        return {place: last[place] for place in places}

    def weigh(self, losses: Tensor) -> Tensor:
        self._read_pending()
        if self._is_due and len(self._window) >= self._first_solve:
            self._solve()
        self._is_due = False
        return sent(self._alpha, like=losses)[:, None]

    def observe(self, losses: Tensor) -> None:
        self._pending = Fetched(losses.mean(dim=1))
        self._is_due = True
        self._idleness.count([alpha < self.NO_WEIGHT for alpha in self._alpha[1:]])

    def _read_pending(self) -> None:
        """Read the losses of the step before, which are not waited for before they are needed."""
        if self._pending is not None:
            self._window.append(self._pending.read())
            self._pending = None

    def _solve(self) -> None:
        second_moments, means = self._window.moments()
        if not np.isfinite(means).all():
            return  # training has diverged: the loop will say so
        if self._moments == "means":
            second_moments = np.outer(means, means)
        r = self._r
        if r is None:
            assert self._rho is not None
            r = self._rho * float(means[1:].max())
        solution = solve_alpha(second_moments, means, r)
        self._alpha = solution.alpha.tolist()
        self._counts.solved += 1
        self._counts.asked += r
        self._counts.in_effect += solution.r
        self._counts.clipped += solution.clipped
        worst = int(means[1:].argmax())
        others = np.delete(solution.alpha[1:], worst)
        self._counts.worst_least += bool(others.size and solution.alpha[1 + worst] < others.min())

    def state(self) -> dict[str, Any]:
        self._read_pending()
        return {
            "window": self._window.rows(),
            "alpha": self._alpha,
            "counts": asdict(self._counts),
            **self._idleness.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        if len(state["alpha"]) != len(self._alpha):
            raise ValueError(f"alpha must be {len(self._alpha)} numbers, got {state['alpha']}")
        for row in state["window"]:
            self._window.append(row)
        self._alpha = state["alpha"]
        self._is_due = True  # between two steps it always is
        counts = dict(state["counts"])
        counts.pop("unsolved", None)  # of a checkpoint from before every problem was solved
        self._counts = _Counts(**counts)
        self._idleness.restore(state)

    def epoch_report(self) -> dict[str, float]:
        counts, self._counts = self._counts, _Counts()
        if not counts.solved:
            return {}
        return {
            "r_asked": counts.asked / counts.solved,
            "r_in_effect": counts.in_effect / counts.solved,
            "clipped_share": counts.clipped / counts.solved,
            "worst_weighs_least_share": counts.worst_least / counts.solved,
        }


@dataclass
class _Counts:
    """Counts of an epoch's alpha problems."""

    solved: int = 0
    clipped: int = 0
    worst_least: int = 0  # the attack of the largest mean loss had the least weight of all
    asked: float = 0.0  # sums of r over them
    in_effect: float = 0.0
