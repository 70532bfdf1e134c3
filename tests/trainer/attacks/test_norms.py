"""Norms of PGD: closed forms on linear models, projections, starts, and what is refused."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Literal, get_args

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from scipy import optimize, stats
from torch import Tensor, nn

from tests.trainer.attacks.test_attacks import (
    ROUNDING,
    images_of,
    keys_of,
    loss_of,
    network,
    predictions,
    true_margin,
    two_class,
)
from trainer.attacks import PGD
from trainer.attacks.norms import L2, LINF, NORMS, NormName, nearest_in_l1
from trainer.config import Trial
from trainer.data import Dataset
from trainer.input.problems import BadInput

DUAL: dict[NormName, Callable[[Tensor], Tensor]] = {
    "linf": lambda w: w.abs().flatten(1).sum(1),
    "l2": lambda w: w.square().flatten(1).sum(1).sqrt(),
    "l1": lambda w: w.abs().flatten(1).amax(1),
}
"""How far a linear function rises, at most, over a step of length 1, by norm."""

SIZE: dict[NormName, Callable[[Tensor], Tensor]] = {
    "linf": DUAL["l1"],
    "l2": DUAL["l2"],
    "l1": DUAL["linf"],
}
each_norm = pytest.mark.parametrize("norm", NORMS)
STAGES_AND_BEST = {"radius_decay": "stages", "keep": "best"}


def test_the_norms_are_those_that_the_setting_allows() -> None:
    assert set(get_args(PGD.model_fields["norm"].annotation)) == set(NORMS) == set(DUAL)


# Closed forms


@each_norm
@pytest.mark.parametrize("random_start", [False, True])
@pytest.mark.parametrize("radius_decay", ["none", "stages"])
def test_pgd_moves_a_linear_models_margin_by_2_epsilon_times_the_dual_norm(
    norm: NormName, random_start: bool, radius_decay: Literal["none", "stages"]
) -> None:
    weight = images_of(3, 4, 4) - 0.5
    weight[1, 2, 3] = 0.7  # the largest, alone
    model = two_class(weight, bias=0.2)
    images = 0.3 + 0.4 * images_of(6, 3, 4, 4, seed=1)  # 0.3 away from 0 and from 1
    labels = torch.arange(6) % 2
    attack = PGD(
        norm=norm,
        epsilon=0.25,
        num_steps=20,
        step_size=0.1,
        random_start=random_start,
        radius_decay=radius_decay,
    )
    adversarial = attack.perturb(model, images, labels, keys_of(6))
    moved = true_margin(model, images, labels) - true_margin(model, adversarial, labels)
    most = 2 * 0.25 * float(DUAL[norm](weight[None]))
    torch.testing.assert_close(moved, torch.full((6,), most), rtol=1e-4, atol=0)


@each_norm
@pytest.mark.parametrize(("num_steps", "reached"), [(1, 0.03), (3, 0.09), (4, 0.1), (9, 0.1)])
def test_pgd_goes_one_step_at_a_time_until_the_radius(
    norm: NormName, num_steps: int, reached: float
) -> None:
    images, labels = torch.full((2, 1, 4, 4), 0.5), torch.zeros(2, dtype=torch.int64)
    attack = PGD(norm=norm, epsilon=0.1, step_size=0.03, num_steps=num_steps, random_start=False)
    model = two_class(images_of(1, 4, 4) - 0.5)
    delta = attack.perturb(model, images, labels, keys_of(2)) - images
    torch.testing.assert_close(SIZE[norm](delta), torch.full((2,), reached))


def test_l2_steps_reach_the_optimum_of_a_badly_scaled_model_and_sign_steps_half_of_it() -> None:
    """With w falling from 1 to 5e-4, signs reach eps ||w||_1 / sqrt(d) of eps ||w||_2."""

    class BySign(L2):
        def steepest(self, gradients: Tensor) -> Tensor:
            return LINF.steepest(gradients) / gradients[0].numel() ** 0.5

    class SignSteps(PGD):
        def components(self, images: Tensor) -> Any:
            return tuple(c._replace(norm=BySign()) for c in super().components(images))

    weight = torch.logspace(0, -3.3, 256).reshape(1, 16, 16)
    model, images = two_class(weight), torch.full((1, 1, 16, 16), 0.5)
    labels = torch.tensor([0])
    most = 2 * 0.4 * float(DUAL["l2"](weight[None]))
    shares = []
    for kind in (PGD, SignSteps):
        attack = kind(norm="l2", epsilon=0.4, num_steps=20, step_size=0.1)
        adversarial = attack.perturb(model, images, labels, keys_of(1))
        moved = true_margin(model, images, labels) - true_margin(model, adversarial, labels)
        shares.append(float(moved) / most)
    assert shares[0] >= 0.99
    assert 0.45 < shares[1] < 0.55


@pytest.mark.parametrize("seed", range(3))
def test_l1_comes_near_the_optimum_that_the_range_of_pixels_leaves(seed: int) -> None:
    """Filled to the brim, largest weights first, is the best that a linear model allows; the
    projection takes a little from every pixel at each step, so it is come near to, not reached."""
    weight = images_of(1, 12, 12, seed=seed) - 0.5
    model, images = two_class(weight), images_of(4, 1, 12, 12, seed=seed + 10)
    labels = torch.zeros(4, dtype=torch.int64)
    attack = PGD(norm="l1", epsilon=5, num_steps=60, step_decay="cosine", keep="best")
    adversarial = attack.perturb(model, images, labels, keys_of(4))
    moved = true_margin(model, images, labels) - true_margin(model, adversarial, labels)
    w = weight.flatten()
    for image, found in zip(images.flatten(1), moved, strict=True):
        most, left = 0.0, 5.0
        for place in w.abs().argsort(descending=True).tolist():
            room = float(image[place] if w[place] > 0 else 1 - image[place])
            most, left = most + 2 * min(room, left) * float(w[place].abs()), left - min(room, left)
        assert 0.97 * most <= float(found) <= most * (1 + 1e-5)


# Steps


@hypothesis_settings(max_examples=60)
@given(
    norm=st.sampled_from(sorted(NORMS)),
    seed=st.integers(0, 1000),
    shape=st.sampled_from([(1, 3), (4, 7), (2, 3, 5, 5)]),
    scale=st.sampled_from([1e-30, 1.0, 1e30]),
)
def test_a_steepest_step_has_length_1_and_climbs_by_the_dual_norm(
    *, norm: NormName, seed: int, shape: tuple[int, ...], scale: float
) -> None:
    unit = torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
    step = NORMS[norm].steepest(scale * unit)
    torch.testing.assert_close(SIZE[norm](step), torch.ones(shape[0]))
    torch.testing.assert_close((step * unit).flatten(1).sum(1), DUAL[norm](unit))


@each_norm
def test_no_step_is_taken_where_there_is_no_gradient(norm: NormName) -> None:
    gradients = torch.zeros(3, 1, 2, 2)
    gradients[1] = torch.nan
    gradients[2, 0, 0] = torch.tensor([torch.nan, -torch.inf])
    step = NORMS[norm].steepest(gradients)
    assert torch.equal(step[:2], torch.zeros(2, 1, 2, 2))
    torch.testing.assert_close(step[2, 0], torch.tensor([[0.0, -1.0], [0.0, 0.0]]))


def test_an_l1_step_fills_pixels_in_the_order_of_their_gradients() -> None:
    images = torch.tensor([[[[0.2, 0.9, 0.5, 0.0]]]])
    delta = torch.tensor([[[[0.0, 0.1, -0.2, 0.0]]]])  # the second is white already
    gradients = torch.tensor([[[[-3.0, 5.0, 2.0, -4.0]]]])
    reached = {0.1: [-0.1, 0, 0, 0], 0.5: [-0.2, 0, 0.3, 0], 9.0: [-0.2, 0, 0.7, 0]}
    for length, expected in reached.items():
        step = NORMS["l1"].climb(images, delta, gradients, length=length)
        torch.testing.assert_close(step.flatten(), torch.tensor(expected))


# Stages of the radius


def test_radius_and_step_shrink_in_three_stages() -> None:
    """Three times and twice as large for three tenths each, then as given."""
    attack = PGD(norm="l1", epsilon=2, step_size=1, num_steps=10, radius_decay="stages")
    stages = [attack.in_stage(step / 10) for step in range(1, 11)]
    assert [stage.epsilon for stage in stages] == [6] * 3 + [4] * 3 + [2] * 4
    assert [stage.step_size for stage in stages] == [3] * 3 + [2] * 3 + [1] * 4
    assert PGD(epsilon=2, norm="l1", num_steps=10).in_stage(0.1).epsilon == 2


@each_norm
def test_what_errs_outside_the_ball_alone_withstands_the_stages(norm: NormName) -> None:
    """Its margin is that of 1.5 times the radius, which the first two stages leave behind."""
    weight = images_of(1, 4, 4) - 0.5
    weight[0, 1, 2] = 0.7
    images, labels = torch.full((2, 1, 4, 4), 0.5), torch.zeros(2, dtype=torch.int64)
    attack = PGD(norm=norm, epsilon=0.1, step_size=0.05, num_steps=20, radius_decay="stages")
    clean = true_margin(two_class(weight), images, labels)
    for share, withstands in ((1.5, True), (0.9, False)):
        wanted = 2 * 0.1 * share * float(DUAL[norm](weight[None]))
        model = two_class(weight, bias=(wanted - float(clean[0])) / 2)
        torch.testing.assert_close(true_margin(model, images, labels), torch.full((2,), wanted))
        bits = attack.correct(model, images, labels, keys_of(2), (20,))
        assert bool(bits.all()) == bool(bits.any()) == withstands


# Projections


def _most(c: np.ndarray, radius: float, low: np.ndarray, high: np.ndarray) -> float:
    """The largest c u over the L1 ball and the box, by linear programming in u = p - n."""
    d = len(c)
    rows = np.vstack([np.ones(2 * d), np.hstack([np.eye(d), -np.eye(d)])])
    rows = np.vstack([rows, -rows[1:]])
    bounds = np.concatenate([[radius], high, -low])
    solved = optimize.linprog(-np.concatenate([c, -c]), A_ub=rows, b_ub=bounds)
    return float(-solved.fun)


@hypothesis_settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    size=st.integers(1, 7),
    radius=st.sampled_from([0.0, 0.1, 1.0, 2.5, 100.0]),
    spread=st.sampled_from([0.1, 1.0, 3.0]),
)
def test_the_l1_projection_is_nearest(
    *, seed: int, size: int, radius: float, spread: float
) -> None:
    """v is nearest to w in a convex set if and only if (w - v)(u - v) <= 0 for all u of it."""
    generator = torch.Generator().manual_seed(seed)
    w = spread * torch.randn(3, size, generator=generator)
    w[:, 0] = w[:, -1]  # ties
    images = torch.rand(3, size, generator=generator)
    found = nearest_in_l1(w, radius, low=-images, high=1 - images)
    assert found.dtype == w.dtype
    for row in range(3):
        point, v = w[row].double().numpy(), found[row].double().numpy()
        low, high = -images[row].double().numpy(), 1 - images[row].double().numpy()
        assert np.abs(v).sum() <= radius + ROUNDING
        assert (low - ROUNDING <= v).all()
        assert (v <= high + ROUNDING).all()
        normal = point - v
        assert normal @ v >= _most(normal, radius, low, high) - 1e-5 * spread * (1 + radius)


@each_norm
def test_a_projection_leaves_what_is_within_and_shrinks_what_is_not(norm: NormName) -> None:
    w = images_of(5, 2, 3, 3) - 0.5
    sizes = SIZE[norm](w)
    inside = NORMS[norm].shrunk(w, float(sizes.max()) * 1.01)
    torch.testing.assert_close(inside, w)
    radius = float(sizes.min()) / 2
    shrunk = NORMS[norm].shrunk(w, radius)
    torch.testing.assert_close(SIZE[norm](shrunk), torch.full((5,), radius))
    assert torch.equal(NORMS[norm].shrunk(w, 0.0), torch.zeros_like(w))


@hypothesis_settings(max_examples=40, deadline=None)
@given(
    norm=st.sampled_from(sorted(NORMS)),
    epsilon=st.floats(0, 1, width=32),
    num_steps=st.integers(1, 4),
    random_start=st.booleans(),
    options=st.sampled_from([{}, {"radius_decay": "stages"}, {"keep": "best"}, STAGES_AND_BEST]),
    seed=st.integers(0, 100),
)
def test_every_image_stays_in_the_ball_and_in_range(
    *,
    norm: NormName,
    epsilon: float,
    num_steps: int,
    random_start: bool,
    options: dict[str, Any],
    seed: int,
) -> None:
    epsilon *= {"linf": 1, "l2": 5, "l1": 40}[norm]
    model, images = network(3, (5, 6), seed=seed), images_of(3, 3, 5, 6, seed=seed)
    images = images.round(decimals=1)  # some pixels at 0 and at 1
    steps = {"num_steps": num_steps, "random_start": random_start}
    attack = PGD(norm=norm, epsilon=epsilon, **steps, **options)
    adversarial = attack.perturb(model, images, torch.zeros(3).long(), keys_of(3))
    assert adversarial.min() >= 0
    assert adversarial.max() <= 1
    assert (SIZE[norm](adversarial - images) <= epsilon + 1e-5 * (1 + epsilon)).all()


# Starts


@each_norm
def test_random_starts_are_uniform_in_the_ball(norm: NormName) -> None:
    """Of the ball of radius 1 in d dimensions that of radius r is r^d, and none of 2^d orthants
    has more than another."""
    starts = NORMS[norm].start(keys_of(4000), stream=0, shape=(1, 2, 2))
    assert starts.shape == (4000, 1, 2, 2)
    assert starts.dtype == torch.float32
    shares = SIZE[norm](starts).double() ** 4
    assert stats.kstest(shares.numpy(), "uniform").pvalue > 1e-3
    assert float(shares.max()) <= 1 + ROUNDING
    orthants = ((starts.flatten(1) > 0) * torch.tensor([1, 2, 4, 8])).sum(1).bincount(minlength=16)
    assert stats.chisquare(orthants.numpy()).pvalue > 1e-3
    sizes = starts.flatten(1).abs().mean(0)
    torch.testing.assert_close(sizes, sizes.mean().expand(4), rtol=0.05, atol=0)


@each_norm
def test_images_do_not_depend_on_the_batch(norm: NormName) -> None:
    model, images = network(3), images_of(9, 3, 8, 8)
    labels, keys = torch.arange(9) % 5, keys_of(9)
    epsilon = {"linf": 0.1, "l2": 0.8, "l1": 6.0}[norm]
    attack = PGD(norm=norm, epsilon=epsilon, num_steps=3, num_restarts=2)
    together = attack.perturb(model, images, labels, keys)
    for i in range(9):
        one = slice(i, i + 1)
        alone = attack.perturb(model, images[one], labels[one], keys[one])
        torch.testing.assert_close(alone, together[one], atol=1e-5, rtol=0)


# On a trained network


@pytest.fixture(scope="module")
def sixty(digits: Dataset) -> tuple[Tensor, Tensor]:
    """Images and labels of 60 test digits."""
    return digits.test.images_at(torch.arange(60)), digits.test.labels[:60]


@pytest.mark.parametrize(("norm", "epsilon"), [("l2", 1.0), ("l1", 4.0)])
def test_ladders_restarts_and_best_iterates(
    norm: NormName, epsilon: float, trained: nn.Module, sixty: tuple[Tensor, Tensor]
) -> None:
    (images, labels), keys = sixty, keys_of(60)
    attack = PGD(norm=norm, epsilon=epsilon, num_steps=9, step_size=epsilon / 4)
    bits = attack.correct(trained, images, labels, keys, (1, 3, 9))
    assert (bits[1:] <= bits[:-1]).all()
    assert bits[-1].sum() < bits[0].sum()
    for rung, num_steps in enumerate((1, 3, 9)):
        assert torch.equal(
            attack.correct(trained, images, labels, keys, (num_steps,))[0], bits[rung]
        )
    losses = {}
    for starts, keep in ((1, "last"), (1, "best"), (3, "best")):
        asked = attack.model_copy(update={"num_restarts": starts, "keep": keep})
        losses[starts, keep] = loss_of(
            trained, asked.perturb(trained, images, labels, keys), labels
        )
    assert (losses[1, "best"] >= losses[1, "last"] - ROUNDING).all()
    assert (losses[3, "best"] >= losses[1, "best"] - ROUNDING).all()


@pytest.mark.slow
@pytest.mark.parametrize(("norm", "epsilon"), [("l2", 0.7), ("l1", 1.5)])
def test_as_strong_as_apgd_at_as_many_steps(
    norm: NormName, epsilon: float, trained: nn.Module, digits: Dataset
) -> None:
    """The oracle is Croce and Hein's APGD from a package of theirs, one start each."""
    base = pytest.importorskip("pyautoattack.autopgd_base")
    images, labels = digits.test.images_at(torch.arange(200)), digits.test.labels[:200]
    apgd = base.APGDAttack(
        trained,
        norm=norm.upper(),
        eps=epsilon,
        n_iter=40,
        n_restarts=1,
        loss="ce",
        seed=0,
        device="cpu",
        logger=logging.getLogger(),
    )
    right = predictions(trained, images) == labels
    theirs = right & (predictions(trained, apgd.perturb(images, labels)) == labels)
    attack = PGD(norm=norm, epsilon=epsilon, num_steps=40, step_size=epsilon, step_decay="cosine")
    ours = attack.correct(trained, images, labels, keys_of(200), (40,))[0]
    assert 20 < theirs.sum() < right.sum() - 20
    assert ours.sum() <= theirs.sum() + 6


