"""Statistics of displacement fields in closed form: waves, rotations, dilations, translations."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.fft import dctn
from torch import Tensor

from trainer.interpretation.fields import (
    field_statistics,
    short_wave_share,
    short_waves_of_noise,
)

H, W = 12, 20
ROWS, COLUMNS = torch.meshgrid(
    torch.arange(H).double() - (H - 1) / 2, torch.arange(W).double() - (W - 1) / 2, indexing="ij"
)


def field(along_x: Tensor, along_y: Tensor) -> Tensor:
    return torch.stack([along_x.expand(H, W), along_y.expand(H, W)])[None]


def statistics_of(along_x: Tensor, along_y: Tensor) -> dict[str, float]:
    return field_statistics(field(along_x, along_y)).record(0)


def test_a_translation_is_of_no_wave_and_has_no_slope() -> None:
    found = statistics_of(torch.tensor(3.0), torch.tensor(-4.0))
    assert found.pop("size") == found.pop("largest") == 5
    assert math.isnan(found.pop("independence"))  # nothing varies
    assert found.pop("short_waves") == pytest.approx(0, abs=1e-12)
    assert set(found.values()) == {0.0}


def test_no_displacement_has_no_share() -> None:
    found = statistics_of(torch.tensor(0.0), torch.tensor(0.0))
    assert math.isnan(found.pop("short_waves"))
    assert math.isnan(found.pop("independence"))
    assert set(found.values()) == {0.0}


@pytest.mark.parametrize("angle", [0.3, -0.3])
def test_the_curl_of_a_rotation_is_twice_its_sine(angle: float) -> None:
    sine, less = math.sin(angle), math.cos(angle) - 1
    found = statistics_of(less * COLUMNS - sine * ROWS, sine * COLUMNS + less * ROWS)
    assert found["curl"] == pytest.approx(2 * sine)
    assert found["curl_size"] == pytest.approx(2 * abs(sine))
    assert found["divergence"] == pytest.approx(2 * less)
    assert found["folded"] == 0
    assert found["short_waves"] < 0.002
    # Each step of one pixel turns into a difference of length 2 sin(angle / 2).
    chord = 2 * abs(math.sin(angle / 2))
    assert found["total_variation"] == pytest.approx(chord)
    assert found["squared_difference"] == pytest.approx(chord**2)


def test_the_divergence_of_a_dilation_is_twice_its_rate() -> None:
    found = statistics_of(0.2 * COLUMNS, 0.2 * ROWS)
    assert found["divergence"] == pytest.approx(0.4)
    assert found["divergence_size"] == pytest.approx(0.4)
    assert found["curl_size"] == pytest.approx(0, abs=1e-12)
    assert found["folded"] == 0


def test_a_mirror_image_is_folded_throughout() -> None:
    """Each pixel is read at the other side, so that neighbours stand the other way round."""
    assert statistics_of(-2 * COLUMNS, torch.zeros(1).double())["folded"] == 1
    turned = statistics_of(-2 * COLUMNS, -2 * ROWS)  # by half a turn: nothing is turned over
    assert turned["folded"] == 0


@pytest.mark.parametrize(("cycles", "is_short"), [(1, 0), (3.5, 0), (4, 0), (4.5, 1), (7, 1)])
def test_a_wave_is_short_or_not(cycles: float, is_short: int) -> None:
    """Cosines from edge to edge are waves of the field with its mirror images."""
    for places, count, axis in ((COLUMNS, W, 0), (ROWS, H, 1)):
        if cycles > count / 2:
            continue
        wave = 0.3 * torch.cos(2 * math.pi * cycles * (places + count / 2) / count)
        parts = [wave, torch.zeros(1).double()]
        share = short_wave_share(field(parts[axis], parts[1 - axis]))
        assert share.item() == pytest.approx(is_short, abs=1e-9)


def test_energies_of_two_waves_add_up() -> None:
    x = (COLUMNS + W / 2) / W
    long, short = torch.cos(2 * math.pi * 2 * x), torch.cos(2 * math.pi * 6 * x)
    moved = field(3 * long, short)
    assert short_wave_share(moved).item() == pytest.approx(1 / 10)


def test_the_share_is_that_of_the_cosine_transform() -> None:
    """SciPy's, which assumes the same mirror images and never writes them down."""
    moved = torch.randn(3, 2, H, W, dtype=torch.float64)
    energy = torch.from_numpy(dctn(moved.numpy(), axes=(2, 3), norm="ortho") ** 2).sum(1)
    is_short = torch.hypot(torch.arange(H)[:, None] / 2, torch.arange(W) / 2) > 4
    expected = (energy * is_short).sum((1, 2)) / energy.sum((1, 2))
    torch.testing.assert_close(short_wave_share(moved), expected)


@pytest.mark.parametrize(("height", "width"), [(8, 8), (H, W), (28, 28)])
def test_what_noise_has(height: int, width: int) -> None:
    noise = torch.randn(50, 2, height, width, dtype=torch.float64)
    expected = short_waves_of_noise(height, width)
    assert short_wave_share(noise).mean().item() == pytest.approx(expected, abs=0.02)
    found = field_statistics(noise)
    assert found.independence.mean().item() == pytest.approx(1, abs=0.05)
    # Variances: of d/dx at a corner 1, so that curl and divergence have 2.
    assert found.curl_size.square().mean().item() == pytest.approx(2, rel=0.05)
    assert found.divergence_size.square().mean().item() == pytest.approx(2, rel=0.05)


def test_examples_do_not_mix() -> None:
    noise = torch.randn(3, 2, H, W)
    together = field_statistics(noise)
    for example in range(3):
        alone = field_statistics(noise[example : example + 1]).record(0)
        assert together.record(example) == pytest.approx(alone)


def test_a_ramp_is_hardly_a_short_wave() -> None:
    """With its mirror images it is a triangle, whose energy at n half cycles goes by 1/n^4 (n odd,
    pi^4 / 96 in all); continued periodically it would be a sawtooth, 13 % of it beyond 4 cycles."""
    moved = torch.zeros(1, 2, 2, 400, dtype=torch.float64)
    moved[0, 0] = torch.arange(400) - 199.5
    triangle = 1 - sum(1 / n**4 for n in (1, 3, 5, 7)) / (math.pi**4 / 96)
    assert short_wave_share(moved).item() == pytest.approx(triangle, rel=0.02)
