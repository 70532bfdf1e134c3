"""Fields of displacement in numbers: how much of one is local, how it turns, how smooth it is.

A field is B 2 H W in pixels: by how much each pixel is read beside its own place, channel 0 along
x, to the right, and 1 along y, down (`trainer.attacks.Perturbed.displacement`). Every number is one
of an example, and NaN where it is a share of nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

CYCLES = 4
"""Cycles an image of which more are short waves: their wavelength is under a quarter of it."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FieldStatistics:
    """Numbers of B fields, each B, float64."""

    size: Tensor
    """Root mean square of the displacement, pixels."""

    largest: Tensor
    """Largest displacement of a pixel, pixels."""

    short_waves: Tensor
    """Share of the displacement's energy at wavelengths under a quarter of the image."""

    curl: Tensor
    """Mean curl: twice the sine of a rotation's angle, positive from x to y (clockwise as seen)."""

    curl_size: Tensor
    """Root mean square of the curl."""

    divergence: Tensor
    """Mean divergence: twice the rate of a dilation."""

    divergence_size: Tensor
    """Root mean square of the divergence."""

    total_variation: Tensor
    """Mean length of the difference between neighbours, pixels."""

    squared_difference: Tensor
    """Mean square of the difference between neighbours, square pixels."""

    independence: Tensor
    """Squared difference over twice the variance: 0 for smooth fields, about 1 where pixels are
    moved independently of their neighbours, at most about 2."""

    folded: Tensor
    """Share of the squares of four neighbours that are read turned over: neighbours change
    places."""

    def record(self, example: int) -> dict[str, float]:
        """Return the numbers of one example."""
        return {field.name: float(getattr(self, field.name)[example]) for field in fields(self)}


def field_statistics(moved: Tensor) -> FieldStatistics:
    """Measure fields B 2 H W, in pixels, of at least two pixels along each axis."""
    moved = moved.detach().double()
    length = moved.square().sum(1)  # squared, B H W
    curl, divergence, jacobian = derivatives(moved)
    pairs = neighbour_differences(moved)
    squared = pairs.square().mean(1)
    centred = moved - moved.mean((2, 3), keepdim=True)
    return FieldStatistics(
        size=length.mean((1, 2)).sqrt(),
        largest=length.amax((1, 2)).sqrt(),
        short_waves=short_wave_share(moved),
        curl=curl.mean((1, 2)),
        curl_size=curl.square().mean((1, 2)).sqrt(),
        divergence=divergence.mean((1, 2)),
        divergence_size=divergence.square().mean((1, 2)).sqrt(),
        total_variation=pairs.mean(1),
        squared_difference=squared,
        independence=squared / (2 * centred.square().sum(1).mean((1, 2))),
        folded=(jacobian < 0).double().mean((1, 2)),
    )


def derivatives(moved: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Compute curl, divergence and Jacobian determinant at the corner that four pixels share.

    There d/dx is the mean of the two differences along x, and d/dy likewise: exact for affine
    fields, with nothing assumed beyond the edge. With (u, v) the displacement, the curl is
    dv/dx - du/dy, the divergence du/dx + dv/dy, and the determinant that of the map p + (u, v).

    Args:
        moved: B 2 H W, pixels.

    Returns:
        Three tensors, each B H-1 W-1, without unit.
    """
    along_x, along_y = moved.diff(dim=3), moved.diff(dim=2)
    by_x = (along_x[:, :, 1:] + along_x[:, :, :-1]) / 2
    by_y = (along_y[:, :, :, 1:] + along_y[:, :, :, :-1]) / 2
    (u_x, v_x), (u_y, v_y) = by_x.unbind(1), by_y.unbind(1)
    return v_x - u_y, u_x + v_y, (1 + u_x) * (1 + v_y) - u_y * v_x


def neighbour_differences(moved: Tensor) -> Tensor:
    """Compute |w(p) - w(q)| of each pair of neighbours along x or y, once each: B pairs, pixels."""
    lengths = (moved.diff(dim=axis).square().sum(1).sqrt().flatten(1) for axis in (2, 3))
    return torch.cat(list(lengths), dim=1)


def short_wave_share(moved: Tensor) -> Tensor:
    """Compute the share of energy at wavelengths under a quarter of the image, B.

    The field is continued beyond its edges by its mirror image, and the energy of the Fourier
    transform of that is summed by wave: of (kx, ky) cycles an image, in steps of a half, those with
    sqrt(kx^2 + ky^2) over 4 are short. Continued periodically, as the transform by itself does, a
    rotation would jump at the edges, and 13 % of it count as short waves; by the mirror it is
    under 0.1 %. The mean displacement is of no wave and counts in the whole.

    Args:
        moved: B 2 H W, any unit.
    """
    energy = mirrored_energy(moved)
    is_short = _cycles(moved) > CYCLES
    return (energy * is_short).sum((1, 2)) / energy.sum((1, 2))


def short_waves_of_noise(height: int, width: int) -> float:
    """Return the share that a field of independent pixels has on average in `short_wave_share`.

    It is the share of the waves that are short: 0.93 at 28 x 28 pixels, and 0.125 at 8 x 8, where a
    quarter of the image is two pixels, the shortest wave along an axis.
    """
    short = _cycles(torch.zeros(1, 2, height, width, dtype=torch.float64)) > CYCLES
    # A cosine wave along an axis is two of the mirrored field's, the constant is one.
    return float(short[:height, :width].double().mean())


def mirrored_energy(moved: Tensor) -> Tensor:
    """Compute |Fourier transform|^2 of the field and its mirror images, summed over u and v: B 2H
    2W."""
    mirrored = torch.cat([moved, moved.flip(3)], dim=3)
    mirrored = torch.cat([mirrored, mirrored.flip(2)], dim=2)
    transformed: Tensor = torch.fft.fft2(mirrored)
    return transformed.abs().square().sum(1)


def _cycles(moved: Tensor) -> Tensor:
    """Return the cycles an image of each wave of `mirrored_energy`, 2H 2W."""
    height, width = moved.shape[-2:]
    # Twice the image is transformed: n cycles of it are n / 2 of the image.
    along_y, along_x = (
        torch.fft.fftfreq(2 * count, d=1 / count, dtype=torch.float64, device=moved.device)
        for count in (height, width)
    )
    return torch.hypot(along_y[:, None], along_x)