# Settings


def test_linf_is_the_default_and_no_content() -> None:
    plain, named = PGD(epsilon=0.3, num_steps=2), PGD(norm="linf", epsilon=0.3, num_steps=2)
    assert plain == named
    assert not {"norm", "radius_decay"} & plain.content().keys()
    assert PGD(epsilon=0.3, num_steps=2, radius_decay="stages").content() != plain.content()
    assert PGD(norm="l2", epsilon=0.3, num_steps=2).content()["norm"] == "l2"


def test_a_radius_over_1_is_one_of_other_norms_alone(small_trial: Callable[..., Trial]) -> None:
    of = {"epsilon": 12, "step_size": 3, "norm": "l1"}
    trial = small_trial(training={"attacks": {"pgd": of}}, method={"method": "pgd"})
    attack = trial.attacks["pgd"]
    assert isinstance(attack, PGD)
    assert (attack.norm, attack.epsilon, attack.step_size) == ("l1", 12, 3)
    with pytest.raises(BadInput, match=r"pgd\.epsilon: must be <= 1, got 12 \(radius"):
        small_trial(training={"attacks": {"pgd": of | {"norm": "linf", "step_size": 0.1}}})


def test_a_norm_that_an_attack_does_not_have_is_refused(small_trial: Callable[..., Trial]) -> None:
    with pytest.raises(BadInput, match=r"pgd\.norm: must be one of 'linf', 'l2' or 'l1', got 'l3'"):
        small_trial(training={"attacks": {"pgd": {"norm": "l3"}}})
    with pytest.raises(BadInput, match=r"flow\.norm: is not a known key"):
        small_trial(training={"attacks": {"flow": {"norm": "l2"}}})


