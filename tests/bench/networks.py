"""Networks that only benchmarks train."""

from __future__ import annotations

from itertools import pairwise

from torch import nn

_WIDTHS = (24, 48, 96)


def strided(*, image_shape: tuple[int, int, int], num_classes: int) -> nn.Module:
    """Three 3x3 convolutions that halve the size, each with BatchNorm: some 60 thousand weights,
    so that two cores train several of them while one waits."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise((image_shape[0], *_WIDTHS)):
        convolution = nn.Conv2d(inputs, outputs, 3, stride=2, padding=1, bias=False)
        layers += [convolution, nn.BatchNorm2d(outputs), nn.ReLU()]
    pooled = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(_WIDTHS[-1], num_classes)]
    return nn.Sequential(*layers, *pooled)
