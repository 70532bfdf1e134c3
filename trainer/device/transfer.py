"""Transfers from host to device and back that do not wait for what the device still has to do.

A copy from ordinary host memory, and every `tolist`, waits until all queued work is done; from and
to pinned memory a copy is queued like anything else. Where there is no GPU nothing waits anyway.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    from trainer import late_torch as torch


def moved(tensor: Tensor, device: torch.device) -> Tensor:
    """Return `tensor` on `device`; from a host, as it is now."""
    if tensor.is_cuda or device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


def sent(numbers: Sequence[float], *, like: Tensor) -> Tensor:
    """Return `numbers` as a tensor of `like`'s type, on its device."""
    return moved(torch.tensor(numbers, dtype=like.dtype), like.device)


class Fetched:
    """A tensor's numbers, on their way to the host."""

    def __init__(self, values: Tensor) -> None:
        """Begin to fetch 1-dimensional `values`, which nobody writes to any more."""
        self._host, self._arrival = values, None
        if values.is_cuda:
            self._host = torch.empty(values.shape, dtype=values.dtype, pin_memory=True)
            self._host.copy_(values, non_blocking=True)
            self._arrival = torch.cuda.Event()
            self._arrival.record(torch.cuda.current_stream(values.device))

    def read(self) -> list[float]:
        """Return the numbers, once they are there; what was queued after them is not waited for."""
        if self._arrival is not None:
            self._arrival.synchronize()
        numbers: list[float] = self._host.tolist()
        return numbers
