"""The arithmetic of forward passes: how many bits their products keep."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch

Precision = Literal["float32", "tf32", "bfloat16"]
"""`tf32` is float32 whose products round to 10 bits of mantissa, on GPUs that can do so."""


@contextmanager
def arithmetic(precision: Precision, device: torch.device) -> Iterator[None]:
    """Forward passes within the block in `precision`, whatever is set without."""
    with (
        products(precision),
        torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16"),
    ):
        yield


@contextmanager
def products(precision: Precision) -> Iterator[None]:
    """Products of float32 numbers on a GPU as `precision` has them, those of backward passes too,
    which have the types of their forward passes and want no autocast.

    Said at every door, since PyTorch by itself lets cuDNN's convolutions round to TF32.
    """
    backends: Any = torch.backends  # types of PyTorch's own know no `cudnn.conv`
    matmul, convolution = backends.cuda.matmul, backends.cudnn.conv
    before = matmul.fp32_precision, convolution.fp32_precision
    matmul.fp32_precision = convolution.fp32_precision = "tf32" if precision == "tf32" else "ieee"
    try:
        yield
    finally:
        matmul.fp32_precision, convolution.fp32_precision = before
