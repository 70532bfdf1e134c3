"""Norms of perturbations: what a step of length 1 climbs fastest, which set has radius r.

The steepest step of a norm is the one of length 1 along which a linear function rises most. By sign
it is the L-infinity norm's alone: an L2 search that steps by sign reached half of the optimum on a
badly scaled linear model.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Literal, TypeAlias

from trainer.randomness import uniform

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    from trainer import late_torch as torch

NormName: TypeAlias = Literal["linf", "l2", "l1"]


class Norm(ABC):
    """A norm of each example's parameters, of which B come together (B ...)."""

    @abstractmethod
    def sizes(self, w: Tensor) -> Tensor:
        """Return the norm of each example's parameters, B."""

    @abstractmethod
    def steepest(self, gradients: Tensor) -> Tensor:
        """Return steps of length 1 up the gradients, 0 where an entry is NaN, in their shape."""

    @abstractmethod
    def shrunk(self, w: Tensor, radius: float) -> Tensor:
        """Return the nearest parameters of at most this norm."""

    @abstractmethod
    def start(self, keys: Tensor, *, stream: int, shape: tuple[int, ...]) -> Tensor:
        """Draw parameters of norm at most 1 uniformly from that ball, B *shape."""

    def climb(self, images: Tensor, delta: Tensor, gradients: Tensor, *, length: float) -> Tensor:
        """Return steps of the differences (B C H W) up the gradients, of at most this length."""
        del images, delta
        return length * self.steepest(gradients)

    def within_range(self, images: Tensor, delta: Tensor, radius: float) -> Tensor:
        """Return differences (B C H W) of at most this norm that leave every pixel in [0, 1].

        The ball comes first, then every pixel is cut to its range. A cut never makes a difference
        larger, so the result lies in both sets. In the L-infinity norm it is the nearest point
        that does; in the L2 norm it need not be, and is what PGD is known to do there.
        """
        return (images + self.shrunk(delta, radius)).clamp(0, 1) - images


class LInf(Norm):
    """The largest entry in size."""

    def sizes(self, w: Tensor) -> Tensor:
        return w.abs().flatten(1).amax(1)

    def steepest(self, gradients: Tensor) -> Tensor:
        return gradients.sign()  # 0 where the gradient is NaN

    def shrunk(self, w: Tensor, radius: float) -> Tensor:
        return w.clamp(-radius, radius)

    def start(self, keys: Tensor, *, stream: int, shape: tuple[int, ...]) -> Tensor:
        return 2 * uniform(keys, stream=stream, shape=shape) - 1


class L2(Norm):
    """The root of the sum of squares."""

    def sizes(self, w: Tensor) -> Tensor:
        norms: Tensor = torch.linalg.vector_norm(w.flatten(1), dim=1)
        return norms

    def steepest(self, gradients: Tensor) -> Tensor:
        """Return the gradients over their norms."""
        gradients = _finite(gradients)
        tiny = torch.finfo(gradients.dtype).tiny
        # By the largest entry first: squares of gradients under 1e-19 would be 0.
        scaled = gradients / _by_example(LINF.sizes(gradients).clamp(min=tiny), gradients)
        return scaled / _by_example(self.sizes(scaled).clamp(min=tiny), scaled)

    def shrunk(self, w: Tensor, radius: float) -> Tensor:
        sizes = self.sizes(w)
        factors = radius / sizes.clamp(min=max(radius, torch.finfo(w.dtype).tiny))
        return w * _by_example(factors, w)

    def start(self, keys: Tensor, *, stream: int, shape: tuple[int, ...]) -> Tensor:
        """Draw g / sqrt(||g||^2 + e): g normal, e exponential of mean 2 (Barthe et al., 2005)."""
        numbers = _interior(uniform(keys, stream=stream, shape=(math.prod(shape) + 1,)))
        normal = (2 * numbers[:, 1:] - 1).erfinv() * 2**0.5
        radii = (normal.square().sum(1) - 2 * numbers[:, 0].log()).sqrt()
        return (normal / radii[:, None]).float().reshape(-1, *shape)


