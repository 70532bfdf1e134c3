"""Eq. 9 of the paper as it reads: each step warps what the step before has left."""

from __future__ import annotations

from typing import Literal

import pytest
import torch
from torch import Tensor, nn

from trainer.attacks import Integrated
from trainer.attacks.ascent import cross_entropy
from trainer.randomness import example_keys, uniform
from trainer.warp import integrated_warp

Warps = Literal["clean", "iterate"]
SIDE = 32
STEP = 0.1  # pixels

each_form = pytest.mark.parametrize("warps", ["clean", "iterate"])


def flow_alone(warps: Warps, *, num_steps: int, epsilon: float) -> Integrated:
    """No affine part; from no flow, by `STEP`, to at most `epsilon` pixels."""
    return Integrated(
        rt_epsilon=0,
        flow_epsilon=epsilon * 2 / SIDE,
        flow_step_size=STEP * 2 / SIDE,
        num_steps=num_steps,
        random_start=False,
        padding="border",
        warps=warps,
    )


def linear(weight: Tensor) -> nn.Module:
    """Logits (w x, 0) of the image x; the class 0 is attacked by lowering w x."""
    layer = nn.Linear(weight.numel(), 2)
    with torch.no_grad():
        layer.weight.copy_(torch.stack([weight.flatten(), torch.zeros(weight.numel())]))
        layer.bias.zero_()
    return nn.Sequential(nn.Flatten(), layer)


