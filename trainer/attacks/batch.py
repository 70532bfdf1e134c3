"""What a batch must be before an attack begins on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    from trainer import late_torch as torch


def check_batch(
    images: Tensor, labels: Tensor, keys: Tensor, *, num_classes: Callable[[], int]
) -> None:
    """Check that images (B C H W in [0, 1]), labels and keys (B, int64) are what attacks take.

    Args:
        num_classes: counts the model's; called last, since on bad images a model fails in words of
            its own.

    Raises:
        ValueError: the rule that is broken, and by what.
    """
    shape = tuple(images.shape)
    if images.dim() != 4 or 0 in shape:
        raise ValueError(f"images must be B C H W, none of them 0, got shape {shape}")
    if not images.is_floating_point():
        remedy = "divide 8-bit images by 255"
        raise ValueError(f"images must be floating point in [0, 1], got {images.dtype}; {remedy}")
    for name, values in (("labels", labels), ("keys", keys)):
        if values.dtype != torch.int64 or tuple(values.shape) != shape[:1]:
            raise ValueError(
                f"{name} must be int64 of shape ({shape[0]},), one for each image, "
                f"got {values.dtype} of shape {tuple(values.shape)}"
            )
    lowest, highest = (float(extreme) for extreme in torch.aminmax(images.detach()))
    if not (lowest >= 0 and highest <= 1):  # so that NaN is refused as well
        remedy = "normalisation is the model's first layer"
        raise ValueError(f"images must lie in [0, 1], got {lowest:g} to {highest:g}; {remedy}")
    least, most = (int(extreme) for extreme in torch.aminmax(labels))
    last = num_classes() - 1
    if least < 0 or most > last:
        wrong = least if least < 0 else most
        raise ValueError(f"labels must be at least 0 and at most {last}, got {wrong}")
