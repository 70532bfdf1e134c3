"""Randomness: the published generator, the same numbers in any company, and uniform ones."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from trainer.randomness import derive_seed, example_keys, normal, uniform

MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15
SPLITMIX64_OF_1234567 = [
    6457827717110365317,
    3203168211198807973,
    9817491932198370423,
    4593380528125082431,
    16408922859458223821,
]
"""Known outputs of SplitMix64, as other implementations give them too."""


GOLDEN_NUMBERS = [
    [[15120187, 12638784], [13210576, 7207411]],
    [[6817959, 5172118], [15423164, 2607295]],
]
GOLDEN_SEEDS = [8203414616412130826, 6520630738536837906, 3174617467962645176]


def mix(z: int) -> int:
    """SplitMix64's finaliser on Python's unbounded integers."""
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def unsigned(values: Tensor) -> list[int]:
    return [value & MASK for value in values.tolist()]


def kolmogorov_smirnov(sample: Tensor) -> float:
    """sqrt(n) times the largest distance from the uniform distribution; over 1.95 is p < 0.001."""
    n = sample.numel()
    ordered = sample.flatten().double().sort().values
    steps = torch.arange(n + 1) / n
    distance = torch.maximum((steps[1:] - ordered).max(), (ordered - steps[:-1]).max())
    return float(distance) * math.sqrt(n)


def correlation(a: Tensor, b: Tensor) -> float:
    """In units of its standard deviation for independent samples."""
    stacked = torch.stack([a.flatten(), b.flatten()]).double()
    return float(torch.corrcoef(stacked)[0, 1]) * math.sqrt(a.numel())


# The generator


def test_keys_are_the_outputs_of_splitmix64() -> None:
    assert unsigned(example_keys(1234567, torch.arange(5))) == SPLITMIX64_OF_1234567


@given(
    seed=st.integers(0, 2**63 - 1),
    index=st.integers(0, 2**40),
    stream=st.integers(0, 2**31),
    position=st.integers(0, 200),
)
def test_numbers_agree_with_exact_integer_arithmetic(
    seed: int, index: int, stream: int, position: int
) -> None:
    key = mix((seed + (index + 1) * GOLDEN) & MASK)
    origin = mix((mix(key) + stream) & MASK)
    bits = mix((origin + (position + 1) * GOLDEN) & MASK) >> 40
    keys = example_keys(seed, torch.tensor([index]))
    assert unsigned(keys) == [key]
    assert uniform(keys, stream=stream, shape=(201,))[0, position].item() == bits / 2**24


def test_golden_numbers() -> None:
    """Changed, every model and every bit of users' stores would be another."""
    numbers = uniform(example_keys(7, torch.tensor([0, 41])), stream=3, shape=(2, 2))
    assert (numbers * 2**24).int().tolist() == GOLDEN_NUMBERS


def test_golden_seeds() -> None:
    assert derive_seed() == GOLDEN_SEEDS[0]
    assert derive_seed(0, "order", 3) == GOLDEN_SEEDS[1]
    assert derive_seed("evaluation", "pgd") == GOLDEN_SEEDS[2]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_gives_the_same_bits() -> None:
    keys = example_keys(5, torch.arange(64))
    there = example_keys(5, torch.arange(64, device="cuda"))
    assert torch.equal(there.cpu(), keys)
    assert torch.equal(
        uniform(there, stream=2, shape=(3, 9)).cpu(), uniform(keys, stream=2, shape=(3, 9))
    )


def test_normal_numbers_are_normal() -> None:
    """By their moments, one stream apart from the next, and the same in any company."""
    keys = example_keys(3, torch.arange(100))
    one, other = (normal(keys, stream=stream, shape=(20, 20)) for stream in (0, 1))
    for drawn in (one, other):
        numbers = drawn.double().flatten()
        count = len(numbers)
        for power, moment, deviation in (
            (1, 0, 1),
            (2, 1, 2**0.5),
            (3, 0, 15**0.5),
            (4, 3, 96**0.5),
        ):
            assert abs(numbers.pow(power).mean() - moment) < 4 * deviation / count**0.5
    assert abs(correlation(one, other)) < 4
    assert torch.equal(normal(keys[7:8], stream=1, shape=(20, 20)), other[7:8])


