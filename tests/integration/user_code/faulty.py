"""Methods and an attack of a user's own, which go wrong where the environment has `FAULTY`."""

from __future__ import annotations

import os
import signal

from torch import Tensor, nn

from trainer.attacks import PGD
from trainer.methods import Standard, Weighting


def _is_faulty() -> bool:
    return "FAULTY" in os.environ


class Raising(Standard):
    """Standard training that raises an exception at the end of its first epoch."""

    def weighting(self) -> Weighting:
        return _RaisingWeighting([1.0])


class _RaisingWeighting(Weighting):
    def epoch_report(self) -> dict[str, float]:
        if _is_faulty():
            raise LookupError("no such weight")
        return {}


class Dying(Standard):
    """Standard training whose process is killed there, as for want of memory."""

    def weighting(self) -> Weighting:
        return _DyingWeighting([1.0])


class _DyingWeighting(Weighting):
    def epoch_report(self) -> dict[str, float]:
        if _is_faulty():
            os.kill(os.getpid(), signal.SIGKILL)
        return {}


class Refusing(PGD):
    """PGD that trains as ever, but whose evaluation raises an exception."""

    def correct(
        self,
        model: nn.Module,
        images: Tensor,
        labels: Tensor,
        keys: Tensor,
        ladder: tuple[int, ...],
    ) -> Tensor:
        if _is_faulty():
            raise LookupError("no such rung")
        return super().correct(model, images, labels, keys, ladder)
