"""The loss landscape of an attack over its parameters w: the losses on a grid of two directions.

It is a function of w alone: images are the clean ones under w, whether or not w lies in the
attack's set, and whether an attack would come there.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from trainer.attacks import frozen
from trainer.attacks.ascent import LOSSES, AscentAttack, Parameters
from trainer.device.precision import arithmetic
from trainer.interpretation.directions import moved_along


@dataclass(frozen=True, kw_only=True, eq=False)
class Landscape:
    """Losses of B examples over a grid of N x N points w + a * first + b * second."""

    steps: Tensor
    """N: the coordinates a, and b, rising; without unit, 1 being the direction's own length."""

    losses: Tensor
    """B N N, the attack's loss: over a (rows) and b (columns)."""

    inside: Tensor
    """B N N, bool: whether the point lies in the attack's set."""


def landscape(
    attack: AscentAttack,
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    *,
    around: Parameters,
    pair: tuple[Parameters, Parameters],
    steps: Tensor,
    batch_size: int,
) -> Landscape:
    """Compute the attack's loss around w, over a grid of two directions.

    Args:
        model: gives logits B K; used in evaluation mode and left as it was found.
        images: B C H W in [0, 1].
        labels: B, int64.
        around: w, each B ...: `attack.start` before the attack, `attack.solution` after it.
        pair: two directions (`trainer.interpretation.directions`), each like `around`.
        steps: N, rising: few and small ones show what is close, large ones what is distant.
        batch_size: images of one pass, at most.
    """
    steps = steps.to(images)
    a, b = (grid.flatten() for grid in torch.meshgrid(steps, steps, indexing="ij"))
    losses, sizes = losses_along(
        attack, model, images, labels, around=around, pair=pair, a=a, b=b, batch_size=batch_size
    )
    square = (len(images), len(steps), len(steps))
    return Landscape(
        steps=steps,
        losses=losses.reshape(square),
        inside=(sizes <= 1 + 1e-6).reshape(square),  # a corner's rounding is within
    )


def losses_along(
    attack: AscentAttack,
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    *,
    around: Parameters,
    pair: tuple[Parameters, Parameters],
    a: Tensor,
    b: Tensor,
    batch_size: int,
) -> tuple[Tensor, Tensor]:
    """Compute losses, and sizes of w as shares of the radius, at points (a, b), each B N; arguments
    as for `landscape`, with N points a, b in the place of a grid."""
    losses, sizes = [], []
    at_once = max(1, batch_size // len(images))
    with frozen(model), torch.no_grad(), arithmetic("float32", images.device):
        for some_a, some_b in zip(a.split(at_once), b.split(at_once), strict=True):
            points = moved_along(around, pair, some_a, some_b)
            w = tuple(tensor.flatten(0, 1) for tensor in points)
            repeated = images.repeat_interleave(len(some_a), dim=0)
            logits = torch.cat(
                [
                    model(attack.apply(some, tuple(w_some)))
                    for some, *w_some in _split(batch_size, repeated, *w)
                ]
            )
            every = labels.repeat_interleave(len(some_a))
            losses.append(LOSSES[attack.loss](logits, every).unflatten(0, (len(images), -1)))
            sizes.append(attack.sizes(repeated, w).unflatten(0, (len(images), -1)))
    return torch.cat(losses, dim=1), torch.cat(sizes, dim=1)


def _split(size: int, *tensors: Tensor) -> zip[tuple[Tensor, ...]]:
    return zip(*(tensor.split(size) for tensor in tensors), strict=True)
