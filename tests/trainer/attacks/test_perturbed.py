"""What an attack did to images, beside the images: the warp it found is the one it made."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from trainer.attacks import (
    PGD,
    Attack,
    Flow,
    Integrated,
    Perturbed,
    RotationTranslation,
    RotationTranslationGrid,
    TargetedFlow,
    WorstOf,
)
from trainer.data import Dataset
from trainer.randomness import example_keys
from trainer.warp import integrated_warp

HARD: dict[str, Any] = {"num_steps": 3, "num_restarts": 2, "keep": "best"}
WARPS: dict[str, Attack] = {
    "flow": Flow(epsilon=0.1, num_steps=3),
    "flow, best of starts": Flow(epsilon=0.1, **HARD),
    "rt": RotationTranslation(epsilon=0.2, **HARD),
    "integrated": Integrated(rt_epsilon=0.2, flow_epsilon=0.1, **HARD),
    "integrated, last": Integrated(rt_epsilon=0.2, flow_epsilon=0.1, num_steps=2),
    "grid": RotationTranslationGrid(epsilon=0.2, num_rotations=3, num_translations=3),
    "worst of": WorstOf(epsilon=0.2, num_choices=4),
    "targeted flow": TargetedFlow(num_steps=3, tau=0.01),
}
OTHERS: dict[str, Attack] = {
    "pgd": PGD(epsilon=0.1, **HARD),
    "integrated, literal": Integrated(
        rt_epsilon=0.2, flow_epsilon=0.1, num_steps=2, warps="iterate"
    ),
}


@pytest.mark.parametrize("name", [*WARPS, *OTHERS])
def test_the_warp_makes_the_images(name: str, trained: nn.Module, digits: Dataset) -> None:
    attack = (WARPS | OTHERS)[name]
    images = digits.test.images_at(torch.arange(5))
    labels, keys = digits.test.labels[:5], example_keys(0, torch.arange(5))
    found = attack.perturbation(trained, images, labels, keys)
    assert torch.equal(found.images, attack.perturb(trained, images, labels, keys))
    assert (found.displacement() is None) == (name in OTHERS)
    if name in OTHERS:
        return
    increment, flow = found.increment, found.flow
    warped = integrated_warp(
        images,
        images.new_zeros(5, 2, 3) if increment is None else increment,
        images.new_zeros(5, 2, 8, 8) if flow is None else flow,
        padding="zeros",
    ).clamp(0, 1)
    torch.testing.assert_close(found.images, warped, rtol=0, atol=1e-5)
    assert (found.images - images).abs().max() > 0.01


class Dimmed(Flow):
    """A search of its own on top of a flow."""

    def search(self, model: nn.Module, images: Tensor, labels: Tensor, keys: Tensor) -> Tensor:
        return super().search(model, images, labels, keys) / 2


def test_of_a_search_of_ones_own_no_warp_is_known(trained: nn.Module, digits: Dataset) -> None:
    images = digits.test.images_at(torch.arange(3))
    labels, keys = digits.test.labels[:3], example_keys(0, torch.arange(3))
    dimmed, flow = Dimmed(epsilon=0.1, num_steps=2), Flow(epsilon=0.1, num_steps=2)
    found = dimmed.perturbation(trained, images, labels, keys)
    assert torch.equal(found.images, flow.perturb(trained, images, labels, keys) / 2)
    assert found.displacement() is None


def test_a_displacement_is_in_pixels() -> None:
    """On 4 rows and 8 columns: a translation by 2/8 along x is one pixel, a flow of 2/4 along y one
    pixel; turned by a small angle t, pixel (x, y) from the centre moves by (-t y, t x)."""
    images, t = torch.zeros(1, 1, 4, 8), 0.01
    turn = torch.tensor([[[0, -t * 4 / 8, 2 / 8], [t * 8 / 4, 0, 0]]])
    flow = torch.zeros(1, 2, 4, 8)
    flow[:, 1] = 2 / 4
    x, y = torch.arange(8) - 3.5, torch.arange(4) - 1.5
    along_x, along_y = (1 - t * y)[:, None].expand(4, 8), (t * x).expand(4, 8)
    found = Perturbed(images=images, increment=turn).displacement()
    torch.testing.assert_close(found, torch.stack([along_x, along_y])[None])
    found = Perturbed(images=images, increment=turn, flow=flow).displacement()
    torch.testing.assert_close(found, torch.stack([along_x, 1 + along_y])[None])
    found = Perturbed(images=images, flow=flow).displacement()
    assert found is not None
    assert torch.equal(found[0, :, 0, 0], torch.tensor([0.0, 1.0]))
