"""Common corruptions: known values, the same for every model and batch, stronger by severity."""

from __future__ import annotations

from typing import Any, get_args

import pytest
import torch
from torch import Tensor, nn

from trainer.attacks.corruption import SIZES, Corruption, CorruptionKind
from trainer.evaluation.suite import read_suite
from trainer.input.document import Document
from trainer.input.problems import BadInput
from trainer.randomness import example_keys

KINDS = get_args(CorruptionKind)
GENERATOR = torch.Generator().manual_seed(0)
IMAGES = torch.rand(6, 3, 12, 10, generator=GENERATOR)
KEYS = example_keys(5, torch.arange(6))


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


@pytest.mark.parametrize("kind", KINDS)
def test_more_severe_is_farther_away(kind: str) -> None:
    mild, severe = (float((corrupted(kind, k) - IMAGES).square().mean()) for k in (1, 5))
    assert 0 < mild < severe


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


def test_a_blur_fits_on_the_smallest_images() -> None:
    tiny = torch.rand(1, 1, 2, 3, generator=GENERATOR)
    assert corrupted("gaussian_blur", 5, tiny, KEYS[:1]).shape == tiny.shape


def test_every_kind_has_five_severities() -> None:
    assert set(SIZES) == set(KINDS)
    assert {len(sizes) for sizes in SIZES.values()} == {5}


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"kind": "snow", "ladder": [1]}, "kind"),
        ({"kind": "contrast", "ladder": [1, 6]}, "5"),
        ({"ladder": [1]}, "kind"),
        ({"kind": "contrast", "severity": 3}, "ladder"),
    ],
)
def test_what_is_none_is_refused(section: dict[str, Any], said: str) -> None:
    document = Document.from_plain({"corruption": section}, "suite.yaml:1")
    with pytest.raises(BadInput, match=said):
        read_suite(document)
