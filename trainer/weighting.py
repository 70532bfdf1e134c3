"""How much each loss of a method weighs, step by step, and what must be remembered for it.

Weights may depend on the batch (the worst loss) or on the batches before it (Pareto).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from trainer.alpha import LossWindow, NoSolutionError, solve_alpha


class Weighting:
    """How much each of K losses weighs: fixed weights, no memory. Subclasses have either.

    A step weighs its mini-batch (`weigh`, once for each part that it is computed in) and then
    shows it whole (`observe`, once): what is counted in steps belongs in `observe`.
    """

    def __init__(self, weights: list[float]) -> None:
        """Weigh K losses by K numbers."""
        self._weights = weights

    def weigh(self, losses: Tensor) -> Tensor:
        """Weights for this part of the mini-batch, K 1 or K B, without gradient.

        Args:
            losses: K B of the part's B examples, detached, in the order of the method's branches.
        """
        return losses.new_tensor(self._weights)[:, None]

    def observe(self, losses: Tensor) -> None:
        """The step is over: the losses of its whole mini-batch, K B, detached."""

    def state(self) -> dict[str, Any]:
        """What a checkpoint must keep between two steps: numbers, strings, lists."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned.

        Raises:
            ValueError, LookupError, TypeError: it is of another method.
        """

    def epoch_report(self) -> dict[str, float]:
        """Facts of the epoch to log; begins the next epoch's."""
        return {}


class WorstWeighting(Weighting):
    """All the weight of the adversarial losses on the largest, example by example."""

    def __init__(self, natural_weight: float) -> None:
        """The rest of the weight is the natural loss's, the first, which is there if it has any."""
        self._natural_weight = natural_weight

    def weigh(self, losses: Tensor) -> Tensor:
        weights = torch.zeros_like(losses)
        first = 1 if self._natural_weight else 0
        weights[:first] = self._natural_weight
        worst = losses[first:].argmax(dim=0, keepdim=True) + first
        return weights.scatter_(0, worst, 1 - self._natural_weight)


class ParetoWeighting(Weighting):
    """Alpha of the losses over a sliding window, which ends at the step before."""

    FIRST_SOLVE = 10  # mini-batches; before, moments say little

    def __init__(self, K: int, *, r: float | None, rho: float | None, window: int) -> None:
        """For K losses, the first of them natural; either of r and rho is given."""
        self._r = r
        self._rho = rho
        self._window = LossWindow(window)
        self._first_solve = min(self.FIRST_SOLVE, window)
        self._alpha = [1 / K] * K
        self._is_due = False  # alpha, since the window has grown
        self._pending: Tensor | None = None
        self._counts = _Counts()

    def weigh(self, losses: Tensor) -> Tensor:
        self._read_pending()
        if self._is_due and len(self._window) >= self._first_solve:
            self._solve()
        self._is_due = False
        return losses.new_tensor(self._alpha)[:, None]

    def observe(self, losses: Tensor) -> None:
        self._pending = losses.mean(dim=1)
        self._is_due = True

    def _read_pending(self) -> None:
        """The losses of the step before, which are not waited for before they are needed."""
        if self._pending is not None:
            self._window.append(self._pending.tolist())
            self._pending = None

    def _solve(self) -> None:
        second_moments, means = self._window.moments()
        if not np.isfinite(means).all():
            return  # training has diverged: the loop will say so
        r = self._r
        if r is None:
            assert self._rho is not None
            r = self._rho * float(means[1:].max())
        try:
            solution = solve_alpha(second_moments, means, r)
        except NoSolutionError:
            self._counts.unsolved += 1
            return
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
        }

    def restore(self, state: dict[str, Any]) -> None:
        if len(state["alpha"]) != len(self._alpha):
            raise ValueError(f"alpha must be {len(self._alpha)} numbers, got {state['alpha']}")
        for row in state["window"]:
            self._window.append(row)
        self._alpha = state["alpha"]
        self._is_due = True  # between two steps it always is
        self._counts = _Counts(**state["counts"])

    def epoch_report(self) -> dict[str, float]:
        counts, self._counts = self._counts, _Counts()
        tried = counts.solved + counts.unsolved
        report = {"unsolved_share": counts.unsolved / tried} if tried else {}
        if counts.solved:
            report |= {
                "r_asked": counts.asked / counts.solved,
                "r_in_effect": counts.in_effect / counts.solved,
                "clipped_share": counts.clipped / counts.solved,
            }
        return report


@dataclass
class _Counts:
    """Of an epoch's alpha problems."""

    solved: int = 0
    unsolved: int = 0
    clipped: int = 0
    asked: float = 0.0  # sums of r over the solved ones
    in_effect: float = 0.0
