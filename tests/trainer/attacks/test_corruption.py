"""Common corruptions: known values, the same for every model and batch, stronger by severity."""

from __future__ import annotations

import math
from io import BytesIO
from typing import Any, get_args

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from trainer.attacks.corruption import SIZES, Corruption, CorruptionKind
from trainer.attacks.weather import plasma
from trainer.evaluation.suite import read_suite
from trainer.input.document import Document
from trainer.input.problems import BadInput
from trainer.randomness import example_keys, uniform

KINDS = get_args(CorruptionKind)
GENERATOR = torch.Generator().manual_seed(0)
IMAGES = torch.rand(6, 3, 12, 10, generator=GENERATOR)
KEYS = example_keys(5, torch.arange(6))
UNEVEN = {"glass_blur", "motion_blur", "pixelate", "snow"}
"""Kinds whose sizes of severities between trade one number for another."""


def corrupted(kind: Any, severity: int, images: Tensor = IMAGES, keys: Tensor = KEYS) -> Tensor:
    labels = torch.zeros(len(images), dtype=torch.int64)
    model = nn.Sequential(nn.Flatten(), nn.LazyLinear(2))
    model(images)
    return Corruption(kind=kind, severity=severity).perturb(model, images, labels, keys)


@pytest.mark.parametrize("kind", KINDS)
def test_it_depends_on_the_example_alone(kind: str) -> None:
    before = IMAGES.clone()
    whole = corrupted(kind, 3)
    some = corrupted(kind, 3, IMAGES[2:4], KEYS[2:4])
    torch.testing.assert_close(whole[2:4], some)
    assert torch.equal(IMAGES, before)
    assert whole.shape == IMAGES.shape
    assert not torch.equal(whole, IMAGES)
    assert whole.min() >= 0
    assert whole.max() <= 1


@pytest.mark.parametrize("kind", sorted({*KINDS} - {"elastic"}))
def test_more_severe_is_farther_away(kind: str) -> None:
    distances = [float((corrupted(kind, k) - IMAGES).square().mean()) for k in range(1, 6)]
    assert 0 < distances[0] < distances[-1]
    if kind not in UNEVEN:
        assert distances == sorted(distances)


def test_elastic_distortion_is_the_rougher_the_more_severe() -> None:
    """Its affine part shrinks as the flow grows, so a distance does not tell: neighbours do, which
    an affine map parts alike."""
    ramp = torch.linspace(0, 1, 32).expand(6, 1, 32, 32).contiguous()
    inside = slice(8, 24)
    roughness = [
        float(corrupted("elastic", k, ramp)[..., inside, inside].diff(n=2).square().mean())
        for k in range(1, 6)
    ]
    assert roughness == sorted(roughness)
    assert roughness[0] < 1e-10 < roughness[1]


def test_contrast_and_pixelate_by_hand() -> None:
    image = torch.tensor([0.2, 0.6]).expand(1, 1, 2, 2).contiguous()
    key = KEYS[:1]
    expected = torch.tensor([0.4 - 0.75 * 0.2, 0.4 + 0.75 * 0.2]).expand(1, 1, 2, 2)
    torch.testing.assert_close(corrupted("contrast", 1, image, key), expected)
    torch.testing.assert_close(corrupted("pixelate", 5, image, key), torch.full_like(image, 0.4))


def test_noises_have_their_sizes() -> None:
    grey = torch.full((1, 1, 200, 200), 0.5)
    noise = corrupted("gaussian_noise", 5, grey, KEYS[:1]) - 0.5
    assert float(noise.std()) == pytest.approx(0.10, rel=0.03)
    assert float(noise.mean()) == pytest.approx(0, abs=0.003)
    salted = corrupted("impulse_noise", 5, grey, KEYS[:1])
    assert float((salted == 1).float().mean()) == pytest.approx(0.035, abs=0.004)
    assert float((salted == 0).float().mean()) == pytest.approx(0.035, abs=0.004)
    assert bool(((salted == 0.5) | (salted == 0) | (salted == 1)).all())


def test_a_blur_spreads_a_point_as_a_gaussian() -> None:
    point = torch.zeros(1, 1, 21, 21)
    point[0, 0, 10, 10] = 1
    blurred = corrupted("gaussian_blur", 5, point, KEYS[:1])[0, 0]
    assert float(blurred.sum()) == pytest.approx(1, abs=1e-4)
    offsets = torch.arange(21) - 10.0
    assert float((blurred.sum(0) * offsets**2).sum()) == pytest.approx(1.0, rel=0.02)


@pytest.mark.parametrize("kind", KINDS)
def test_it_fits_on_the_smallest_images(kind: str) -> None:
    tiny = torch.rand(1, 1, 2, 3, generator=GENERATOR)
    found = corrupted(kind, 5, tiny, KEYS[:1])
    assert found.shape == tiny.shape
    assert bool(found.isfinite().all())


def test_photons_are_poisson() -> None:
    grey = torch.full((1, 1, 200, 200), 0.5)
    grey[..., 0, :] = 0
    counts = corrupted("shot_noise", 5, grey, KEYS[:1]) * 50
    assert bool((counts[..., 0, :] == 0).all())
    torch.testing.assert_close(counts, counts.round())
    lit = counts[..., 1:, :]
    assert float(lit.mean()) == pytest.approx(25, rel=0.01)
    assert float(lit.var()) == pytest.approx(25, rel=0.04)


