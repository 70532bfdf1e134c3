"""Weights that another training had, step by step: what feedback adds beyond the schedule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from trainer.device.transfer import sent
from trainer.methods.weighting import Weighting

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    from trainer import late_torch as torch


class ReplayedWeighting(Weighting):
    """Weighs each step as another training's same step did, whatever the losses are, and leaves out
    the losses that it had none of. One that it only counted as it was before, as Pareto's
    `idle_every` does, is computed here: its weight there was next to 0.

    A checkpoint keeps the whole schedule, so that who goes on from it needs the other no more.
    """

    def __init__(self, schedule: Tensor | None, *, K: int, mean: bool) -> None:
        """Replay a schedule.

        Args:
            schedule: steps K, NaN where a step left a loss out; None: one comes with a checkpoint.
            mean: replaces every step's weights by their mean over all steps.
        """
        self._rows = torch.empty(0, K) if schedule is None else schedule.cpu()
        if mean and schedule is not None:
            self._rows = self._rows.nan_to_num(0.0).double().mean(dim=0, keepdim=True).float()
        self._K = K
        self._steps = 0

    def idle(self) -> Mapping[int, float | None]:
        return dict.fromkeys(self._row().isnan().nonzero().flatten().tolist())

    def weigh(self, losses: Tensor) -> Tensor:
        return sent(self._row().nan_to_num(0.0).tolist(), like=losses)[:, None]

    def _row(self) -> Tensor:
        return self._rows[min(self._steps, len(self._rows) - 1)]  # of a mean there is one

    def observe(self, losses: Tensor) -> None:
        del losses
        self._steps += 1

    def state(self) -> dict[str, Any]:
        return {"schedule": self._rows, "steps": self._steps}

    def restore(self, state: dict[str, Any]) -> None:
        rows = state["schedule"]
        if rows.ndim != 2 or rows.shape[1] != self._K or not len(rows):
            raise ValueError(f"schedule must be of {self._K} losses, got shape {tuple(rows.shape)}")
        self._rows, self._steps = rows, int(state["steps"])
