"""Precision of forward passes: how many bits their products keep."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import torch
else:
    from trainer import late_torch as torch


Precision = Literal["float32", "tf32", "bfloat16"]
"""Precisions by name; `tf32` is float32 whose products keep 10 bits of mantissa, on some GPUs."""


@contextmanager
def arithmetic(precision: Precision, device: torch.device) -> Iterator[None]:
    """Run forward passes within the block in `precision`, whatever is set outside it."""
    with (
        products(precision),
        torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16"),
    ):
        yield


@contextmanager
def products(precision: Precision) -> Iterator[None]:
    """Set how products of float32 numbers round in the block, those of backward passes too, which
    have the types of their forward passes and want no autocast.

    Set where passes begin, since PyTorch by itself lets cuDNN's convolutions round to TF32, and a
    network of one's own may set whatever it likes.
    """
    on_gpu = "tf32" if precision == "tf32" else "ieee"
    before = _present()
    _set((on_gpu,) * 3 + ("ieee",) * 3)
    try:
        yield
    finally:
        _set(before)


def slowness(precision: Precision, device: torch.device) -> str | None:
    """Return a warning where `precision` costs more than float32 on this machine; else None."""
    if precision != "bfloat16" or device.type != "cpu" or _multiplies_bfloat16():
        return None
    return (
        "training.precision is bfloat16, for which this CPU has no instructions (AVX512_BF16, "
        "AMX): attacks take 1.6 to 1.9 times float32's time; with float32 the models are others"
    )


def _multiplies_bfloat16() -> bool:
    """Whether the CPU multiplies bfloat16; True if it is not x86, where nothing was measured."""
    capabilities = torch.cpu.get_capabilities()
    if capabilities.get("architecture") != "x86_64":
        return True
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


@cache
def _switches() -> tuple[Any, ...]:
    """Return PyTorch's switches of float32 precision: three of GPUs, three of CPUs."""
    backends: Any = torch.backends  # types of PyTorch's own know no `cudnn.conv`
    return (
        backends.cuda.matmul,
        backends.cudnn.conv,
        backends.cudnn.rnn,
        backends.mkldnn.matmul,
        backends.mkldnn.conv,
        backends.mkldnn.rnn,
    )


def _present() -> tuple[str, ...]:
    return tuple(switch.fp32_precision for switch in _switches())


def _set(values: tuple[str, ...]) -> None:
    """Set each switch, and first PyTorch's older ones, which it refuses to read where they disagree
    with these."""
    if values == _present():
        return
    matmul, convolution, _, matmul_on_cpu, *_ = values
    older = {"bf16": "medium", "tf32": "high"}
    torch.set_float32_matmul_precision(older.get(matmul_on_cpu) or older.get(matmul, "highest"))
    torch.backends.cudnn.allow_tf32 = convolution == "tf32"
    for switch, value in zip(_switches(), values, strict=True):
        switch.fp32_precision = value
