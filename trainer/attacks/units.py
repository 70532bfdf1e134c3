"""Radii of spatial attacks in the units that people think in: degrees and pixels."""

from __future__ import annotations

import math
from typing import Literal

FLOW_UNIT = "normalised grid units; epsilon * width / 2 is pixels"
AFFINE_UNIT = "entries of the affine matrix; the last column's are normalised grid units"


def pixel_warning(epsilon: float) -> str:
    """Warn of an unusual radius in pixels of [0, 1]; empty where it is usual."""
    if epsilon <= 0.5:
        return ""
    return (
        f"epsilon is {epsilon:g}, over half of the range of pixels: one grey is in reach of every "
        f"image; for 8-bit input write 8/255"
    )


_SMALL = {"l2": (0.1, "0.5 on CIFAR-10 and 2 on MNIST"), "l1": (1, "10 to 12")}
"""Radii below which one of another norm has been written, and what is usual, by norm."""


def norm_warning(
    norm: Literal["l2", "l1"], epsilon: float, image_shape: tuple[int, int, int] | None
) -> str:
    """Warn of an unusual radius in the L2 or L1 norm of pixels of [0, 1]; empty where it is usual.

    Args:
        image_shape: C H W; None where it is not known.
    """
    small, usual = _SMALL[norm]
    if 0 < epsilon < small:
        return (
            f"epsilon is {epsilon:g} in the {norm} norm, in which {usual} is usual: a radius of "
            f"the linf norm reaches little in this one"
        )
    if image_shape is None:
        return ""
    count = math.prod(image_shape)
    half = (count**0.5 if norm == "l2" else count) / 2
    if epsilon <= half:
        return ""
    return (
        f"epsilon is {epsilon:g}, over {half:g}, the distance in the {norm} norm from black to "
        f"half grey: one grey is in reach of every image; for 8-bit input divide it by 255"
    )


def warp_warning(name: str, epsilon: float) -> str:
    """Warn of an unusual radius in normalised grid units or affine entries; else empty."""
    if epsilon <= 1:
        return ""
    return (
        f"{name} is {epsilon:g}, and 1 moves a pixel by half of the image already; it is in "
        f"normalised grid units, of which epsilon * width / 2 are pixels"
    )


def translation_warning(pixels: float, image_shape: tuple[int, int, int]) -> str:
    """Warn of a translation by so many pixels that half of the image is out of view; else empty."""
    _, height, width = image_shape
    half = min(height, width) / 2
    if pixels <= half:
        return ""
    return (
        f"pixels is {pixels:g}, over half of the side of images of {height} x {width} pixels: more "
        f"of them is out of view than in it; write {half:g} or less"
    )


def pixels(epsilon: float, image_shape: tuple[int, int, int]) -> str:
    """Write normalised grid units as pixels along the width."""
    return f"{two_digits(epsilon * image_shape[2] / 2)} px"


def degrees(epsilon: float, image_shape: tuple[int, int, int]) -> str:
    """Write the largest rotation, by itself, within an affine radius, in degrees."""
    _, height, width = image_shape
    return f"{two_digits(math.degrees(largest_rotation(epsilon, height, width)))} deg"


def affine_box(epsilon: float, image_shape: tuple[int, int, int]) -> str:
    """Say all affine maps within a radius: the largest rotation and translation, each by itself,
    and the shear and scale that are in reach as well."""
    return f"{degrees(epsilon, image_shape)}, {pixels(epsilon, image_shape)}, with shear and scale"


def affine_radius(angle: float, height: int, width: int) -> float:
    """Largest affine entry, beyond the identity's, of rotations by up to `angle` radians."""
    aspect = max(width / height, height / width)
    return max(1 - math.cos(angle), aspect * math.sin(min(angle, math.pi / 2)))


def largest_rotation(epsilon: float, height: int, width: int) -> float:
    """Largest angle, in radians, whose `affine_radius` is at most `epsilon`."""
    aspect = max(width / height, height / width)
    by_sine = math.asin(epsilon / aspect) if epsilon < aspect else math.pi
    return min(by_sine, math.acos(max(1 - epsilon, -1)))


def two_digits(value: float) -> str:
    """Write a number in two significant digits without an exponent."""
    return f"{float(f'{value:.2g}'):g}"