@pytest.mark.parametrize(
    ("norm", "epsilon", "shape", "said"),
    [
        ("l2", 0.5, (3, 32, 32), ""),
        ("l2", 8 / 255, None, "0.5 on CIFAR-10 and 2 on MNIST is usual"),
        ("l2", 128.0, (3, 32, 32), "over 27.7"),
        ("l1", 12.0, (3, 32, 32), ""),
        ("l1", 0.3, None, "10 to 12 is usual"),
        ("l1", 40.0, (1, 8, 8), "over 32, the distance in the l1 norm from black to half grey"),
        ("l1", 40.0, None, ""),
    ],
)
def test_a_radius_that_is_hardly_meant_is_told(
    norm: NormName, epsilon: float, shape: tuple[int, int, int] | None, said: str
) -> None:
    warning = PGD(norm=norm, epsilon=epsilon, num_steps=5).radius_warning(shape)
    assert said in warning
    assert bool(warning) == bool(said)


def test_steps_of_another_norm_that_do_not_reach_the_radius_are_told() -> None:
    attack = PGD(norm="l2", epsilon=2, num_steps=40, step_size=0.01)
    assert "40 steps go 0.4 of a radius of 2" in attack.radius_warning(None)
    assert attack.reach((1, 28, 28)) == "2 (l2)"
