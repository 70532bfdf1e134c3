"""torchvision's residual networks for images of about 224 pixels, without trained weights."""

from __future__ import annotations

from typing import cast

from torch import nn


def resnet18(*, image_shape: tuple[int, int, int], num_classes: int) -> nn.Module:
    """Build the 18 layers of He et al., Deep Residual Learning for Image Recognition (CVPR 2016).

    Raises:
        ValueError: the images have not three channels.
    """
    return _build("resnet18", image_shape, num_classes)


def resnet50(*, image_shape: tuple[int, int, int], num_classes: int) -> nn.Module:
    """Build the 50-layer network, whose bottlenecks halve the size in their 3x3 convolution.

    Raises:
        ValueError: the images have not three channels.
    """
    return _build("resnet50", image_shape, num_classes)


def _build(name: str, image_shape: tuple[int, int, int], num_classes: int) -> nn.Module:
    if image_shape[0] != 3:
        raise ValueError(
            f"model {name!r} must be given images of 3 channels, got {image_shape[0]}; "
            f"use cnn or preact_resnet18"
        )
    from trainer.device.torchvision_operators import torchvision  # noqa: PLC0415  (slow to import)

    builder = getattr(torchvision.models, name)
    return cast(nn.Module, builder(weights=None, num_classes=num_classes))
