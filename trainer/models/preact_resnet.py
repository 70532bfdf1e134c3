"""The pre-activation ResNet-18 for images of about 32 pixels.

He, Zhang, Ren, Sun: Identity Mappings in Deep Residual Networks (ECCV 2016): batch norm and
ReLU stand before each convolution, so that nothing but additions lies between the stem and
the last layers.
"""

from __future__ import annotations

from itertools import pairwise
from typing import cast

import torch.nn.functional as F
from torch import Tensor, nn

_WIDTHS = (64, 128, 256, 512)
_BLOCKS_PER_WIDTH = 2


class PreActBlock(nn.Module):
    """Compute `shortcut + conv2(relu(norm2(conv1(relu(norm1(x))))))`, with 3x3 convolutions.

    The shortcut is x itself. Where the block changes the width or the resolution it is a 1x1
    convolution of the activated input (the paper's figure 4e, its recommended form).
    """

    def __init__(self, inputs: int, outputs: int, *, stride: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.projection = (
            None
            if stride == 1 and inputs == outputs
            else nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map activations B C H W to B C' H/stride W/stride."""
        activated = F.relu(self.norm1(x))
        shortcut = x if self.projection is None else self.projection(activated)
        branch = self.conv2(F.relu(self.norm2(self.conv1(activated))))
        return cast(Tensor, shortcut + branch)


def preact_resnet18(*, image_shape: tuple[int, int, int], num_classes: int) -> nn.Module:
    """Build a 3x3 stem without pooling and four times two blocks, the last three halving the size.

    Convolutions are initialised for ReLU networks after He et al. (ICCV 2015), by fan-out.
    """
    layers: list[nn.Module] = [nn.Conv2d(image_shape[0], _WIDTHS[0], 3, padding=1, bias=False)]
    for group, (inputs, outputs) in enumerate(pairwise((_WIDTHS[0], *_WIDTHS))):
        layers.append(PreActBlock(inputs, outputs, stride=1 if group == 0 else 2))
        layers += [PreActBlock(outputs, outputs, stride=1) for _ in range(_BLOCKS_PER_WIDTH - 1)]
    return drawn_for_relu(
        nn.Sequential(
            *layers,
            nn.BatchNorm2d(_WIDTHS[-1]),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(_WIDTHS[-1], num_classes),
        )
    )


def drawn_for_relu(model: nn.Module) -> nn.Module:
    """Draw the weights of all convolutions anew, after He et al. (ICCV 2015), by fan-out."""
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    return model
