"""Gradients of several objectives over a mini-batch, and one gradient made of them."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn


class ObjectiveGradients:
    """The gradients of J objectives by a model's L tensors of weights, added up over parts of a
    mini-batch. A tensor on which no objective depends has no gradient."""

    def __init__(self, parameters: Iterable[nn.Parameter]) -> None:
        """Begin without any, for the parameters that take gradients."""
        self._parameters = [p for p in parameters if p.requires_grad]
        self._sums: list[list[Tensor | None]] = []  # J of L

    def add(self, objectives: list[Tensor]) -> None:
        """Add the gradients of J scalars, one backward pass each; none of one that nothing made."""
        self._sums = self._sums or [[None] * len(self._parameters) for _ in objectives]
        last = len(objectives) - 1
        for place, objective in enumerate(objectives):
            if not objective.requires_grad:  # none of its losses is computed in this step
                continue
            found = torch.autograd.grad(
                objective, self._parameters, retain_graph=place < last, allow_unused=True
            )
            sums = self._sums[place]
            self._sums[place] = [
                new if old is None else old if new is None else old + new
                for old, new in zip(sums, found, strict=True)
            ]

    def products(self) -> Tensor:
        """Return the objectives' inner products, L J J, tensor by tensor."""
        return torch.stack([rows @ rows.T for _, rows in self._rows()])

    def merge(self, weights: Tensor) -> Tensor:
        """Set each parameter's gradient to the weighed sum of the objectives'.

        Args:
            weights: 1 J, or L J where each tensor has weights of its own.

        Returns:
            J: the mean of each objective's weights over the numbers of all tensors.
        """
        rows = self._rows()
        by_tensor = weights.expand(len(rows), -1)
        for (parameter, gradients), weight in zip(rows, by_tensor, strict=True):
            merged = torch.empty_like(parameter)  # as it lies in memory: fused steps mix others up
            parameter.grad = merged.copy_((weight @ gradients).view_as(parameter)).detach()
        sizes = weights.new_tensor([parameter.numel() for parameter, _ in rows])
        return sizes / sizes.sum() @ by_tensor

    def _rows(self) -> list[tuple[nn.Parameter, Tensor]]:
        """Return each tensor that has gradients, with them: J rows."""
        found = []
        for place, parameter in enumerate(self._parameters):
            gradients = [sums[place] for sums in self._sums]
            if any(gradient is not None for gradient in gradients):
                none = torch.zeros_like(parameter)
                rows = [none if gradient is None else gradient for gradient in gradients]
                found.append((parameter, torch.stack([row.flatten() for row in rows])))
        return found