def attacked(attack: Integrated, weight: Tensor, image: Tensor) -> Tensor:
    """Columns of the middle, which the edges have not reached."""
    labels, keys = torch.zeros(1).long(), example_keys(0, torch.arange(1))
    adversarial = attack.perturb(linear(weight), image, labels, keys)
    return adversarial[..., SIDE // 4 : -SIDE // 4]


def middle(image: Tensor) -> Tensor:
    return image[..., SIDE // 4 : -SIDE // 4]


# Displacement


def displacement(attack: Integrated) -> Tensor:
    """Pixels, to the left, of a ramp that a linear model wants dark."""
    ramp = torch.linspace(0.2, 0.8, SIDE).expand(1, 1, SIDE, SIDE).contiguous()
    darker = middle(ramp) - attacked(attack, torch.full((SIDE, SIDE), 0.001), ramp)
    return darker / (0.6 / (SIDE - 1))


@each_form
@pytest.mark.parametrize("num_steps", [1, 2, 5, 8])
def test_displacement_of_t_steps(warps: Warps, num_steps: int) -> None:
    moved = displacement(flow_alone(warps, num_steps=num_steps, epsilon=4))
    steps = {"clean": num_steps, "iterate": num_steps * (num_steps + 1) / 2}[warps]
    torch.testing.assert_close(moved, torch.full_like(moved, STEP * steps), atol=1e-3, rtol=0)


@each_form
def test_displacement_once_the_projection_binds(warps: Warps) -> None:
    """At a radius of two steps: 0.1 0.2 0.2 0.2 0.2, the last of them or their sum."""
    moved = displacement(flow_alone(warps, num_steps=5, epsilon=2 * STEP))
    pixels = {"clean": 0.2, "iterate": 0.9}[warps]
    torch.testing.assert_close(moved, torch.full_like(moved, pixels), atol=1e-3, rtol=0)


# Blur


@each_form
def test_blur_of_three_steps(warps: Warps) -> None:
    """A shift by a share d of a pixel leaves 1 - 2d of the contrast of stripes a pixel wide."""
    stripes = (torch.arange(SIDE) % 2).float().expand(1, 1, SIDE, SIDE).contiguous()
    weight = 0.01 * (2 * stripes - 1)  # darker where bright, brighter where dark: one way for all
    left = attacked(flow_alone(warps, num_steps=3, epsilon=4), weight, stripes)
    contrast = left.amax(3) - left.amin(3)
    remaining = {"clean": 1 - 6 * STEP, "iterate": (1 - 2 * STEP) * (1 - 4 * STEP) * (1 - 6 * STEP)}
    expected = torch.full_like(contrast, remaining[warps])
    torch.testing.assert_close(contrast, expected, atol=1e-4, rtol=0)


# The equation itself


def equation_9(
    attack: Integrated, model: nn.Module, images: Tensor, labels: Tensor, keys: Tensor
) -> list[Tensor]:
    """Images at iterates 0 .. num_steps, written out for both forms."""
    assert attack.rt_step_size is not None
    assert attack.flow_step_size is not None
    radii = (attack.rt_epsilon, attack.flow_epsilon)
    steps = (attack.rt_step_size, attack.flow_step_size)
    shapes = ((2, 3), (2, *images.shape[-2:]))
    w = [
        (2 * uniform(keys, stream=i, shape=shape) - 1) * radius
        for i, (shape, radius) in enumerate(zip(shapes, radii, strict=True))
    ]
    source, iterates = images, []
    for _ in range(attack.num_steps):
        for part in w:
            part.requires_grad_()
        warped = integrated_warp(source, w[0], w[1], padding=attack.padding)
        iterates.append(warped.detach())
        cross_entropy(model(warped), labels).sum().backward()
        with torch.no_grad():
            w = [
                (part + step * part.grad.sign()).clamp(-radius, radius)  # type: ignore[union-attr]
                for part, step, radius in zip(w, steps, radii, strict=True)
            ]
        source = {"clean": images, "iterate": warped.detach()}[attack.warps]
    model.zero_grad()
    return [*iterates, integrated_warp(source, w[0], w[1], padding=attack.padding).detach()]


@pytest.fixture
def problem() -> tuple[nn.Module, Tensor, Tensor, Tensor]:
    """A small network, images, labels, keys."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Sequential(
            nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 6 * 7, 5)
        ).eval()
        images = torch.rand(6, 1, 8, 9)
    return model, images, torch.arange(6) % 5, example_keys(0, torch.arange(6))


def steps_of(warps: Warps, *, num_steps: int) -> Integrated:
    return Integrated(
        rt_epsilon=0.2,
        rt_step_size=0.07,
        flow_epsilon=0.1,
        flow_step_size=0.03,
        num_steps=num_steps,
        warps=warps,
    )


@each_form
@pytest.mark.parametrize("num_steps", [1, 4])
def test_a_plain_loop_gives_the_same_bits(
    warps: Warps, num_steps: int, problem: tuple[nn.Module, Tensor, Tensor, Tensor]
) -> None:
    attack = steps_of(warps, num_steps=num_steps)
    expected = equation_9(attack, *problem)[-1].clamp(0, 1)
    assert torch.equal(attack.perturb(*problem), expected)


@each_form
def test_a_ladder_counts_every_iterate(
    warps: Warps, problem: tuple[nn.Module, Tensor, Tensor, Tensor]
) -> None:
    model, images, _, keys = problem
    labels = model(images).argmax(1)
    attack = steps_of(warps, num_steps=6)
    iterates = equation_9(attack, model, images, labels, keys)
    right = torch.stack([model(each).argmax(1) == labels for each in iterates])
    bits = attack.correct(model, images, labels, keys, (1, 3, 6))
    assert torch.equal(bits, right.long().cummin(0).values.bool()[[1, 3, 6]])


def test_the_two_forms_differ_from_the_first_step_of_a_random_start(
    problem: tuple[nn.Module, Tensor, Tensor, Tensor],
) -> None:
    clean = steps_of("clean", num_steps=1).perturb(*problem)
    assert not torch.allclose(steps_of("iterate", num_steps=1).perturb(*problem), clean, atol=0.01)


# Settings


def test_the_clean_image_is_the_default_and_no_part_of_an_id() -> None:
    default = Integrated(rt_epsilon=0.1, flow_epsilon=0.05, num_steps=3)
    assert default.warps == "clean"
    assert default.content() == {"rt_epsilon": 0.1, "flow_epsilon": 0.05, "num_steps": 3}
    literal = default.model_copy(update={"warps": "iterate"})
    assert literal.content() == {**default.content(), "warps": "iterate"}


def test_the_reach_says_that_it_compounds() -> None:
    literal = Integrated(rt_epsilon=0.1, flow_epsilon=0.05, num_steps=1, warps="iterate")
    expected = (
        "0.1 (5.7 deg, 1.6 px, with shear and scale) + 0.05 (0.8 px, zeros, again at each step)"
    )
    assert literal.reach((3, 32, 32)) == expected
