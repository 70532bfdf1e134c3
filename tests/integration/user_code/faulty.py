"""Methods and an attack of a user's own, which go wrong where the environment has `FAULTY`."""

from __future__ import annotations

import os
import signal
import sys
import time

import torch
from pydantic import Field
from torch import Tensor, nn

from trainer.attacks import PGD
from trainer.data import MissingData
from trainer.input.settings import Positive
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


class Exiting(Standard):
    """Standard training that ends its own process there, as a script does."""

    def weighting(self) -> Weighting:
        return _ExitingWeighting([1.0])


class _ExitingWeighting(Weighting):
    def epoch_report(self) -> dict[str, float]:
        if _is_faulty():
            sys.exit("no such option")
        return {}


class Missing(Standard):
    """Standard training that finds its data gone there."""

    def weighting(self) -> Weighting:
        return _MissingWeighting([1.0])


class _MissingWeighting(Weighting):
    def epoch_report(self) -> dict[str, float]:
        if _is_faulty():
            raise MissingData("data.root must hold the files: they are gone")
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


class Diverging(Standard):
    """Standard training whose losses weigh more than a number can, from the first step."""

    def weighting(self) -> Weighting:
        return Weighting([float("inf") if _is_faulty() else 1.0])


class Hoarding(Standard):
    """Standard training that asks for more memory than any machine has."""

    def weighting(self) -> Weighting:
        return _HoardingWeighting([1.0])


class _HoardingWeighting(Weighting):
    def epoch_report(self) -> dict[str, float]:
        if _is_faulty():
            torch.zeros(2**50)
        return {}


class Hanging(Standard):
    """Standard training that comes to no end."""

    def weighting(self) -> Weighting:
        return _SlowWeighting(seconds=3600.0, after_steps=0)


class Dawdling(Standard):
    """Standard training that lives, and takes its time."""

    seconds: Positive = Field(1.0, description="of rest before each step")
    steps: int = Field(0, ge=0, description="of each attempt that it makes without a rest")

    def weighting(self) -> Weighting:
        return _SlowWeighting(seconds=self.seconds, after_steps=self.steps)


class _SlowWeighting(Weighting):
    def __init__(self, *, seconds: float, after_steps: int) -> None:
        super().__init__([1.0])
        self._seconds = seconds
        self._quick_steps = after_steps

    def weigh(self, losses: Tensor) -> Tensor:
        if _is_faulty():
            if self._quick_steps == 0:
                time.sleep(self._seconds)
            self._quick_steps = max(0, self._quick_steps - 1)
        return super().weigh(losses)


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
