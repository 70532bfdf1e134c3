"""A method and an attack that wait at a gate, so that a fault falls where it is to, however fast or
slow the machine: see `tests.integration.gate`.

The environment says where: `GATE` is a file, and whoever comes to it waits until it is there, but
`GATE_SECONDS` at most; an attempt at a training first makes its `GATE_STEPS`.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from torch import Tensor, nn

from trainer.attacks import PGD
from trainer.methods import Pareto, Weighting
from trainer.methods.pareto import ParetoWeighting


class Gated(Pareto):
    """Pareto training that waits before each step."""

    def weighting(self) -> Weighting:
        return _GatedWeighting(
            len(self.branches()),
            r=self.r,
            rho=self.rho,
            window=self.window,
            idle_every=self.idle_every,
            moments=self.moments,
        )


class _GatedWeighting(ParetoWeighting):
    _steps = 0  # of this attempt

    def weigh(self, losses: Tensor) -> Tensor:
        if self._steps >= int(os.environ.get("GATE_STEPS", "0")):
            _wait()
        return super().weigh(losses)

    def observe(self, losses: Tensor) -> None:
        super().observe(losses)
        self._steps += 1


class GatedPGD(PGD):
    """PGD that waits before each batch of an evaluation."""

    def correct(
        self,
        model: nn.Module,
        images: Tensor,
        labels: Tensor,
        keys: Tensor,
        ladder: tuple[int, ...],
    ) -> Tensor:
        _wait()
        return super().correct(model, images, labels, keys, ladder)


def _wait() -> None:
    if "GATE" not in os.environ:
        return
    gate = Path(os.environ["GATE"])
    gate.with_suffix(f".{os.getpid()}").touch()
    deadline = time.monotonic() + float(os.environ["GATE_SECONDS"])
    while not gate.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
