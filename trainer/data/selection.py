"""Choices of examples by class, from labels and a seed alone.

A choice is a prefix of an order, so with one seed the larger choice contains the smaller.
The orders come from `trainer.randomness` and so mean the same in every version of PyTorch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainer.randomness import example_keys

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    from trainer import late_torch as torch


def share_of_each_class(labels: Tensor, share: float, *, seed: int) -> Tensor:
    """Choose `share` of the examples of each class, to the nearest whole, as N booleans."""
    ranks, sizes = _ranks_and_sizes(labels, seed)
    return ranks < torch.round(sizes * share)


def proportional(labels: Tensor, count: int, *, seed: int) -> Tensor:
    """Choose `count` examples, by rising indices, with the classes in their own proportions.

    The seats are Sainte-Lague's: example k of a class of n comes at (k + 1/2) / n.
    """
    ranks, sizes = _ranks_and_sizes(labels, seed)
    return _first((ranks + 0.5) / sizes, count, seed)


def balanced(labels: Tensor, count: int, *, seed: int) -> Tensor:
    """Choose `count` examples, by rising indices, as many of each class as of any other.

    Classes differ by one where `count` is no multiple; a class that runs out leaves its
    share to the others.
    """
    ranks, _ = _ranks_and_sizes(labels, seed)
    return _first(ranks, count, seed)


def _first(priorities: Tensor, count: int, seed: int) -> Tensor:
    """Find the `count` lowest priorities, ties in random order."""
    order = _shuffled(len(priorities), seed)
    return order[priorities[order].argsort(stable=True)][:count].sort().values


def _ranks_and_sizes(labels: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """Return each example's place among those of its class, in random order, and their number."""
    order = _shuffled(len(labels), seed)
    by_class = order[labels[order].argsort(stable=True)]
    sizes = labels.bincount()
    firsts = sizes.cumsum(0) - sizes
    ranks = torch.empty_like(labels)
    ranks[by_class] = torch.arange(len(labels)) - firsts[labels[by_class]]
    return ranks, sizes[labels]


def _shuffled(count: int, seed: int) -> Tensor:
    # The keys are a bijection of the indices: no two are equal, so the order is the seed's.
    return example_keys(seed, torch.arange(count)).argsort()
