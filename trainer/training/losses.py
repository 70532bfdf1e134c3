"""The losses of a mini-batch: its images augmented, attacked, and seen by the model."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from trainer.answers import correct
from trainer.attacks import frozen
from trainer.config import Trial
from trainer.data import Split
from trainer.device.transfer import moved
from trainer.methods import NATURAL
from trainer.methods.weighting import Weighting
from trainer.randomness import derive_seed, example_keys


class WeighedLosses(NamedTuple):
    """Losses and weights of B examples under a method's K losses."""

    totals: list[Tensor]  # J of B, with gradient: what each objective descends, by example
    losses: Tensor  # K B, float32, detached; NaN where the step has none
    weights: Tensor  # K 1 or K B
    errors: Tensor | None  # a row of B for each branch, 1 where the model errs, if asked for

    @property
    def total(self) -> Tensor:
        """Sum of the objectives, B, with gradient."""
        return self.totals[0] if len(self.totals) == 1 else torch.stack(self.totals).sum(dim=0)


def weighed_losses(
    trial: Trial,
    split: Split,
    model: nn.Module,
    weighting: Weighting,
    indices: Tensor,
    *,
    epoch: int,
    warmup: float,
    is_whole: bool = True,
) -> WeighedLosses:
    """Attack a part of a mini-batch and weigh the losses of what comes of it.

    An example's images depend on the trial, the epoch and the example alone, so that a part of
    a mini-batch has the losses that it has in the whole (but for BatchNorm and dropout).

    Args:
        indices: B, int64, of examples of the split, on the host.
        epoch: counted from 0.
        warmup: factor on the attacks' radii and steps.
        is_whole: whether the part is all of the mini-batch; if not, what is weighed by the whole
            has weights of 1, and each loss is an objective by itself.
    """
    method, idle = trial.method, weighting.idle()
    images = branch_images(trial, split, model, indices, epoch=epoch, warmup=warmup, left_out=idle)
    labels = split.labels[moved(indices, split.labels.device)]
    objectives = objectives_of(weighting, len(method.loss_names()), is_whole=is_whole)
    joint = trial.training.batch_norm == "joint" and (
        objectives is None or has_batch_norm(model)  # by itself each goes back through its own
    )
    smoothing = trial.training.label_smoothing
    if weighting.picks is not None and weighting.picks < len(images):
        if weighting.by_batch and not is_whole:
            raise ValueError(
                f"{type(weighting).__name__}.picks must be None beside by_batch where a mini-batch "
                f"is computed in parts, got {weighting.picks}: set micro_batches to 1"
            )
        losses_of = partial(branch_losses, joint=joint, label_smoothing=smoothing)
        return _picked(model, images, labels, weighting, picks=weighting.picks, losses_of=losses_of)

    computed = [branch for place, branch in enumerate(method.branches()) if place not in idle]
    logits = dict(zip(computed, branch_logits(model, images, joint=joint), strict=True))
    entropies = {
        branch: smoothed_cross_entropy(of_branch, labels, smoothing)
        for branch, of_branch in logits.items()
    }
    by_name = method.losses(entropies, logits, labels)
    rows = [
        images[0].new_full(labels.shape, _counted_as(idle.get(place)))
        if place in idle
        else by_name[name]
        for place, name in enumerate(method.loss_names())
    ]
    losses = torch.stack(rows)
    weights = _weights(weighting, losses.detach(), is_whole=is_whole)
    missing = frozenset(place for place, loss in idle.items() if loss is None)
    if objectives is None and not missing:
        totals = [(weights * losses).sum(dim=0)]
    else:  # row by row, so that each goes back through its own images alone
        terms = [
            [weights[place] * rows[place] for place in places if place not in missing]
            for places in objectives or (range(len(rows)),)
        ]
        nothing = rows[0].new_zeros(labels.shape)  # of an objective whose losses are all missing
        totals = [torch.stack(each).sum(dim=0) if each else nothing for each in terms]
    return WeighedLosses(
        totals=totals,
        losses=losses.detach(),
        weights=weights,
        errors=_errors(method.branches(), logits, labels) if weighting.counts_errors else None,
    )


def _weights(weighting: Weighting, losses: Tensor, *, is_whole: bool) -> Tensor:
    """Return the weights of losses K B, and 1 where they wait for the rest of the mini-batch."""
    if weighting.by_batch and not is_whole:
        return torch.ones_like(losses[:, :1])
    return weighting.weigh(losses)


def objectives_of(
    weighting: Weighting, K: int, *, is_whole: bool
) -> tuple[tuple[int, ...], ...] | None:
    """Return the objectives that have gradients of their own, each by the places of its losses;
    None where there is one gradient, that of the weighed sum of K losses. Of a part whose weights
    wait for the rest of the mini-batch each loss is one, which are mixed then."""
    if weighting.by_batch and not is_whole:
        return tuple((place,) for place in range(K))
    return weighting.objectives


def has_batch_norm(model: nn.Module) -> bool:
    """Whether what a model makes of an example depends on the others of its batch."""
    return any(isinstance(module, _BatchNorm) for module in model.modules())


def _counted_as(loss: float | None) -> float:
    return torch.nan if loss is None else loss


def _errors(branches: tuple[str, ...], logits: Mapping[str, Tensor], labels: Tensor) -> Tensor:
    """Return a row of B for each branch: 1 where the model errs, NaN where it was not asked."""
    unknown = torch.full_like(labels, torch.nan, dtype=torch.float32)
    rows = [
        (~correct(logits[branch].detach(), labels)).float() if branch in logits else unknown
        for branch in branches
    ]
    return torch.stack(rows)


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
    total = (weights.gather(0, places) * again).sum(dim=0)
    return WeighedLosses(totals=[total], losses=losses, weights=weights, errors=None)


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
    clean = split.augmented(indices, keys)
    targets = trial.method.targets(model, clean, split.labels[there])
    attacks = {label: attack.scaled(warmup) for label, attack in trial.attacks.items()}
    images = []
    for place, branch in enumerate(trial.method.branches()):
        if place in left_out:
            continue
        if branch == NATURAL:
            images.append(clean)
            continue
        keys = example_keys(derive_seed(trial.seed, "attack", branch, epoch), there)
        images.append(trial.method.search(branch, attacks, model, clean, targets, keys))
    return images


def branch_logits(model: nn.Module, images: list[Tensor], *, joint: bool) -> list[Tensor]:
    """Compute the logits (B C) of each branch's images.

    `joint` runs one forward pass over all branches, so that BatchNorm sees their mixture;
    otherwise each has its own pass and its own statistics, and the running ones move K times.
    """
    if joint:
        return list(model(torch.cat(images)).chunk(len(images)))
    return [model(each) for each in images]


def branch_losses(
    model: nn.Module,
    images: list[Tensor],
    labels: Tensor,
    *,
    joint: bool,
    label_smoothing: float,
) -> Tensor:
    """Compute the cross entropy of each example under each branch's images, K B, float32."""
    logits = branch_logits(model, images, joint=joint)
    return torch.stack(
        [smoothed_cross_entropy(branch, labels, label_smoothing) for branch in logits]
    )


def smoothed_cross_entropy(logits: Tensor, labels: Tensor, label_smoothing: float) -> Tensor:
    """Compute the cross entropy of each example, B, in float32."""
    return functional.cross_entropy(
        logits.float(), labels, reduction="none", label_smoothing=label_smoothing
    )
