"""Losses that are quadratic in w, and the attack that searches it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from trainer.attacks.ascent import AscentAttack, Component, Parameters

SIDE = 2
"""Images are 1 x 2 x 2; what is searched are two filters of two entries each."""


class Shift(AscentAttack):
    """Adds w to the pixels; each of its two filters has two of them."""

    epsilon: float
    step_size: float = 0.01

    def components(self, images: Tensor) -> tuple[Component, ...]:
        return (Component((SIDE, SIDE), self.epsilon, self.step_size),)

    def apply(self, images: Tensor, parameters: Parameters) -> Tensor:
        return images + parameters[0][:, None]


class Hill(nn.Module):
    """Margin of class 0: `1/2 x' A x + b' x`, of the pixels x less a half."""

    def __init__(self, A: Tensor, b: Tensor) -> None:
        super().__init__()
        self.A, self.b = nn.Parameter(A), nn.Parameter(b)

    def value(self, x: Tensor) -> Tensor:
        """The quadratic of points N 4."""
        return (x @ self.A * x).sum(1) / 2 + x @ self.b

    def forward(self, images: Tensor) -> Tensor:
        q = self.value(images.flatten(1) - 0.5)
        return torch.stack([torch.zeros_like(q), q], dim=1)


def shift(*, epsilon: float, num_steps: int = 1, step_size: float = 0.01) -> Shift:
    return Shift(epsilon=epsilon, num_steps=num_steps, step_size=step_size, loss="margin")


def grey(count: int) -> tuple[Tensor, Tensor]:
    """Images at a half, where Hill's x is 0, and their labels."""
    return torch.full((count, 1, SIDE, SIDE), 0.5), torch.zeros(count, dtype=torch.int64)
