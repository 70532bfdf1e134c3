"""Directions among an attack's parameters, to cut a loss landscape along (Li et al., 2018).

Li et al., Visualizing the Loss Landscape of Neural Nets, draw Gaussian directions among weights
and give each filter of one the norm of the same filter of the weights, since a filter may be
scaled with no change of the network. What moves an image, w = (w_RT, w_F), is no weight. What is
carried over is the purpose, that a step of 1 means as much in every part, whatever its unit:

* A filter makes one channel of what comes out. What w makes are displacements, along x and along
  y: each of its tensors (w_RT: 2 3, w_F: 2 H W) has two, the slices of its first axis.
* The norm that a filter is given is that of the same filter of `like`. Weights are somewhere; w is
  0 where an attack begins, and all that it has of a scale are its radii: `corner` is where they
  lead, every entry at its radius, as steps by sign take it. Around a solution `like` may also be
  that solution, which is Li et al.'s rule to the letter.
"""

from __future__ import annotations

import torch
from torch import Tensor

from trainer.attacks.ascent import AscentAttack, Parameters
from trainer.randomness import normal


def corner(attack: AscentAttack, images: Tensor) -> Parameters:
    """Return parameters of equal entries on the edge of the attack's set, each B ..., for images B
    C H W: in the L-infinity norm every entry is the radius."""
    found = []
    for component in attack.components(images):
        ones = images.new_ones(len(images), *component.shape)
        size = float(component.norm.sizes(ones[:1]))
        found.append(ones * (component.radius / size))
    return tuple(found)


def directions(like: Parameters, keys: Tensor, *, stream: int) -> tuple[Parameters, Parameters]:
    """Draw two Gaussian directions for each example, whose filters have the norms that they have in
    `like`, the second's orthogonal to the first's.

    Li et al. leave the second as it is drawn: among a million weights it is orthogonal enough,
    among the three of an affine row it is not.

    Args:
        like: each B 2 ..., or of any other shape with filters of two entries or more along its
            second axis.
        keys: B, int64: equal keys give equal directions, whatever else is in the batch.
        stream: tells apart several pairs of one key.
    """
    first, second = [], []
    for place, tensor in enumerate(like):
        shape, count = tuple(tensor.shape[1:]), len(like)
        one, other = (
            normal(keys, stream=(2 * stream + number) * count + place, shape=shape).to(tensor)
            for number in (0, 1)
        )
        overlap = _products(one, other) / _products(one, one)
        first.append(_scaled(one, tensor))
        second.append(_scaled(other - overlap * one, tensor))
    return tuple(first), tuple(second)


def moved_along(
    w: Parameters, pair: tuple[Parameters, Parameters], a: Tensor, b: Tensor
) -> Parameters:
    """Return w + a * first + b * second at N points an example: each B N ....

    Args:
        w: each B ....
        a: N, coordinates along the first direction; b: along the second.
    """

    def grown(numbers: Tensor, direction: Tensor) -> Tensor:
        return numbers.reshape(-1, *[1] * (direction.dim() - 1)) * direction[:, None]

    first, second = pair
    return tuple(
        base[:, None] + grown(a, one) + grown(b, other)
        for base, one, other in zip(w, first, second, strict=True)
    )


def _scaled(direction: Tensor, like: Tensor) -> Tensor:
    norms = _products(direction, direction).sqrt()
    wanted = _products(like, like).sqrt()
    return torch.where(norms > 0, direction / norms * wanted, 0)


def _products(one: Tensor, other: Tensor) -> Tensor:
    """Return the inner products of the filters, B F 1 ... to be multiplied with either."""
    sums = (one * other).flatten(2).sum(2)
    return sums.reshape(*sums.shape, *[1] * (one.dim() - 2))
