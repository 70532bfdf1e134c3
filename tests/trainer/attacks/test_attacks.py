"""Attacks: closed forms on linear models, the sets they stay in, and what they leave as it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, get_args

import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import Tensor, nn

from trainer.attacks import (
    ATTACKS,
    PGD,
    Attack,
    Flow,
    Integrated,
    RotationTranslation,
    frozen,
)
from trainer.attacks.ascent import LOSSES, AscentAttack, Parameters, cross_entropy, dlr, margin
from trainer.data import Dataset
from trainer.randomness import example_keys, uniform
from trainer.warp import identity_points

ROUNDING = 1e-6
"""Of one sum or one interpolation of pixels in float32."""

KINDS: dict[str, Callable[..., AscentAttack]] = {
    "pgd": lambda epsilon, **options: PGD(epsilon=epsilon, **options),
    "flow": lambda epsilon, **options: Flow(epsilon=epsilon, **options),
    "rt": lambda epsilon, **options: RotationTranslation(epsilon=epsilon, **options),
    "integrated": lambda epsilon, **options: Integrated(
        rt_epsilon=epsilon, flow_epsilon=epsilon / 2, **options
    ),
}
each_kind = pytest.mark.parametrize("kind", KINDS)


def keys_of(count: int, *, seed: int = 0) -> Tensor:
    return example_keys(seed, torch.arange(count))


def images_of(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def network(channels: int = 1, size: tuple[int, int] = (8, 8), *, seed: int = 0) -> nn.Sequential:
    """Convolution, ReLU, linear: the loss is not convex and no two examples are alike."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Conv2d(channels, 4, 3, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(4 * size[0] * size[1], 5),
        ).eval()


def two_class(weight: Tensor, bias: float = 0.0) -> nn.Sequential:
    """Logits (w x + b, -w x - b) of the flattened image x."""
    layer = nn.Linear(weight.numel(), 2)
    with torch.no_grad():
        layer.weight.copy_(torch.stack([weight.flatten(), -weight.flatten()]))
        layer.bias.copy_(torch.tensor([bias, -bias]))
    return nn.Sequential(nn.Flatten(), layer)


