"""Choosing examples by class, and batches of them: crops, flips and the way to floats."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from trainer.data import Split
from trainer.data.selection import balanced, proportional, share_of_each_class
from trainer.data.settings import Augmentation

# Choices by class

labels_of_examples = st.lists(st.integers(0, 6), min_size=1, max_size=120).map(torch.tensor)
seeds = st.integers(0, 2**63 - 1)


@settings(deadline=None)
@given(labels_of_examples, seeds, st.data())
def test_proportional_choice_has_the_seats_of_sainte_lague(
    labels: Tensor, seed: int, data: st.DataObject
) -> None:
    count = data.draw(st.integers(0, len(labels)))
    chosen = proportional(labels, count, seed=seed)
    assert len(chosen.unique()) == count
    assert torch.equal(chosen, chosen.sort().values)
    sizes = labels.bincount(minlength=7).double()
    seats = labels[chosen].bincount(minlength=7).double()
    # No class has a seat of lower claim than one that another class was refused.
    last_given = ((seats - 0.5) / sizes)[seats > 0]
    first_refused = ((seats + 0.5) / sizes)[seats < sizes]
    if len(last_given) and len(first_refused):
        assert last_given.max() <= first_refused.min() + 1e-12


@settings(deadline=None)
@given(labels_of_examples, seeds, st.data())
def test_balanced_choice_differs_by_one_unless_a_class_runs_out(
    labels: Tensor, seed: int, data: st.DataObject
) -> None:
    count = data.draw(st.integers(0, len(labels)))
    chosen = balanced(labels, count, seed=seed)
    assert len(chosen.unique()) == count
    sizes = labels.bincount(minlength=7)
    taken = labels[chosen].bincount(minlength=7)
    unexhausted = taken[taken < sizes]
    if len(unexhausted):
        assert taken.max() - unexhausted.min() <= 1


@settings(deadline=None)
@given(labels_of_examples, seeds, st.data())
def test_larger_choice_contains_the_smaller(labels: Tensor, seed: int, data: st.DataObject) -> None:
    small, large = sorted(data.draw(st.tuples(*[st.integers(0, len(labels))] * 2)))
    for choose in (proportional, balanced):
        inner = choose(labels, small, seed=seed).tolist()
        assert set(inner) <= set(choose(labels, large, seed=seed).tolist())


@settings(deadline=None)
@given(labels_of_examples, seeds)
def test_share_of_each_class_is_rounded_to_the_nearest(labels: Tensor, seed: int) -> None:
    taken = labels[share_of_each_class(labels, 0.2, seed=seed)].bincount(minlength=7)
    exact = labels.bincount(minlength=7) * 0.2
    assert (taken - exact).abs().max() <= 0.5


# Batches


def test_bytes_become_the_nearest_float_of_their_255th() -> None:
    split = Split.of(torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16), torch.tensor([0]))
    expected = np.arange(256, dtype=np.float32) / np.float32(255)
    assert np.array_equal(split.images_at(torch.tensor([0])).flatten().numpy(), expected)
    assert split.images_at(torch.tensor([0])).max() == 1.0


def random_split(
    *, stored_size: int, image_size: int, channels: int, augmentation: Augmentation
) -> Split:
    generator = torch.Generator().manual_seed(0)
    shape = (6, channels, stored_size, stored_size)
    images = torch.randint(1, 256, shape, generator=generator).to(torch.uint8)
    whole = Split.of(images, torch.arange(6))
    return replace(whole, image_size=(image_size, image_size), augmentation=augmentation)


def test_larger_stored_images_are_cropped_to_their_centre() -> None:
    split = random_split(stored_size=12, image_size=8, channels=3, augmentation="none")
    batch = split.images_at(torch.tensor([4, 0]))
    assert torch.equal((batch * 255).round().to(torch.uint8), split.stored[[4, 0], :, 2:10, 2:10])
    assert split.image_shape == (3, 8, 8)


def windows_of(image: np.ndarray, size: int, padding: int) -> dict[bytes, tuple[int, int, bool]]:
    """Every window of the zero-padded image, plain and mirrored, by its bytes."""
    padded = np.pad(image, ((0, 0), (padding, padding), (padding, padding)))
    places = range(padded.shape[1] - size + 1)
    found = {}
    for top in places:
        for left in places:
            window = padded[:, top : top + size, left : left + size]
            found[window.tobytes()] = (top, left, False)
            found[window[:, :, ::-1].tobytes()] = (top, left, True)
    return found


@pytest.mark.parametrize(
    ("stored_size", "image_size", "padding", "channels"), [(8, 8, 4, 3), (12, 8, 0, 1)]
)
def test_augmentation_reaches_every_window_and_mirroring_equally_often(
    stored_size: int, image_size: int, padding: int, channels: int
) -> None:
    split = random_split(
        stored_size=stored_size,
        image_size=image_size,
        channels=channels,
        augmentation="crop_flip",
    )
    keys = torch.arange(8000)
    batch = split.augmented(torch.full_like(keys, 2), keys)
    known = windows_of(split.stored[2].numpy(), image_size, padding)
    pixels = (batch * 255).round().to(torch.uint8).numpy()
    outcomes = [known[image.tobytes()] for image in pixels]  # KeyError: no window at all

    places = stored_size + 2 * padding - image_size + 1
    assert len(known) == 2 * places**2
    counts = np.array([outcomes.count(outcome) for outcome in known.values()])
    expected = len(keys) / len(known)
    chi_square = ((counts - expected) ** 2 / expected).sum()
    degrees = len(known) - 1
    assert abs(chi_square - degrees) < 4 * np.sqrt(2 * degrees)
    assert counts.min() > 0

    middle = (padding, padding, False) if padding else (2, 2, False)
    unmoved = batch[[outcome == middle for outcome in outcomes]]
    assert torch.equal(unmoved[0], split.images_at(torch.tensor([2]))[0])


def test_augmentation_of_an_example_ignores_its_batch() -> None:
    split = random_split(stored_size=8, image_size=8, channels=3, augmentation="crop_flip")
    indices = torch.tensor([0, 5, 3, 3, 1])
    keys = torch.tensor([11, -12, 2**62, 7, 11])
    together = split.augmented(indices, keys)
    assert torch.equal(together, split.augmented(indices, keys))
    order = torch.tensor([3, 1, 4, 0, 2])
    assert torch.equal(split.augmented(indices[order], keys[order]), together[order])
    for place in range(5):
        alone = split.augmented(indices[place : place + 1], keys[place : place + 1])
        assert torch.equal(alone[0], together[place])
    assert not torch.equal(together[2], together[3])  # one image, two keys


def test_batches_leave_the_stored_images_as_they_are() -> None:
    split = random_split(stored_size=8, image_size=8, channels=3, augmentation="crop_flip")
    before = split.stored.clone()
    split.augmented(torch.arange(6), torch.arange(6)).zero_()
    split.images_at(torch.arange(6)).zero_()
    assert torch.equal(split.stored, before)


@pytest.mark.parametrize(
    "images",
    [torch.zeros(2, 1, 4, 4), torch.zeros(2, 4, 4, dtype=torch.uint8)],
    ids=["floats", "no channels"],
)
def test_a_split_is_of_bytes_with_channels(images: Tensor) -> None:
    with pytest.raises(ValueError, match="uint8 of shape N C H W"):
        Split.of(images, torch.zeros(2, dtype=torch.int64))
