"""Networks on pixels in [0, 1]: built by name, normalised, placed on a device."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import torch
from torch import Tensor, nn

from trainer.input.own_code import own_code
from trainer.input.registry import resolve
from trainer.models.cnn import cnn
from trainer.models.imagenet_resnet import resnet18, resnet50
from trainer.models.preact_resnet import preact_resnet18
from trainer.models.settings import ModelSettings
from trainer.models.wide_resnet import wide_resnet28_10

MODELS: dict[str, Callable[..., nn.Module]] = {
    "cnn": cnn,
    "preact_resnet18": preact_resnet18,
    "resnet18": resnet18,
    "resnet50": resnet50,
    "wide_resnet28_10": wide_resnet28_10,
}
"""Networks by name in a YAML file; a user's own is named `package.module:function`."""

MEMORY_FORMATS = {"channels_last": torch.channels_last, "contiguous": torch.contiguous_format}
"""PyTorch's memory formats by their names in a YAML file."""


class Normalisation(nn.Module):
    """Compute `(x - mean) / std` by channel: attacks see pixels in [0, 1], the body centred values.

    The constants are buffers: they move with the model and are saved with its weights.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean)[:, None, None])
        self.register_buffer("std", torch.tensor(std)[:, None, None])

    def forward(self, images: Tensor) -> Tensor:
        """Normalise images B C H W, in the same shape."""
        return (images - self.mean) / self.std


def build(
    settings: ModelSettings,
    *,
    image_shape: tuple[int, int, int],
    num_classes: int,
    mean: tuple[float, ...],
    std: tuple[float, ...],
) -> nn.Module:
    """Build a new model from images (B C H W in [0, 1]) to logits (B num_classes).

    The weights are drawn from PyTorch's global generator: seed it for a model that can be
    made again.

    Raises:
        ValueError: no such model, one that does not take such images, or one of the user's own
            whose code raised something.
    """
    try:
        builder = resolve(MODELS, settings.name, kind="model")
    except ValueError as error:
        raise ValueError(f"model.name {error}") from error
    options = {"image_shape": image_shape, "num_classes": num_classes, **settings.options}
    try:
        inspect.signature(builder).bind(**options)
    except TypeError as error:
        raise ValueError(
            f"model must have the options that {settings.name} takes ({error}); "
            f"its signature is {inspect.signature(builder)}"
        ) from error
    with own_code(f"model.name the code of {settings.name}"):
        body = builder(**options)
    if not isinstance(body, nn.Module):
        raise ValueError(
            f"model.name must name what returns a torch.nn.Module, got {settings.name}, which "
            f"returns {type(body).__name__}"
        )
    return nn.Sequential(Normalisation(mean, std), body)


def placed(
    model: nn.Module, settings: ModelSettings, *, device: torch.device, memory_format: str | None
) -> nn.Module:
    """Move the model to `device` and lay it out in memory as was asked for.

    Args:
        memory_format: one of `MEMORY_FORMATS`. None: channels_last for the networks that ship,
            which is nowhere slower among what was measured (docs/benchmarks.md); but code that
            views activations as flat does not take it, so one's own says what it wants.
    """
    if memory_format is not None:
        layout = MEMORY_FORMATS[memory_format]
    else:
        layout = torch.channels_last if settings.name in MODELS else torch.preserve_format
    model.to(device)
    model.to(memory_format=layout)  # type: ignore[call-overload]  # PyTorch's own
    return model
