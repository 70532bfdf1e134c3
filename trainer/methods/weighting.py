"""How much each loss of a method weighs, step by step, and what must be remembered for it.

Weights may depend on the batch (the worst loss) or on the batches before it (Pareto).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from trainer.device.transfer import Fetched, sent
from trainer.methods.alpha import LossWindow, solve_alpha

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    from trainer import late_torch as torch


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


class WorstWeighting(Weighting):
    """Puts all the weight of the adversarial losses on the largest, example by example."""

    def __init__(self, natural_weight: float) -> None:
        """Give the first loss, the natural one, the rest of the weight, if there is any."""
        self._natural_weight = natural_weight
        self.picks = 2 if natural_weight else 1

    def weigh(self, losses: Tensor) -> Tensor:
        weights = torch.zeros_like(losses)
        first = 1 if self._natural_weight else 0
        weights[:first] = self._natural_weight
        worst = losses[first:].argmax(dim=0, keepdim=True) + first
        return weights.scatter_(0, worst, 1 - self._natural_weight)


class ParetoWeighting(Weighting):
    """Weighs by the alpha of the losses over a sliding window, which ends at the step before.

    An adversarial loss whose alpha has been 0 through a whole window is idle, if it may be: it is
    computed at every `idle_every`-th step alone, and counts in between as it did last.
    """

    FIRST_SOLVE = 10  # mini-batches; before, moments say little
    NO_WEIGHT = 1e-6
    """Value below which alpha is taken for 0: the solver comes near a bound, not onto it."""

    def __init__(
        self, K: int, *, r: float | None, rho: float | None, window: int, idle_every: int
    ) -> None:
        """Weigh K losses, the first of them natural; either r or rho is given."""
        self._r = r
        self._rho = rho
        self._window = LossWindow(window)
        self._first_solve = min(self.FIRST_SOLVE, window)
        self._alpha = [1 / K] * K
        self._is_due = False  # alpha, since the window has grown
        self._pending: Fetched | None = None
        self._counts = _Counts()
        self._idleness = _Idleness(K - 1, after=window, every=idle_every)

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
        }


@dataclass
class _Counts:
    """Counts of an epoch's alpha problems."""

    solved: int = 0
    clipped: int = 0
    asked: float = 0.0  # sums of r over them
    in_effect: float = 0.0


class _Idleness:
    """Which of some attacks may be left out of a step, for want of weight."""

    def __init__(self, count: int, *, after: int, every: int) -> None:
        """Let attacks idle after so many steps without weight, but not at each `every`-th step."""
        self._after = after
        self._every = every
        self._steps = 0
        self._without_weight = [0] * count  # steps in a row

    def now(self) -> list[int]:
        """Return the places, from 0, of the attacks that are idle in the coming step."""
        if self._steps % self._every == 0:
            return []
        return [place for place, steps in enumerate(self._without_weight) if steps >= self._after]

    def count(self, without_weight: list[bool]) -> None:
        """Count a step; `without_weight` says of each attack whether it had no weight in it."""
        self._steps += 1
        self._without_weight = [
            steps + 1 if has_none else 0
            for steps, has_none in zip(self._without_weight, without_weight, strict=True)
        ]

    def state(self) -> dict[str, Any]:
        if self._every == 1:
            return {}
        return {"steps": self._steps, "without_weight": self._without_weight}

    def restore(self, state: dict[str, Any]) -> None:
        if self._every > 1:
            self._steps, self._without_weight = state["steps"], state["without_weight"]
