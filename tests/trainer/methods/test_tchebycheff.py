"""Smooth Tchebycheff: its weights are the scalarisation's gradient, and its limits are known."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from trainer.methods import Tchebycheff


def weights_of(means: list[float], **settings: Any) -> torch.Tensor:
    spread = torch.linspace(-0.5, 0.5, 6, dtype=torch.float64)
    losses = torch.tensor(means, dtype=torch.float64)[:, None] * (1 + spread)
    return Tchebycheff(**settings).weighting().weigh(losses).squeeze(1)


@pytest.mark.parametrize("settings", [{}, {"mu": 0.2}, {"natural_weight": 0.4, "ideal": 0.3}])
def test_weights_are_the_gradient_of_the_scalarisation(settings: dict[str, Any]) -> None:
    means = [0.4, 1.2, 0.9, 1.1] if "natural_weight" in settings else [1.2, 0.9, 1.1]
    f = torch.tensor(means, dtype=torch.float64, requires_grad=True)
    mu, z = settings.get("mu", 1.0), settings.get("ideal", 0.0)
    natural = [settings["natural_weight"]] if "natural_weight" in settings else []
    rest = (1 - sum(natural)) / 3
    preferences = len(means) * torch.tensor([*natural, rest, rest, rest], dtype=torch.float64)
    value = mu * torch.logsumexp(preferences * (f - z) / mu, dim=0)
    (gradient,) = torch.autograd.grad(value, f)
    torch.testing.assert_close(weights_of(means, **settings), gradient)


def test_the_limits_are_the_maximum_and_the_sum() -> None:
    means = [1.2, 0.9, 1.1]
    expected = torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64)
    torch.testing.assert_close(weights_of(means, mu=1e-3), expected)
    third = torch.full((3,), 1 / 3, dtype=torch.float64)
    torch.testing.assert_close(weights_of(means, mu=1e6), third, atol=1e-6, rtol=0)
    assert weights_of([0.7, 0.7, 0.7], mu=0.1).tolist() == pytest.approx([1 / 3] * 3)


def test_without_weight_there_is_no_natural_loss() -> None:
    assert Tchebycheff().branches() == ("pgd", "flow", "rt")
    assert Tchebycheff(natural_weight=0.1).branches() == ("natural", "pgd", "flow", "rt")
