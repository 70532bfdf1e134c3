"""The answers of a model's logits: the one place that decides whether an answer is right."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    from trainer import late_torch as torch


NO_ANSWER = -1
"""Stands in place of a class where some logit is NaN or infinite: no label equals it."""


class NotFiniteError(ArithmeticError):
    """A model gave NaN or infinite logits for images that nothing has attacked."""


def answers(logits: Tensor) -> Tensor:
    """Return the class of the largest logit (B, int64) for logits B K; `NO_ANSWER` where one of an
    example's logits is not finite, since argmax takes NaN for the largest."""
    return torch.where(logits.isfinite().all(1), logits.argmax(1), NO_ANSWER)


def correct(logits: Tensor, labels: Tensor) -> Tensor:
    """Whether each example's answer is its label (B, bool), for logits B K and labels B."""
    return answers(logits) == labels