class L1(Norm):
    """The sum of sizes."""

    def sizes(self, w: Tensor) -> Tensor:
        return w.abs().flatten(1).sum(1)

    def steepest(self, gradients: Tensor) -> Tensor:
        """Return steps along the largest entry alone, the first of equal ones."""
        flat = _finite(gradients).flatten(1)
        largest = flat.abs().argmax(dim=1, keepdim=True)
        signs = flat.gather(1, largest).sign()
        return torch.zeros_like(flat).scatter(1, largest, signs).reshape(gradients.shape)

    def climb(self, images: Tensor, delta: Tensor, gradients: Tensor, *, length: float) -> Tensor:
        """Return the steepest steps among those that leave every pixel in [0, 1]: pixels go to the
        end of their range, in the order of their gradients' sizes, until `length` is used up, the
        last of them in part (Croce and Hein, 2021). A step that knew no range would stay with a
        pixel that is black already.
        """
        flat = _finite(gradients).flatten(1)
        pixels = (images + delta).flatten(1).clamp(0, 1)
        room = torch.where(flat > 0, 1 - pixels, pixels) * (flat != 0)
        order = flat.abs().argsort(dim=1, descending=True, stable=True)
        rooms = room.gather(1, order)
        left = length - (rooms.cumsum(1) - rooms)
        taken = torch.zeros_like(flat).scatter(1, order, rooms.clamp(max=left.clamp(min=0)))
        return (flat.sign() * taken).reshape(gradients.shape)

    def shrunk(self, w: Tensor, radius: float) -> Tensor:
        everywhere = torch.full_like(w, torch.inf)
        return nearest_in_l1(w, radius, low=-everywhere, high=everywhere)

    def start(self, keys: Tensor, *, stream: int, shape: tuple[int, ...]) -> Tensor:
        """Draw signs times e_i / (e_0 + ... + e_d), e exponential (Barthe et al., 2005)."""
        count = math.prod(shape)
        numbers = _interior(uniform(keys, stream=stream, shape=(2 * count + 1,)))
        sizes = -numbers[:, : count + 1].log()
        signs = (numbers[:, count + 1 :] - 0.5).sign()
        drawn = signs * sizes[:, 1:] / sizes.sum(1, keepdim=True)
        return drawn.float().reshape(-1, *shape)

    def within_range(self, images: Tensor, delta: Tensor, radius: float) -> Tensor:
        """Return the nearest differences in the ball that leave every pixel in [0, 1]: to cut what
        the ball's projection leaves would waste much of the radius (Croce and Hein, 2021)."""
        return nearest_in_l1(delta, radius, low=-images, high=1 - images)


def nearest_in_l1(w: Tensor, radius: float, *, low: Tensor, high: Tensor) -> Tensor:
    """Project exactly onto the L1 ball and a box, example by example (B ...).

        argmin_v ||v - w||_2   subject to   ||v||_1 <= radius,   low <= v <= high

    v_i is sign(w_i) min(max(|w_i| - t, 0), room_i), where room_i is what the box leaves in w_i's
    direction, and t >= 0 the least for which the sum of sizes is at most the radius: it falls in t
    by pieces that are linear between |w_i| and |w_i| - room_i. Without a box this is Duchi et al.
    (2008), with one Croce and Hein (2021), Proposition 3.1. The search sorts: O(d log d).

    Args:
        low: at most 0.
        high: at least 0.
    """
    sizes = w.flatten(1).double().abs()
    room = torch.where(w > 0, high, -low).flatten(1).double()
    ends = torch.cat([sizes, (sizes - room).clamp(min=0)], dim=1)
    breaks, order = ends.sort(dim=1, descending=True)
    slopes = torch.cat([torch.ones_like(sizes), -torch.ones_like(sizes)], dim=1)
    slopes = slopes.gather(1, order).cumsum(1)
    rises = slopes[:, :-1] * (breaks[:, :-1] - breaks[:, 1:])
    totals = torch.cat([torch.zeros_like(sizes[:, :1]), rises.cumsum(1)], dim=1)  # at t = breaks
    sought = torch.full_like(totals[:, :1], radius)
    above = torch.searchsorted(totals, sought)  # the first break at which it is reached
    before = (above - 1).clamp(min=0)
    missing = radius - totals.gather(1, before)
    t = breaks.gather(1, before) - missing / slopes.gather(1, before).clamp(min=1)
    t = torch.where(above == totals.shape[1], 0, t)
    nearest = torch.minimum((sizes - t).clamp(min=0), room).reshape(w.shape)
    return (w.sign() * nearest).to(w.dtype)


def _finite(gradients: Tensor) -> Tensor:
    largest = torch.finfo(gradients.dtype).max
    return gradients.nan_to_num(nan=0, posinf=largest, neginf=-largest)


def _by_example(values: Tensor, like: Tensor) -> Tensor:
    """Return values (B) in a shape that multiplies B ..."""
    return values.view(-1, *[1] * (like.dim() - 1))


def _interior(numbers: Tensor) -> Tensor:
    """Return numbers of [0, 1) in (0, 1), float64: halfway between those of 24 bits."""
    return numbers.double() + 2.0**-25


LINF = LInf()

NORMS: dict[NormName, Norm] = {"linf": LINF, "l2": L2(), "l1": L1()}
"""Norms by name in a YAML file."""
