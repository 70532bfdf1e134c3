"""The losses of a mini-batch: its images augmented, attacked, and seen by the model."""

from __future__ import annotations

from collections.abc import Callable, Container
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainer.attacks import frozen
from trainer.config import Trial
from trainer.data import Split
from trainer.device.transfer import moved
from trainer.methods import NATURAL
from trainer.methods.weighting import Weighting
from trainer.randomness import derive_seed, example_keys


class WeighedLosses(NamedTuple):
    """Losses and weights of B examples under each of a method's K branches."""

    total: Tensor  # B, with gradient: what is descended, example by example
    losses: Tensor  # K B, float32, detached
    weights: Tensor  # K 1 or K B


def weighed_losses(
    trial: Trial,
    split: Split,
    model: nn.Module,
    weighting: Weighting,
    indices: Tensor,
    *,
    epoch: int,
    warmup: float,
) -> WeighedLosses:
    """Attack a part of a mini-batch and weigh the losses of what comes of it.

    An example's images depend on the trial, the epoch and the example alone, so that a part of
    a mini-batch has the losses that it has in the whole (but for BatchNorm and dropout).

    Args:
        indices: B, int64, of examples of the split, on the host.
        epoch: counted from 0.
        warmup: factor on the attacks' radii and steps.
    """
    branches, idle = trial.method.branches(), weighting.idle()
    images = branch_images(trial, split, model, indices, epoch=epoch, warmup=warmup, left_out=idle)
    labels = split.labels[moved(indices, split.labels.device)]
    training = trial.training
    losses_of = partial(
        branch_losses,
        joint=training.batch_norm == "joint",
        label_smoothing=training.label_smoothing,
    )
    if weighting.picks is not None and weighting.picks < len(images):
        return _picked(model, images, labels, weighting, picks=weighting.picks, losses_of=losses_of)
    computed = iter(losses_of(model, images, labels))
    losses = torch.stack(
        [
            images[0].new_full(labels.shape, idle[place]) if place in idle else next(computed)
            for place in range(len(branches))
        ]
    )
    weights = weighting.weigh(losses.detach())
    return WeighedLosses((weights * losses).sum(dim=0), losses.detach(), weights)


def _picked(
    model: nn.Module,
    images: list[Tensor],
    labels: Tensor,
    weighting: Weighting,
    *,
    picks: int,
    losses_of: Callable[[nn.Module, list[Tensor], Tensor], Tensor],
) -> WeighedLosses:
    """Compute K losses an example, with a gradient only for the `picks` of them that have weight.

    They are picked in evaluation mode, as the attacks see the model: BatchNorm's statistics are
    of the images that are trained on.
    """
    with frozen(model), torch.no_grad():
        losses = losses_of(model, images, labels)
    weights = weighting.weigh(losses).expand_as(losses)
    places = weights.abs().topk(picks, dim=0).indices.sort(dim=0).values  # as branches come
    chosen = torch.stack(images)[places, torch.arange(len(labels), device=labels.device)]
    again = losses_of(model, list(chosen), labels)
    return WeighedLosses((weights.gather(0, places) * again).sum(dim=0), losses, weights)


def branch_images(
    trial: Trial,
    split: Split,
    model: nn.Module,
    indices: Tensor,
    *,
    epoch: int,
    warmup: float,
    left_out: Container[int],
) -> list[Tensor]:
    """Make the images (B C H W) of each branch of the trial's method, but of `left_out`."""
    there = moved(indices, split.labels.device)
    keys = example_keys(derive_seed(trial.seed, "augmentation", epoch), there)
    clean, labels = split.augmented(indices, keys), split.labels[there]
    images = []
    for place, branch in enumerate(trial.method.branches()):
        if place in left_out:
            continue
        if branch == NATURAL:
            images.append(clean)
            continue
        keys = example_keys(derive_seed(trial.seed, "attack", branch, epoch), there)
        attack = trial.attacks[branch].scaled(warmup)
        images.append(attack.search(model, clean, labels, keys))
    return images


def branch_losses(
    model: nn.Module,
    images: list[Tensor],
    labels: Tensor,
    *,
    joint: bool,
    label_smoothing: float,
) -> Tensor:
    """Compute the cross entropy of each example under each branch's images, K B, float32.

    `joint` runs one forward pass over all branches, so that BatchNorm sees their mixture;
    otherwise each has its own pass and its own statistics, and the running ones move K times.
    """
    if joint:
        logits = model(torch.cat(images)).chunk(len(images))
    else:
        logits = [model(each) for each in images]
    return torch.stack(
        [
            functional.cross_entropy(
                branch.float(), labels, reduction="none", label_smoothing=label_smoothing
            )
            for branch in logits
        ]
    )
