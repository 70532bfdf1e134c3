"""Randomness that is derived, not carried.

Every random number of a trial is a function of what it is for (a seed, an epoch, a step, an
example), never of what was drawn before. So a trial resumes within an epoch without any
stored generator state, an attack on the surviving examples alone gives the bits that it
gives on all of them, and a random start depends neither on the batch nor on the device.

The generator is SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number
Generators, OOPSLA 2014) used as a counter-based hash, in int64 tensors that wrap.
"""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    from trainer import late_torch as torch


_GOLDEN = 0x9E3779B97F4A7C15 - (1 << 64)
_MIX_1 = 0xBF58476D1CE4E5B9 - (1 << 64)
_MIX_2 = 0x94D049BB133111EB - (1 << 64)


def derive_seed(*parts: int | str) -> int:
    """Derive a seed in [0, 2^63) from what it is for: `derive_seed(seed, "order", epoch)`."""
    text = "\x1f".join(f"{type(part).__name__}:{part}" for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def example_keys(seed: int, indices: Tensor) -> Tensor:
    """Derive one int64 key an example, from a seed and the examples' own indices (B,)."""
    return _mix(seed + (indices.to(torch.int64) + 1) * _GOLDEN)


def uniform(keys: Tensor, *, stream: int, shape: tuple[int, ...]) -> Tensor:
    """Draw uniform float32 numbers in [0, 1) of 24 random bits, B *shape, one stream for each key.

    Args:
        keys: B, int64. Equal keys give equal numbers, whatever else is in the batch.
        stream: tells apart the uses that one key has, such as an attack's restarts.
        shape: that of one example's numbers.
    """
    counters = torch.arange(1, math.prod(shape) + 1, device=keys.device)
    origins = _mix(_mix(keys) + stream)
    bits = _mix(origins[:, None] + counters * _GOLDEN)
    return (_shifted(bits, 40).to(torch.float32) * 2.0**-24).reshape(-1, *shape)


def normal(keys: Tensor, *, stream: int, shape: tuple[int, ...]) -> Tensor:
    """Draw standard normal float32 numbers, B *shape, by Box and Muller's transform.

    Args:
        keys: B, int64, as for `uniform`.
        stream: its numbers are made of uniform ones of streams `2 * stream` and `2 * stream + 1`.
    """
    radius = (-2 * (1 - uniform(keys, stream=2 * stream, shape=shape)).log()).sqrt()
    angle = 2 * torch.pi * uniform(keys, stream=2 * stream + 1, shape=shape)
    return radius * angle.cos()


def _mix(z: Tensor) -> Tensor:
    z = (z ^ _shifted(z, 30)) * _MIX_1
    z = (z ^ _shifted(z, 27)) * _MIX_2
    return z ^ _shifted(z, 31)


def _shifted(z: Tensor, places: int) -> Tensor:
    """Shift right logically: int64's own shift is arithmetic and would keep the sign."""
    return (z >> places) & ((1 << (64 - places)) - 1)