def true_margin(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    with torch.no_grad():
        return -margin(model(images), labels)


def loss_of(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    with torch.no_grad():
        return cross_entropy(model(images), labels)


def predictions(model: nn.Module, images: Tensor) -> Tensor:
    with torch.no_grad():
        return model(images).argmax(1)


@pytest.fixture(scope="module")
def sixty_digits(digits: Dataset) -> tuple[Tensor, Tensor]:
    """Images and labels of 60 test digits."""
    return digits.test.images_at(torch.arange(60)), digits.test.labels[:60]


def test_the_registry_names_every_attack_of_the_package() -> None:
    assert {cls.__name__ for cls in ATTACKS.values()} == {
        "PGD",
        "Flow",
        "RotationTranslation",
        "Integrated",
        "RotationTranslationGrid",
        "WorstOf",
        "TargetedFlow",
        "AutoAttack",
        "Corruption",
    }
    assert set(KINDS) == {name for name, cls in ATTACKS.items() if issubclass(cls, AscentAttack)}


def test_the_losses_are_those_that_the_setting_allows() -> None:
    assert set(get_args(AscentAttack.model_fields["loss"].annotation)) == set(LOSSES)


# Closed forms


@pytest.mark.parametrize("label", [0, 1])
@pytest.mark.parametrize("random_start", [False, True])
def test_pgd_moves_a_linear_models_margin_by_2_epsilon_times_the_norm(
    random_start: bool, label: int
) -> None:
    """The logits' difference is 2 (w x + b), and sup over the ball of w delta is eps ||w||_1."""
    weight = images_of(3, 4, 4) - 0.5
    model = two_class(weight, bias=0.2)
    images = 0.3 + 0.4 * images_of(6, 3, 4, 4, seed=1)  # 0.3 away from 0 and from 1
    labels = torch.full((6,), label)
    attack = PGD(epsilon=0.25, step_size=0.1, num_steps=5, random_start=random_start)
    adversarial = attack.perturb(model, images, labels, keys_of(6))
    moved = true_margin(model, images, labels) - true_margin(model, adversarial, labels)
    torch.testing.assert_close(moved, torch.full((6,), 2 * 0.25 * float(weight.abs().sum())))


@pytest.mark.parametrize(("num_steps", "reached"), [(1, 0.03), (3, 0.09), (4, 0.1), (9, 0.1)])
def test_pgd_goes_one_step_at_a_time_until_the_radius(num_steps: int, reached: float) -> None:
    weight = images_of(1, 4, 4) - 0.5
    images, labels = torch.full((2, 1, 4, 4), 0.5), torch.zeros(2, dtype=torch.int64)
    attack = PGD(epsilon=0.1, step_size=0.03, num_steps=num_steps, random_start=False)
    adversarial = attack.perturb(two_class(weight), images, labels, keys_of(2))
    torch.testing.assert_close(adversarial - images, (-reached * weight.sign()).expand(2, 1, 4, 4))


def test_pgd_stops_at_black_and_white() -> None:
    weight = torch.tensor([[[1.0, -1.0, 1.0, -1.0]]])
    images = torch.tensor([[[[0.1, 0.1, 0.95, 0.95]]]])
    attack = PGD(epsilon=0.2, num_steps=10)
    adversarial = attack.perturb(two_class(weight), images, torch.tensor([0]), keys_of(1))
    torch.testing.assert_close(adversarial, torch.tensor([[[[0.0, 0.3, 0.75, 1.0]]]]))


def test_the_default_step_crosses_the_ball() -> None:
    """2.5 epsilon / num_steps: from the farthest corner to the opposite one, and a quarter more."""
    weight = torch.ones(1, 2, 2)
    images, labels = torch.full((1, 1, 2, 2), 0.5), torch.tensor([0])
    for num_steps in (1, 2, 10, 40):
        attack = PGD(epsilon=0.2, num_steps=num_steps)
        adversarial = attack.perturb(two_class(weight), images, labels, keys_of(1))
        torch.testing.assert_close(adversarial, torch.full((1, 1, 2, 2), 0.3))


def test_rt_finds_the_translation_that_a_linear_model_fears() -> None:
    """Class 1 is bright on the right: the best translation reads farthest from the left."""
    ramp = torch.linspace(0.2, 0.8, 9).expand(1, 1, 9, 9)
    weight = torch.zeros(1, 9, 9)
    weight[0, 4, 4] = -10.0  # the centre, which rotation and scaling leave where it is
    attack = RotationTranslation(epsilon=0.2, num_steps=20, padding="border")
    adversarial = attack.perturb(two_class(weight, bias=5.0), ramp, torch.tensor([0]), keys_of(1))
    slope = 0.6 / 8  # a pixel
    assert adversarial[0, 0, 4, 4].item() == pytest.approx(0.5 + 0.2 * 9 / 2 * slope, abs=1e-5)


# The independent oracle


def step_by_step(
    attack: AscentAttack,
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    keys: Tensor,
    *,
    steps: int,
) -> list[Tensor]:
    """Images at iterates 0 .. steps of PGD, by `backward` on the image and no shared code."""
    assert isinstance(attack, PGD)
    assert attack.step_size is not None
    low, high = (images - attack.epsilon).clamp(0, 1), (images + attack.epsilon).clamp(0, 1)
    noise = uniform(keys, stream=0, shape=tuple(images.shape[1:]))
    current = (images + attack.epsilon * (2 * noise - 1)).clamp(0, 1)
    iterates = [current]
    for _ in range(steps):
        point = current.clone().requires_grad_()
        logits = model(point)
        loss = torch.logsumexp(logits, 1) - logits[torch.arange(len(labels)), labels]
        loss.sum().backward()
        assert point.grad is not None
        moved = current + attack.step_size * point.grad.sign()
        current = torch.maximum(torch.minimum(moved, high), low)
        iterates.append(current)
    model.zero_grad()
    return iterates


def test_pgd_agrees_with_a_plain_loop_at_every_step() -> None:
    model, images = network(3), images_of(12, 3, 8, 8)
    labels, keys = torch.arange(12) % 5, keys_of(12)
    attack = PGD(epsilon=0.1, step_size=0.03, num_steps=8)
    iterates = step_by_step(attack, model, images, labels, keys, steps=8)
    for num_steps in range(1, 9):
        shorter = attack.model_copy(update={"num_steps": num_steps})
        adversarial = shorter.perturb(model, images, labels, keys)
        torch.testing.assert_close(adversarial, iterates[num_steps], atol=ROUNDING, rtol=0)


def test_an_example_is_broken_once_any_iterate_is_misread(
    trained: nn.Module, sixty_digits: tuple[Tensor, Tensor]
) -> None:
    images, labels = sixty_digits
    attack = PGD(epsilon=0.15, step_size=0.1, num_steps=6)  # coarse steps: some go too far
    iterates = step_by_step(attack, trained, images, labels, keys_of(60), steps=6)
    right = torch.stack([predictions(trained, iterate) == labels for iterate in iterates])
    expected = right.long().cummin(0).values.bool()[[1, 2, 4, 6]]
    bits = attack.correct(trained, images, labels, keys_of(60), (1, 2, 4, 6))
    assert torch.equal(bits, expected)
    assert not torch.equal(expected[-1], right[-1])  # else the last iterate alone would do
    assert 0 < expected[-1].sum() < expected[0].sum()


# The sets


def recording(attack: AscentAttack, seen: list[Parameters]) -> AscentAttack:
    """The same attack, which notes every parameter that it puts to the model."""
    kind = type(attack)

    class Recording(kind):  # type: ignore[misc, valid-type]
        def apply(self, images: Tensor, parameters: Parameters) -> Tensor:
            seen.append(tuple(w.detach().clone() for w in parameters))
            applied: Tensor = super().apply(images, parameters)
            return applied

    return Recording(**dict(attack))


@hypothesis_settings(max_examples=60)
@given(
    kind=st.sampled_from(sorted(KINDS)),
    epsilon=st.floats(0, 1, width=32),
    num_steps=st.integers(1, 4),
    num_restarts=st.integers(1, 2),
    random_start=st.booleans(),
    loss=st.sampled_from(sorted(LOSSES)),
    shape=st.tuples(
        st.integers(1, 3), st.sampled_from([1, 3]), st.integers(2, 7), st.integers(2, 7)
    ),
)
def test_every_iterate_stays_in_its_set(
    *,
    kind: str,
    epsilon: float,
    num_steps: int,
    num_restarts: int,
    random_start: bool,
    loss: str,
    shape: tuple[int, int, int, int],
) -> None:
    seen: list[Parameters] = []
    plain = KINDS[kind](
        epsilon,
        num_steps=num_steps,
        num_restarts=num_restarts,
        random_start=random_start,
        loss=loss,
    )
    attack = recording(plain, seen)
    model, images = network(shape[1], shape[2:]), images_of(*shape)
    adversarial = attack.perturb(model, images, torch.zeros(shape[0]).long(), keys_of(shape[0]))

    assert adversarial.shape == images.shape
    assert not adversarial.requires_grad
    assert adversarial.min() >= 0
    assert adversarial.max() <= 1
    assert len(seen) == num_restarts * (num_steps + 1)
    radii = [component.radius for component in plain.components(images)]
    for parameters in seen:
        for w, radius in zip(parameters, radii, strict=True):
            assert w.abs().max() <= radius + ROUNDING
    if kind == "pgd":
        assert (adversarial - images).abs().max() <= epsilon + ROUNDING
        assert all((images + delta).min() >= -ROUNDING for (delta,) in seen)
        assert all((images + delta).max() <= 1 + ROUNDING for (delta,) in seen)


def test_random_starts_fill_the_set() -> None:
    images = torch.full((50, 1, 8, 8), 0.5)
    for kind, make in KINDS.items():
        attack = make(0.2, num_steps=1)
        start = attack.start(images, keys_of(50), 0)
        for w, component in zip(start, attack.components(images), strict=True):
            assert w.shape == (50, *component.shape), kind
            assert 0.95 * component.radius < w.max() <= component.radius + ROUNDING
            assert -component.radius - ROUNDING <= w.min() < -0.95 * component.radius
            assert w.mean().abs() < 0.1 * component.radius


def test_a_flow_moves_no_pixel_farther_than_epsilon_times_half_the_side() -> None:
    images, seen = images_of(4, 1, 6, 10), list[Parameters]()
    attack = recording(Flow(epsilon=0.3, num_steps=5), seen)
    attack.perturb(network(1, (6, 10)), images, torch.zeros(4).long(), keys_of(4))
    grid = identity_points(images)
    farthest = torch.zeros(2)
    for (flow,) in seen:
        moved = grid + flow.permute(0, 2, 3, 1)
        pixels = (moved - grid).abs() * torch.tensor([10 / 2, 6 / 2])
        farthest = torch.maximum(farthest, pixels.flatten(0, 2).amax(0))
    torch.testing.assert_close(farthest, torch.tensor([0.3 * 10 / 2, 0.3 * 6 / 2]))


@each_kind
def test_no_radius_no_change(kind: str) -> None:
    model, images = network(3), images_of(20, 3, 8, 8)
    labels = predictions(model, images)
    attack = KINDS[kind](0.0, num_steps=3)
    adversarial = attack.perturb(model, images, labels, keys_of(20))
    torch.testing.assert_close(adversarial, images, atol=ROUNDING, rtol=0)
    assert attack.correct(model, images, labels, keys_of(20), (1, 3)).all()


def test_integrated_with_one_radius_zero_is_the_other_attack() -> None:
    model, images = network(3), images_of(10, 3, 8, 8)
    labels, keys = predictions(model, images), keys_of(10)
    options: dict[str, Any] = {"num_steps": 4, "padding": "border"}

    seen: list[Parameters] = []
    turning = Integrated(rt_epsilon=0.2, flow_epsilon=0, **options)
    recording(turning, seen).perturb(model, images, labels, keys)
    assert all((flow == 0).all() for _, flow in seen)
    torch.testing.assert_close(
        turning.perturb(model, images, labels, keys),
        RotationTranslation(epsilon=0.2, **options).perturb(model, images, labels, keys),
    )

    seen.clear()
    options["random_start"] = False  # the flow's random numbers are of another stream
    flowing = Integrated(rt_epsilon=0, flow_epsilon=0.2, **options)
    recording(flowing, seen).perturb(model, images, labels, keys)
    assert all((increment == 0).all() for increment, _ in seen)
    torch.testing.assert_close(
        flowing.perturb(model, images, labels, keys),
        Flow(epsilon=0.2, **options).perturb(model, images, labels, keys),
    )


def test_the_clean_image_is_warped_once() -> None:
    """Not the warped one again (Eq. 9 to the letter): the image is the last parameters' warp."""
    images, seen = images_of(4, 1, 8, 8), list[Parameters]()
    attack = recording(Flow(epsilon=0.2, num_steps=4), seen)
    adversarial = attack.perturb(network(), images, torch.zeros(4).long(), keys_of(4))
    last = attack.apply(images, seen[-1])
    torch.testing.assert_close(adversarial, last, atol=ROUNDING, rtol=0)


def test_white_never_becomes_brighter() -> None:
    """Unclamped it would: the four weights of an interpolation can sum to one and an ulp."""
    white = torch.ones(4, 1, 33, 33)
    attack = Flow(epsilon=0.3, step_size=1e-30, num_steps=1, padding="border")
    model, labels = network(1, (33, 33)), torch.zeros(4).long()
    assert attack.perturb(model, white, labels, keys_of(4)).max() <= 1


@pytest.mark.parametrize("kind", ["flow", "rt", "integrated"])
def test_padding_decides_what_the_edge_reads(kind: str) -> None:
    white = torch.ones(3, 1, 8, 8)
    model, labels = network(), torch.zeros(3).long()
    inside = KINDS[kind](0.3, num_steps=2, padding="border")
    outside = KINDS[kind](0.3, num_steps=2, padding="zeros")
    assert inside.perturb(model, white, labels, keys_of(3)).min() > 1 - ROUNDING
    assert outside.perturb(model, white, labels, keys_of(3)).min() < 0.9


# Gradients


@each_kind
def test_more_steps_climb_higher(kind: str) -> None:
    model, images = network(3), images_of(30, 3, 8, 8)
    labels, keys = predictions(model, images), keys_of(30)
    one, twenty = (
        KINDS[kind](0.1, num_steps=n).perturb(model, images, labels, keys) for n in (1, 20)
    )
    losses = [float(loss_of(model, each, labels).mean()) for each in (images, one, twenty)]
    assert losses[0] < losses[1] < losses[2]


def test_margin_climbs_where_cross_entropy_is_flat() -> None:
    """At a margin of 200 the softmax is one-hot in float32, and cross entropy's gradient is 0."""
    weight = torch.ones(1, 4, 4)
    model = two_class(100 / 16 * weight, bias=50.0)  # logits 100 and -100 at grey
    images, labels = torch.full((1, 1, 4, 4), 0.5), torch.tensor([0])
    point = images.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(cross_entropy(model(point), labels).sum(), point)
    assert gradient.abs().max() == 0

    options: dict[str, Any] = {"epsilon": 0.1, "num_steps": 3, "random_start": False}
    stuck = PGD(**options).perturb(model, images, labels, keys_of(1))
    assert torch.equal(stuck, images)
    climbed = PGD(loss="margin", **options).perturb(model, images, labels, keys_of(1))
    torch.testing.assert_close(climbed, images - 0.1)


def test_losses_example_by_example() -> None:
    logits = torch.tensor([[2.0, -1.0, 0.5], [0.0, 3.0, 1.0]])
    labels = torch.tensor([0, 2])
    torch.testing.assert_close(margin(logits, labels), torch.tensor([0.5 - 2.0, 3.0 - 1.0]))
    expected = torch.tensor(
        [torch.log(torch.exp(logits[0] - 2).sum()), torch.log(torch.exp(logits[1] - 1).sum())]
    )
    torch.testing.assert_close(cross_entropy(logits, labels), expected)
    torch.testing.assert_close(dlr(logits, labels), torch.tensor([-1.5 / 3.0, 2.0 / 3.0]))


def test_dlr_does_not_know_the_scale_of_logits() -> None:
    logits, labels = images_of(20, 5), torch.arange(20) % 5
    torch.testing.assert_close(dlr(1000 * logits, labels), dlr(logits, labels), rtol=1e-4, atol=0)
    assert torch.equal(dlr(logits, labels) > 0, margin(logits, labels) > 0)
    with pytest.raises(ValueError, match="loss dlr must have at least 3 classes, got 2"):
        dlr(logits[:, :2], labels % 2)


class _Valley(nn.Module):
    """Logits (0, -(mean - 0.6)^2) of an image: the loss of label 0 is largest at a mean of 0.6."""

    def forward(self, images: Tensor) -> Tensor:
        loss = -((images.mean(dim=(1, 2, 3)) - 0.6) ** 2)
        return torch.stack([torch.zeros_like(loss), loss], dim=1)


@pytest.mark.parametrize("num_restarts", [1, 2])
def test_best_iterate_is_kept_where_steps_go_too_far(num_restarts: int) -> None:
    """From 0.5 by 0.11: 0.61, 0.50, 0.61, 0.50; the last is not the best."""
    images, labels = torch.full((1, 1, 2, 2), 0.5), torch.tensor([0])
    options: dict[str, Any] = {"random_start": False, "num_restarts": num_restarts}
    attack = PGD(epsilon=0.3, step_size=0.11, num_steps=4, loss="margin", **options)
    last = attack.perturb(_Valley(), images, labels, keys_of(1))
    best = attack.model_copy(update={"keep": "best"}).perturb(_Valley(), images, labels, keys_of(1))
    torch.testing.assert_close(last, images)
    torch.testing.assert_close(best, torch.full_like(images, 0.61))


@each_kind
def test_best_iterate_is_never_weaker_than_the_last(
    kind: str, trained: nn.Module, sixty_digits: tuple[Tensor, Tensor]
) -> None:
    (images, labels), keys = sixty_digits, keys_of(60)
    sizes = {"step_size": 0.1} if kind != "integrated" else {"rt_step_size": 0.1}
    attacks = [KINDS[kind](0.1, num_steps=4, keep=keep, **sizes) for keep in ("last", "best")]
    last, best = (
        loss_of(trained, attack.perturb(trained, images, labels, keys), labels)
        for attack in attacks
    )
    assert (best >= last - ROUNDING).all()
    assert (best > last + ROUNDING).any()


def test_cosine_steps_shrink_to_nothing() -> None:
    """Steps are step_size (1 + cos(pi t / T)) / 2 for t = 0 .. T - 1; they sum to (T + 1) / 2."""
    weight = images_of(1, 4, 4) - 0.5
    images, labels = torch.full((1, 1, 4, 4), 0.5), torch.zeros(1, dtype=torch.int64)
    attack = PGD(epsilon=0.4, step_size=0.05, num_steps=8, random_start=False, step_decay="cosine")
    adversarial = attack.perturb(two_class(weight), images, labels, keys_of(1))
    torch.testing.assert_close(adversarial - images, (-0.05 * 4.5 * weight.sign())[None])


# Restarts and random starts


@each_kind
def test_starts_differ_by_key_and_by_restart_and_by_nothing_else(kind: str) -> None:
    images = torch.full((6, 1, 8, 8), 0.5)
    attack, keys = KINDS[kind](0.2, num_steps=1), keys_of(6)
    together = attack.start(images, keys, 0)
    subset = torch.tensor([4, 1])
    for w, alone in zip(together, attack.start(images[subset], keys[subset], 0), strict=True):
        assert torch.equal(alone, w[subset])
        assert len(w.flatten(1).unique(dim=0)) == 6
    for w, again in zip(together, attack.start(images, keys, 1), strict=True):
        assert not torch.isclose(w, again).any(dim=0).all()
        assert abs(float(torch.corrcoef(torch.stack([w.flatten(), again.flatten()]))[0, 1])) < 0.5


def test_the_parts_of_an_integrated_start_are_drawn_apart() -> None:
    images = torch.zeros(6, 1, 8, 8)
    attack = Integrated(rt_epsilon=1, flow_epsilon=1, num_steps=1)
    for restart in (0, 1):
        increment, flow = attack.start(images, keys_of(6), restart)
        assert not torch.isclose(increment.flatten(1), flow.flatten(1)[:, :6]).any()


@each_kind
def test_adversarial_images_do_not_depend_on_the_batch(kind: str) -> None:
    model, images = network(3), images_of(9, 3, 8, 8)
    labels, keys = torch.arange(9) % 5, keys_of(9)
    attack = KINDS[kind](0.1, num_steps=3, num_restarts=2)
    together = attack.perturb(model, images, labels, keys)
    for i in range(9):
        one = slice(i, i + 1)
        alone = attack.perturb(model, images[one], labels[one], keys[one])
        torch.testing.assert_close(alone, together[one], atol=1e-5, rtol=0)


@each_kind
def test_more_restarts_are_never_weaker(
    kind: str, trained: nn.Module, sixty_digits: tuple[Tensor, Tensor]
) -> None:
    (images, labels), keys = sixty_digits, keys_of(60)
    single = KINDS[kind](0.1, num_steps=2)
    several = KINDS[kind](0.1, num_steps=2, num_restarts=4)
    losses = [
        loss_of(trained, a.perturb(trained, images, labels, keys), labels)
        for a in (single, several)
    ]
    assert (losses[1] >= losses[0] - ROUNDING).all()
    assert (losses[1] > losses[0] + ROUNDING).any()
    bits = [a.correct(trained, images, labels, keys, (1, 2)) for a in (single, several)]
    assert (bits[1] <= bits[0]).all()
    assert bits[1].sum() < bits[0].sum()


def test_restarts_keep_the_best_of_single_runs() -> None:
    """Restart r of several is the run from start r; per example the highest loss is kept."""
    model, images = network(3, seed=2), images_of(20, 3, 8, 8)
    labels, keys = predictions(model, images), keys_of(20)
    several = PGD(epsilon=0.06, num_steps=2, num_restarts=3)

    class FromRestart(PGD):
        restart: int

        def start(self, images: Tensor, keys: Tensor, restart: int) -> Parameters:
            return super().start(images, keys, self.restart)

    runs = torch.stack(
        [
            FromRestart(epsilon=0.06, num_steps=2, restart=r).perturb(model, images, labels, keys)
            for r in range(3)
        ]
    )
    losses = torch.stack([loss_of(model, run, labels) for run in runs])
    best = runs[losses.argmax(0), torch.arange(20)]
    torch.testing.assert_close(several.perturb(model, images, labels, keys), best)
    assert len(losses.argmax(0).unique()) == 3


# Ladders


@each_kind
@pytest.mark.parametrize("num_restarts", [1, 3])
def test_one_run_of_the_ladder_gives_every_rung(
    kind: str, num_restarts: int, trained: nn.Module, sixty_digits: tuple[Tensor, Tensor]
) -> None:
    (images, labels), keys = sixty_digits, keys_of(60)
    sizes = {"step_size": 0.04} if kind != "integrated" else {"rt_step_size": 0.04}
    attack = KINDS[kind](0.15, num_steps=9, num_restarts=num_restarts, **sizes)
    ladder = (1, 2, 5, 9)
    bits = attack.correct(trained, images, labels, keys, ladder)
    assert bits.shape == (4, 60)
    assert bits.dtype == torch.bool
    assert (bits[1:] <= bits[:-1]).all()
    assert bits[-1].sum() < bits[0].sum()
    for rung, num_steps in enumerate(ladder):
        alone = attack.correct(trained, images, labels, keys, (num_steps,))
        assert torch.equal(alone[0], bits[rung])


def test_the_base_class_ladder_agrees_where_the_loss_only_rises() -> None:
    """On a linear model the last iterate is the worst, so that both ways of counting agree."""
    model = two_class(images_of(1, 5, 5) - 0.5)
    images = 0.3 + 0.4 * images_of(60, 1, 5, 5, seed=1)
    labels, keys = predictions(model, images), keys_of(60)
    attack = PGD(epsilon=0.06, step_size=0.02, num_steps=6)
    ladder = (1, 2, 3, 6)
    bits = attack.correct(model, images, labels, keys, ladder)
    assert torch.equal(Attack.correct(attack, model, images, labels, keys, ladder), bits)
    assert 0 < bits[-1].sum() < bits[0].sum() < 60


class Noise(Attack):
    """A user's attack that defines `search` alone: noise that its keys draw, new at each step."""

    rung: ClassVar[str | None] = "num_steps"

    num_steps: int
    radius_epsilon: float

    def search(self, model: nn.Module, images: Tensor, labels: Tensor, keys: Tensor) -> Tensor:
        noise = uniform(keys, stream=self.num_steps, shape=tuple(images.shape[1:]))
        return (images + self.radius_epsilon * (2 * noise - 1)).clamp(0, 1)


def test_an_attack_with_search_alone_has_ladder_and_warm_up() -> None:
    model, images = network(), images_of(50, 1, 8, 8)
    labels, keys = predictions(model, images), keys_of(50)
    attack = Noise(num_steps=1, radius_epsilon=0.8)
    bits = attack.correct(model, images, labels, keys, (1, 2, 3))
    alive = torch.ones(50, dtype=torch.bool)
    for rung, num_steps in enumerate((1, 2, 3)):
        noisy = Noise(num_steps=num_steps, radius_epsilon=0.8)
        alive &= predictions(model, noisy.perturb(model, images, labels, keys)) == labels
        assert torch.equal(bits[rung], alive)
    assert bits[2].sum() < bits[0].sum()
    assert attack.scaled(0.5) == Noise(num_steps=1, radius_epsilon=0.4)


# Scaling


def test_scaling_multiplies_every_radius_and_every_step_that_is_set() -> None:
    attack = Integrated(
        rt_epsilon=0.4, flow_epsilon=0.2, rt_step_size=0.1, num_steps=7, padding="border"
    )
    assert attack.scaled(0.5) == Integrated(
        rt_epsilon=0.2, flow_epsilon=0.1, rt_step_size=0.05, num_steps=7, padding="border"
    )
    assert attack.rt_epsilon == 0.4


@each_kind
def test_scaling_by_one_changes_nothing_and_by_zero_leaves_the_clean_image(kind: str) -> None:
    model, images = network(3), images_of(5, 3, 8, 8)
    labels, keys = torch.zeros(5).long(), keys_of(5)
    sizes = {"flow_step_size": 0.1} if kind == "integrated" else {"step_size": 0.1}
    attack = KINDS[kind](0.2, num_steps=3, **sizes)
    assert attack.scaled(1.0) == attack
    nothing = attack.scaled(0.0)
    assert all(c.radius == c.step_size == 0 for c in nothing.components(images))
    clean = nothing.perturb(model, images, labels, keys)
    torch.testing.assert_close(clean, images, atol=ROUNDING, rtol=0)


# What is left as it was


class Delicate(nn.Module):
    """Everything that a careless attack would disturb, and notes of how it was called."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Dropout(0.5))
        self.resting = nn.BatchNorm1d(3 * 36)
        self.head = nn.Linear(3 * 36, 4)
        self.calls: list[tuple[bool, bool]] = []
        self.fails_at = -1

    def forward(self, images: Tensor) -> Tensor:
        self.calls.append((self.training, any(p.requires_grad for p in self.parameters())))
        if len(self.calls) == self.fails_at:
            raise FloatingPointError("the model's own")
        logits: Tensor = self.head(self.resting(self.body(images).flatten(1)))
        return logits


def delicate() -> Delicate:
    """In training mode but for one layer, one weight frozen, gradients under way."""
    torch.manual_seed(0)
    model = Delicate().train()
    model.resting.eval()
    model.head.bias.requires_grad_(False)
    model(images_of(4, 1, 8, 8)).sum().backward()
    model.calls.clear()
    return model


def snapshot(model: nn.Module) -> tuple[Any, ...]:
    return (
        {name: value.clone() for name, value in model.state_dict().items()},
        {name: module.training for name, module in model.named_modules()},
        {name: p.requires_grad for name, p in model.named_parameters()},
        {name: None if p.grad is None else p.grad.clone() for name, p in model.named_parameters()},
    )


def assert_untouched(model: nn.Module, before: tuple[Any, ...]) -> None:
    state, modes, flags, gradients = before
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert {name: module.training for name, module in model.named_modules()} == modes
    assert {name: p.requires_grad for name, p in model.named_parameters()} == flags
    for name, parameter in model.named_parameters():
        if gradients[name] is None:
            assert parameter.grad is None
        else:
            assert parameter.grad is not None
            assert torch.equal(parameter.grad, gradients[name])


@each_kind
@pytest.mark.parametrize("grad_enabled", [True, False])
def test_the_model_is_used_frozen_and_left_as_it_was(kind: str, grad_enabled: bool) -> None:
    model, images = delicate(), images_of(6, 1, 8, 8)
    labels, keys = torch.arange(6) % 4, keys_of(6)
    before, generator = snapshot(model), torch.get_rng_state()
    attack = KINDS[kind](0.1, num_steps=2, num_restarts=2)
    with torch.set_grad_enabled(grad_enabled):
        attack.perturb(model, images, labels, keys)
        attack.correct(model, images, labels, keys, (1, 2))
        Attack.correct(attack, model, images, labels, keys, (1, 2))
        assert torch.is_grad_enabled() == grad_enabled
    assert_untouched(model, before)
    assert torch.equal(torch.get_rng_state(), generator)
    assert set(model.calls) == {(False, False)}  # never in training mode, no weight in the graph


@pytest.mark.parametrize("fails_at", [1, 2, 3, 4])
def test_a_model_that_raises_is_left_as_it_was(fails_at: int) -> None:
    model, images = delicate(), images_of(6, 1, 8, 8)
    with frozen(model), torch.no_grad():
        labels = model(images).argmax(1)  # so that none is broken before the model raises
    model.calls.clear()
    model.fails_at = fails_at
    before = snapshot(model)
    attack = PGD(epsilon=1e-6, num_steps=3, num_restarts=2)
    keys = keys_of(6)
    with pytest.raises(FloatingPointError, match="own"):
        attack.perturb(model, images, labels, keys)
    model.calls.clear()
    with pytest.raises(FloatingPointError, match="own"):
        attack.correct(model, images, labels, keys, (1, 3))
    assert torch.is_grad_enabled()
    assert_untouched(model, before)


def test_frozen_nests() -> None:
    model = delicate()
    before = snapshot(model)
    with frozen(model):
        with frozen(model):
            assert not any(module.training for module in model.modules())
        assert not any(module.training for module in model.modules())
        assert not any(p.requires_grad for p in model.parameters())
    assert_untouched(model, before)


@each_kind
def test_inputs_are_not_written_to(kind: str) -> None:
    model, images = network(3), images_of(6, 3, 8, 8)
    labels, keys = torch.arange(6) % 5, keys_of(6)
    copies = images.clone(), labels.clone(), keys.clone()
    attack = KINDS[kind](0.2, num_steps=3, num_restarts=2)
    adversarial = attack.perturb(model, images, labels, keys)
    attack.correct(model, images, labels, keys, (1, 3))
    adversarial.zero_()  # no view of the images either
    assert all(map(torch.equal, (images, labels, keys), copies))
    assert not images.requires_grad


# Settings


@pytest.mark.parametrize(
    ("fields", "piece"),
    [
        ({"epsilon": -0.1}, "epsilon"),
        ({"epsilon": float("nan")}, "epsilon"),
        ({"num_steps": 0}, "num_steps"),
        ({"num_restarts": 0}, "num_restarts"),
        ({"step_size": 0}, "step_size"),
        ({"loss": "hinge"}, "loss"),
        ({"padding": "reflection"}, "padding"),
        ({"radius": 1}, "radius"),
    ],
)
def test_settings_out_of_range_are_refused(fields: dict[str, Any], piece: str) -> None:
    with pytest.raises(ValidationError, match=piece):
        Flow.model_validate({"epsilon": 0.1, "num_steps": 3} | fields)


def test_a_radius_may_be_written_in_8_bit_steps() -> None:
    attack = PGD.model_validate({"epsilon": "8/255", "step_size": "2/255", "num_steps": 10})
    assert attack == PGD(epsilon=8 / 255, step_size=2 / 255, num_steps=10)
