"""Small convolutional networks, as for digits and MNIST."""

from __future__ import annotations

from itertools import pairwise

from torch import nn


def cnn(
    *,
    image_shape: tuple[int, int, int],
    num_classes: int,
    channels: tuple[int, ...],
    kernel_size: int,
    hidden: int,
) -> nn.Module:
    """Build convolutions that keep the size, each with ReLU and 2x2 max pooling; then two layers.

    With channels (32, 64), kernels of 5 and 1024 hidden units it is the usual network of
    adversarial training on MNIST (Madry et al., ICLR 2018).

    Raises:
        ValueError: the images are too small to be halved that often.
    """
    depth, height, width = image_shape
    halvings = len(channels)
    if min(height, width) < 2**halvings:
        raise ValueError(
            f"model.channels must be at most {min(height, width).bit_length() - 1} convolutions "
            f"for images of {height}x{width}, since each is followed by 2x2 pooling, "
            f"got {halvings}; leave some out"
        )
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise((depth, *channels)):
        layers += [
            nn.Conv2d(inputs, outputs, kernel_size, padding="same"),
            nn.ReLU(),
            nn.MaxPool2d(2),
        ]
    features = channels[-1] * (height >> halvings) * (width >> halvings)
    return nn.Sequential(
        *layers,
        nn.Flatten(),
        nn.Linear(features, hidden),
        nn.ReLU(),
        nn.Linear(hidden, num_classes),
    )
