"""Radii for people: the same strength in every unit that they think in."""

from __future__ import annotations

import math

import pytest
import torch

from trainer.attacks import PGD, Attack, Flow, Integrated, RotationTranslation
from trainer.attacks.units import degrees

CIFAR = (3, 32, 32)


@pytest.mark.parametrize(
    ("attack", "text"),
    [
        (PGD(epsilon=8 / 255, num_steps=1), "8/255"),
        (PGD(epsilon=0.3, num_steps=1), "0.3"),
        (PGD(epsilon=0.2, num_steps=1), "0.2"),
        (Flow(epsilon=0.05, num_steps=1), "0.05 (0.8 px, zeros)"),
        (Flow(epsilon=0.05, num_steps=1, padding="border"), "0.05 (0.8 px, border)"),
        (
            RotationTranslation(epsilon=0.1, num_steps=1),
            "0.1 (5.7 deg, 1.6 px, with shear and scale, zeros)",
        ),
        (
            RotationTranslation(epsilon=8.0, num_steps=1),
            "8 (180 deg, 130 px, with shear and scale, zeros)",
        ),
        (
            Integrated(rt_epsilon=0.1, flow_epsilon=0.05, num_steps=1),
            "0.1 (5.7 deg, 1.6 px, with shear and scale) + 0.05 (0.8 px, zeros)",
        ),
    ],
)
def test_reach_names_every_unit(attack: Attack, text: str) -> None:
    assert attack.reach(CIFAR) == text


@pytest.mark.parametrize("epsilon", [0.01, 0.1, 0.5, 1.0])
def test_the_stated_rotation_is_the_largest_in_the_set(epsilon: float) -> None:
    """By trying every hundredth of a degree."""
    angles = torch.deg2rad(torch.arange(0, 18001, dtype=torch.float64) / 100)
    entries = torch.maximum((angles.cos() - 1).abs(), angles.sin().abs())
    first_outside = (entries > epsilon + 1e-12).nonzero()
    largest = angles[int(first_outside[0]) - 1] if len(first_outside) else angles[-1]
    stated = float(degrees(epsilon, CIFAR).removesuffix(" deg"))
    assert stated == pytest.approx(math.degrees(float(largest)), rel=0.05)