def test_speckles_grow_with_the_entry() -> None:
    halves = torch.full((1, 1, 200, 200), 0.2)
    halves[..., 100:] = 0.4
    noise = corrupted("speckle_noise", 5, halves, KEYS[:1]) - halves
    dark, bright = noise.split(100, dim=3)
    assert float(dark.std()) == pytest.approx(0.2 * 0.2, rel=0.03)
    assert float(bright.std()) == pytest.approx(0.4 * 0.2, rel=0.03)


def point(side: int = 41) -> Tensor:
    image = torch.zeros(1, 1, side, side)
    image[..., side // 2, side // 2] = 1
    return image


def test_what_a_lens_does_to_a_point() -> None:
    near_disk = corrupted("defocus_blur", 5, point(), KEYS[:1])[0, 0]
    assert float(near_disk.sum()) == pytest.approx(1, abs=1e-5)
    torch.testing.assert_close(near_disk, near_disk.flip(0).flip(1))
    torch.testing.assert_close(near_disk, near_disk.T)
    assert float(near_disk[20, 20]) == pytest.approx(float(near_disk[20, 21]), rel=0.05)
    assert int((near_disk > 0).sum()) <= 25

    line = corrupted("motion_blur", 5, point(), KEYS[:1])[0, 0]
    ys, xs = line.nonzero().unbind(1)
    weights = line[ys, xs]
    assert float(weights.sum()) == pytest.approx(1, abs=1e-4)
    offsets = torch.stack([xs, ys], dim=1).float() - 20
    means = (weights[:, None] * offsets).sum(0)
    spread = ((offsets - means).T * weights) @ (offsets - means)
    across, along = torch.linalg.eigvalsh(spread)
    assert across < 0.3
    assert along > 1
    angle = (uniform(KEYS[:1], stream=0, shape=()) - 0.5) * (math.pi / 2)
    assert float(means[1] / means[0]) == pytest.approx(float(angle.tan()), rel=0.05)

    zoomed = corrupted("zoom_blur", 5, point(), KEYS[:1])
    assert float(zoomed[..., 20, 20]) == pytest.approx(1, abs=1e-5)  # the centre stays


def test_glass_shows_what_lies_a_pixel_or_two_away() -> None:
    corners = torch.zeros(1, 1, 9, 9)
    corners[..., :4, :4] = 1
    found = corrupted("glass_blur", 1, corners, KEYS[:1])
    assert set(found.unique().tolist()) <= {0.0, 1.0}  # a blur this small is none
    assert bool((found[..., 5:, :] == 0).all())
    assert bool((found[..., :, 5:] == 0).all())
    assert bool((found[..., :4, :4] == 1).all())  # reads above and left of it alone


def test_fog_is_smooth_and_keeps_the_brightest() -> None:
    clouds = plasma(KEYS, 12, decay=3)
    assert clouds.shape == (6, 16, 16)
    torch.testing.assert_close(clouds.amin((1, 2)), torch.zeros(6))
    torch.testing.assert_close(clouds.amax((1, 2)), torch.ones(6))
    rougher = plasma(KEYS, 12, decay=1.75)
    assert clouds.diff().square().mean() < rougher.diff().square().mean()
    foggy = corrupted("fog", 5)
    assert bool((foggy.flatten(1).amax(1) <= IMAGES.flatten(1).amax(1) + 1e-6).all())


def test_brightness_keeps_hue_and_saturation() -> None:
    brighter = corrupted("brightness", 5)
    largest = IMAGES.amax(1)
    torch.testing.assert_close(brighter.amax(1), (largest + 0.3).clamp(max=1))
    shares, before = brighter / brighter.amax(1, keepdim=True), IMAGES / largest[:, None]
    torch.testing.assert_close(shares, before)
    black = torch.zeros(1, 3, 2, 2)
    torch.testing.assert_close(
        corrupted("brightness", 2, black, KEYS[:1]), torch.full_like(black, 0.1)
    )


def test_snow_falls_on_black_and_keeps_white() -> None:
    black, white = torch.zeros(2, 1, 24, 24), torch.ones(2, 1, 24, 24)
    whitened = 0.2 * 0.5  # of black, at severity 5
    snowed = corrupted("snow", 5, black, KEYS[:2])
    assert float(snowed.min()) >= whitened - 1e-6
    assert float(snowed.max()) > whitened + 0.1
    torch.testing.assert_close(corrupted("snow", 5, white, KEYS[:2]), white)


def test_jpeg_is_what_pillow_writes_and_reads() -> None:
    file = BytesIO()
    pixels = (IMAGES[0] * 255).round().to(torch.uint8).movedim(0, 2).numpy()
    Image.fromarray(pixels).save(file, "JPEG", quality=40)
    expected = torch.from_numpy(np.array(Image.open(file))).movedim(2, 0) / 255
    torch.testing.assert_close(corrupted("jpeg", 5)[0], expected)
    two = corrupted("jpeg", 5, IMAGES[:, :2])
    assert two.shape == IMAGES[:, :2].shape
    torch.testing.assert_close(two[:, :1], corrupted("jpeg", 5, IMAGES[:, :1]))


def test_every_kind_has_five_severities() -> None:
    assert set(SIZES) == set(KINDS)
    assert {len(sizes) for sizes in SIZES.values()} == {5}


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"kind": "frost", "ladder": [1]}, "kind"),
        ({"kind": "contrast", "ladder": [1, 6]}, "5"),
        ({"ladder": [1]}, "kind"),
        ({"kind": "contrast", "severity": 3}, "ladder"),
    ],
)
def test_what_is_none_is_refused(section: dict[str, Any], said: str) -> None:
    document = Document.from_plain({"corruption": section}, "suite.yaml:1")
    with pytest.raises(BadInput, match=said):
        read_suite(document)
