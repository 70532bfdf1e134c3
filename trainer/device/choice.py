"""Devices by the names that a user gives them."""

from __future__ import annotations

import torch


def usable_device(name: str) -> torch.device:
    """Return the device of a name such as `cpu` or `cuda:1`, once a tensor was put on it.

    Raises:
        ValueError: there is none of that name on this machine, or this PyTorch cannot use it.
    """
    try:
        device = torch.device(name)
        float(torch.zeros((), device=device))  # a device without values, as `meta` is, is none
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__).rstrip(".")
        raise ValueError(
            f"--device must be one of this machine's, got {name!r} ({reason}); leave it out for cpu"
        ) from error
    return device