# The same in any company


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=12), st.data())
def test_an_example_draws_the_same_numbers_in_every_batch(
    indices: list[int], data: st.DataObject
) -> None:
    order = torch.tensor(data.draw(st.permutations(range(len(indices)))))
    together = uniform(example_keys(11, torch.tensor(indices)), stream=1, shape=(2, 5))
    shuffled = uniform(example_keys(11, torch.tensor(indices)[order]), stream=1, shape=(2, 5))
    assert torch.equal(shuffled, together[order])
    alone = uniform(example_keys(11, torch.tensor(indices[:1])), stream=1, shape=(2, 5))
    assert torch.equal(alone, together[:1])


def test_a_longer_draw_begins_as_the_shorter() -> None:
    keys = example_keys(3, torch.arange(4))
    longer = uniform(keys, stream=0, shape=(10,))
    assert torch.equal(longer[:, :6], uniform(keys, stream=0, shape=(6,)))
    assert torch.equal(longer[:, :6].reshape(4, 2, 3), uniform(keys, stream=0, shape=(2, 3)))
    assert torch.equal(longer[:, 0], uniform(keys, stream=0, shape=()))


def test_no_global_generator_is_touched() -> None:
    before = torch.get_rng_state()
    uniform(example_keys(3, torch.arange(4)), stream=0, shape=(10,))
    assert torch.equal(torch.get_rng_state(), before)


# Uniform and unrelated


def test_numbers_are_24_bits_in_the_half_open_unit_interval() -> None:
    numbers = uniform(example_keys(0, torch.arange(100)), stream=0, shape=(1000,))
    assert numbers.dtype == torch.float32
    assert 0 <= numbers.min() < 1e-4
    assert 1 - 1e-4 < numbers.max() < 1
    scaled = numbers.double() * 2**24
    assert torch.equal(scaled, scaled.round())
    assert (scaled % 2).mean().item() == pytest.approx(0.5, abs=0.01)  # the lowest bit is in use


@pytest.mark.parametrize(
    "sample",
    [
        uniform(example_keys(0, torch.tensor([5])), stream=0, shape=(20_000,)),
        uniform(example_keys(0, torch.arange(20_000)), stream=0, shape=()),
        torch.cat(
            [uniform(example_keys(s, torch.arange(2)), stream=0, shape=()) for s in range(5000)]
        ),
        torch.cat([uniform(torch.tensor([9]), stream=s, shape=(1,)) for s in range(5000)]),
    ],
    ids=["within an example", "over examples", "over seeds", "over streams"],
)
def test_numbers_are_uniform(sample: Tensor) -> None:
    assert kolmogorov_smirnov(sample) < 1.95


def test_neighbours_are_uncorrelated() -> None:
    keys = example_keys(0, torch.arange(400))
    numbers = uniform(keys, stream=0, shape=(100,))
    assert abs(correlation(numbers[:, 1:], numbers[:, :-1])) < 4
    assert abs(correlation(numbers[1:], numbers[:-1])) < 4
    assert abs(correlation(numbers, uniform(keys, stream=1, shape=(100,)))) < 4
    others = uniform(example_keys(1, torch.arange(400)), stream=0, shape=(100,))
    assert abs(correlation(numbers, others)) < 4


def test_no_key_comes_twice() -> None:
    keys = torch.cat([example_keys(seed, torch.arange(20_000)) for seed in range(5)])
    assert len(keys.unique()) == len(keys)


@pytest.mark.parametrize(
    ("one", "other"),
    [((1,), ("1",)), (("ab", "c"), ("a", "bc")), ((1, 2), (12,)), ((1, 2), (2, 1)), ((), ("",))],
)
def test_what_a_seed_is_for_is_told_apart(
    one: tuple[int | str, ...], other: tuple[int | str, ...]
) -> None:
    assert derive_seed(*one) != derive_seed(*other)


@given(st.lists(st.one_of(st.integers(), st.text()), max_size=4))
def test_seeds_suit_every_generator(parts: list[int | str]) -> None:
    seed = derive_seed(*parts)
    assert 0 <= seed < 2**63
    torch.Generator().manual_seed(seed)
