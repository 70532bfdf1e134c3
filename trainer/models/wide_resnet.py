"""The wide residual network of 28 layers and ten times the width, for images of about 32 pixels.

Zagoruyko, Komodakis: Wide Residual Networks (BMVC 2016): the pre-activation ResNet of three groups,
whose blocks are few and wide. It is the usual large network of adversarial training on CIFAR-10.
"""

from __future__ import annotations

from itertools import pairwise

from torch import nn

from trainer.models.preact_resnet import PreActBlock, drawn_for_relu

_STEM = 16
_BASES = (16, 32, 64)
"""Widths of the three groups in units of the factor k."""


def wide_resnet28_10(*, image_shape: tuple[int, int, int], num_classes: int) -> nn.Module:
    """Build WRN-28-10: 36.5 million weights on CIFAR-10 (the paper's Table 4), no dropout."""
    return wide_resnet(image_shape=image_shape, num_classes=num_classes, depth=28, width=10)


def wide_resnet(
    *, image_shape: tuple[int, int, int], num_classes: int, depth: int, width: int
) -> nn.Module:
    """Build WRN-depth-width: a 3x3 stem, three groups of (depth - 4) / 6 blocks of width k, 2k and
    4k times 16, of which the last two halve the size.

    Convolutions are initialised as those of `preact_resnet18`.

    Args:
        depth: 4 more than a multiple of 6, such as 16, 28 or 40.
        width: the paper's factor k.
    """
    assert depth > 4, depth
    assert (depth - 4) % 6 == 0, depth
    blocks = (depth - 4) // 6
    widths = tuple(base * width for base in _BASES)
    layers: list[nn.Module] = [nn.Conv2d(image_shape[0], _STEM, 3, padding=1, bias=False)]
    for group, (inputs, outputs) in enumerate(pairwise((_STEM, *widths))):
        layers.append(PreActBlock(inputs, outputs, stride=1 if group == 0 else 2))
        layers += [PreActBlock(outputs, outputs, stride=1) for _ in range(blocks - 1)]
    return drawn_for_relu(
        nn.Sequential(
            *layers,
            nn.BatchNorm2d(widths[-1]),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(widths[-1], num_classes),
        )
    )
