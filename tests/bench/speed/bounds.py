"""What the arithmetic must cost: forward and backward passes in plain PyTorch, nothing besides."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trainer.attacks import frozen


def ascend(model: nn.Module, images: Tensor, labels: Tensor, *, num_steps: int) -> None:
    """An attack's passes: gradients of the summed loss with respect to the images (B C H W)
    alone, weights frozen, in evaluation mode."""
    with frozen(model):
        for _ in range(num_steps):
            inputs = images.detach().requires_grad_()
            loss = F.cross_entropy(model(inputs), labels, reduction="sum")
            torch.autograd.grad(loss, inputs)


def look(model: nn.Module, images: Tensor, *, times: int) -> None:
    """Forward passes without gradient, in evaluation mode."""
    with frozen(model), torch.no_grad():
        for _ in range(times):
            model(images)


def descend(model: nn.Module, images: Tensor, labels: Tensor) -> None:
    """One loss of a training step: forward, and backward into the weights, in training mode."""
    model.train()
    model.zero_grad(set_to_none=True)
    F.cross_entropy(model(images), labels).backward()
