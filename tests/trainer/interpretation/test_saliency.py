"""Saliency in closed form, and the same numbers in any company."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from trainer.data import Dataset
from trainer.interpretation.saliency import (
    MapForm,
    NoGradientError,
    SmoothGrad,
    gradients,
    smoothgrad,
)
from trainer.randomness import example_keys

COUNT, SHAPE, CLASSES = 6, (2, 3, 4), 5


class Quadratic(nn.Module):
    """Logit k is x' A_k x of the flattened image, A_k symmetric."""

    def __init__(self) -> None:
        super().__init__()
        drawn = torch.randn(CLASSES, math.prod(SHAPE), math.prod(SHAPE))
        self.A = nn.Parameter((drawn + drawn.mT) / 2)

    def forward(self, images: Tensor) -> Tensor:
        flat = images.flatten(1)
        return torch.einsum("bi,kij,bj->bk", flat, self.A, flat)


def batch_of(count: int = COUNT) -> tuple[Tensor, Tensor, Tensor]:
    images, labels = torch.rand(count, *SHAPE), torch.arange(count) % CLASSES
    return images, labels, example_keys(0, torch.arange(count))


def test_a_linear_models_saliency_is_its_row_of_weights() -> None:
    layer = nn.Linear(math.prod(SHAPE), CLASSES)
    model = nn.Sequential(nn.Flatten(), layer).train()
    images, labels, keys = batch_of()
    rows = layer.weight.detach()[labels].reshape(COUNT, *SHAPE)
    found = gradients(model, images, labels, batch_size=None)
    torch.testing.assert_close(found, rows)
    how = SmoothGrad(samples=3, noise=0.5)
    smooth = smoothgrad(model, images, labels, keys, how=how, batch_size=4)
    torch.testing.assert_close(smooth, rows)
    assert model.training  # left as it was found
    assert layer.weight.requires_grad
    assert layer.weight.grad is None


def test_a_quadratic_models_saliency_is_twice_its_matrix() -> None:
    """The gradient 2 A x is linear: noise of variance s^2 gives each entry of the mean of n the
    variance 4 s^2 / n times that row's sum of squares."""
    model, (images, labels, keys) = Quadratic(), batch_of()
    exact = 2 * torch.einsum("bij,bj->bi", model.A.detach()[labels], images.flatten(1))
    found = gradients(model, images, labels, batch_size=4).flatten(1)
    torch.testing.assert_close(found, exact, rtol=1e-4, atol=1e-4)
    how = SmoothGrad(samples=200, noise=0.3)
    smooth = smoothgrad(model, images, labels, keys, how=how, batch_size=600).flatten(1)
    row_squares = model.A.detach()[labels].square().sum(2)
    deviations = (smooth - exact) / (2 * 0.3 * row_squares.sqrt() / math.sqrt(200))
    # 144 standard normal numbers, though not independent within an image.
    assert deviations.abs().max() < 5
    assert 0.7 < deviations.square().mean() < 1.4


def test_without_noise_it_is_the_gradient() -> None:
    model, (images, labels, keys) = Quadratic(), batch_of()
    how = SmoothGrad(samples=2, noise=0)
    smooth = smoothgrad(model, images, labels, keys, how=how, batch_size=5)
    torch.testing.assert_close(smooth, gradients(model, images, labels, batch_size=None))


@pytest.mark.parametrize("batch_size", [1, 7, 1000])
def test_neither_the_batch_nor_the_company_counts(
    batch_size: int, trained: nn.Module, digits: Dataset
) -> None:
    indices = torch.tensor([0, 5, 9, 200])
    images, labels = digits.test.images_at(indices), digits.test.labels[indices]
    keys, how = example_keys(1, indices), SmoothGrad(samples=5, noise=0.2)
    expected = smoothgrad(trained, images, labels, keys, how=how, batch_size=4)
    found = smoothgrad(trained, images, labels, keys, how=how, batch_size=batch_size)
    scale = expected.abs().max().item()
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5 * scale)
    alone = smoothgrad(trained, images[2:3], labels[2:3], keys[2:3], how=how, batch_size=batch_size)
    torch.testing.assert_close(alone, expected[2:3], rtol=0, atol=1e-5 * scale)
    other = smoothgrad(trained, images, labels, keys + 1, how=how, batch_size=batch_size)
    assert (other - expected).abs().max() > 1e-3 * scale


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"samples": 0}, "samples must be at least 1, got 0"),
        ({"noise": -0.1}, "noise must be a number of at least 0 .*, got -0.1; 0.1 to 0.2 is usual"),
        ({"noise": math.nan}, "got nan"),
        ({"noise": math.inf}, "got inf"),
    ],
)
def test_settings_have_rules(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SmoothGrad(**settings)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_finds_the_same() -> None:
    model, (images, labels, keys) = Quadratic(), batch_of()
    how = SmoothGrad(samples=3, noise=0.2)
    expected = smoothgrad(model, images, labels, keys, how=how, batch_size=4)
    there = (tensor.cuda() for tensor in (images, labels, keys))
    found = smoothgrad(model.cuda(), *there, how=how, batch_size=4)
    torch.testing.assert_close(found.cpu(), expected, rtol=1e-3, atol=1e-3)


class Detached(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return images.detach().flatten(1)[:, :CLASSES]


def test_a_network_without_gradients_is_refused() -> None:
    images, labels, keys = batch_of()
    with pytest.raises(NoGradientError, match="constant, detached or rounded"):
        gradients(Detached(), images, labels, batch_size=None)
    how = SmoothGrad(samples=1, noise=0.1)
    with pytest.raises(NoGradientError):
        smoothgrad(Detached(), images, labels, keys, how=how, batch_size=8)


FORMS: dict[str, tuple[dict[str, Any], list[list[float]]]] = {
    "largest size": ({"reduction": "max_abs", "normalisation": "none"}, [[3, 2], [0, 4]]),
    "sum of sizes": ({"reduction": "sum_abs", "normalisation": "none"}, [[4, 3], [0, 8]]),
    "sum": ({"reduction": "sum", "normalisation": "none"}, [[-2, 3], [0, -8]]),
    "as by default": ({}, [[3 / 9, 2 / 9], [0, 4 / 9]]),
    "over the largest": ({"reduction": "sum", "normalisation": "max"}, [[-1 / 4, 3 / 8], [0, -1]]),
}


@pytest.mark.parametrize("name", FORMS)
def test_maps_have_one_number_a_pixel(name: str) -> None:
    form, expected = FORMS[name]
    of_channels = torch.tensor([[[[1.0, 2], [0, -4]], [[-3.0, 1], [0, -4]]]])
    found = MapForm(**form).maps(of_channels)
    torch.testing.assert_close(found, torch.tensor([expected], dtype=torch.float32))


def test_a_map_of_zeros_has_no_normalised_form() -> None:
    assert MapForm().maps(torch.zeros(1, 2, 3, 3)).isnan().all()
