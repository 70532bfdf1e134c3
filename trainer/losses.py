"""The losses of a mini-batch: its images augmented, attacked, and seen by the model."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from trainer.attacks.ascent import cross_entropy
from trainer.config import Trial
from trainer.data import Split
from trainer.methods import NATURAL
from trainer.randomness import derive_seed, example_keys


def batch_losses(
    trial: Trial, split: Split, model: nn.Module, indices: Tensor, *, epoch: int, warmup: float
) -> Tensor:
    """The loss of each example (B) under each branch (K) of the trial's method: K B, float32.

    An example's images depend on the trial, the epoch and the example alone, so that a part of
    a mini-batch has the losses that it has in the whole (but for BatchNorm and dropout).

    Args:
        indices: B, int64, of examples of the split.
        epoch: from 0.
        warmup: factor on the attacks' radii and steps.
    """
    training = trial.training
    seed = derive_seed(trial.seed, "augmentation", epoch)
    images = split.augmented(indices, example_keys(seed, indices))
    labels = split.labels[indices]
    with _precision(training.precision, images.device):
        inputs = []
        for branch in trial.method.branches():
            if branch == NATURAL:
                inputs.append(images)
                continue
            keys = example_keys(derive_seed(trial.seed, "attack", branch, epoch), indices)
            attack = trial.attacks[branch].scaled(warmup)
            inputs.append(attack.search(model, images, labels, keys))
        return branch_losses(model, inputs, labels, joint=training.batch_norm == "joint")


def branch_losses(model: nn.Module, inputs: list[Tensor], labels: Tensor, *, joint: bool) -> Tensor:
    """Cross entropy of each example under each branch's images, K B, float32.

    `joint` runs one forward pass over all branches, so that BatchNorm sees their mixture;
    otherwise each has its own pass and its own statistics, and the running ones move K times.
    """
    if joint:
        logits = model(torch.cat(inputs)).chunk(len(inputs))
    else:
        logits = [model(images) for images in inputs]
    return torch.stack([cross_entropy(branch, labels) for branch in logits])


def _precision(precision: str, device: torch.device) -> AbstractContextManager[Any]:
    if precision == "float32":
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)
