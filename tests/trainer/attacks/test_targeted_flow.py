"""The targeted flow attack: its objective in closed form, its solutions, and its targets."""

from __future__ import annotations

import math
from typing import Any, get_args

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from trainer.attacks import targeted_flow
from trainer.attacks.targeted_flow import (
    KINK_WIDTH,
    TARGETS,
    TargetedFlow,
    TargetedFlows,
    flow_smoothness,
    targeted_objective,
)
from trainer.data import Dataset
from trainer.evaluation.suite import read_suite
from trainer.input.document import Document
from trainer.input.problems import BadInput
from trainer.randomness import example_keys
from trainer.warp import flow_warp

ROUNDING = 1e-6


def keys_of(count: int, *, seed: int = 0) -> Tensor:
    return example_keys(seed, torch.arange(count))


def images_of(*shape: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0))


def network(side: int = 6) -> nn.Sequential:
    """Three classes, with normalisation by batch statistics, in training mode."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1),
            nn.BatchNorm2d(4),
            nn.Tanh(),
            nn.Flatten(),
            nn.Linear(4 * side * side, 3),
        )


def ramp_reader(*, sees_zero_by: float) -> tuple[nn.Module, Tensor]:
    """A linear model and a ramp, 0.1 a pixel: reading d pixels to the right adds 10 d to class 1.

    `sees_zero_by` is the lead of class 0 on the ramp as it is. One pixel alone is looked at.
    """
    ramp = (0.1 * torch.arange(9)).expand(1, 1, 9, 9).contiguous()
    layer = nn.Linear(81, 2)
    with torch.no_grad():
        layer.weight.zero_()
        layer.weight[1, 40] = 100
        layer.bias.copy_(torch.tensor([sees_zero_by, -40.0]))
    return nn.Sequential(nn.Flatten(), layer), ramp


def found_on(model: nn.Module, image: Tensor, attack: TargetedFlow) -> TargetedFlows:
    return attack.flows(model, image, torch.zeros(len(image)).long(), keys_of(len(image)))


def lead(model: nn.Module, found: TargetedFlows) -> Tensor:
    """Of the target's logit over the best other, B."""
    with torch.no_grad():
        return -targeted_objective(
            model(found.images), found.targets, in_pixels(found.flows), tau=0, kappa=math.inf
        )


def in_pixels(flows: Tensor) -> Tensor:
    height, width = flows.shape[-2:]
    return flows.double() * torch.tensor([width / 2, height / 2])[:, None, None]


# Smoothness


def test_a_constant_flow_is_smooth() -> None:
    constant = torch.tensor([3.0, -2.0])[:, None, None].expand(2, 2, 5, 7).double()
    moved = constant.clone().requires_grad_()
    smoothness = flow_smoothness(moved)
    assert smoothness.tolist() == [0, 0]
    (gradient,) = torch.autograd.grad(smoothness.sum(), moved)
    assert (gradient == 0).all()


@pytest.mark.parametrize(
    ("row", "column", "neighbours"), [(2, 3, 4), (0, 3, 3), (2, 6, 3), (4, 6, 2)]
)
def test_one_pixel_that_moves_differs_from_its_neighbours(
    row: int, column: int, neighbours: int
) -> None:
    """By 5, the norm of (3, -4), and they from it."""
    moved = torch.zeros(1, 2, 5, 7).double()
    moved[0, :, row, column] = torch.tensor([3.0, -4.0])
    exact = 2 * neighbours * 5
    assert exact - 2 * neighbours * KINK_WIDTH <= flow_smoothness(moved).item() < exact


def test_a_linear_flow_differs_by_its_slope() -> None:
    """u = 2 x + 3 y over 5 rows and 7 columns: 5 * 6 pairs differ by 2, 4 * 7 by 3."""
    rows, columns = torch.meshgrid(torch.arange(5), torch.arange(7), indexing="ij")
    moved = torch.stack([2 * columns + 3 * rows, torch.zeros(5, 7)])[None].double()
    exact = 2 * (5 * 6 * 2 + 4 * 7 * 3)
    assert flow_smoothness(moved).item() == pytest.approx(exact, abs=2 * 58 * KINK_WIDTH)
    assert flow_smoothness(moved.flip(1)).item() == flow_smoothness(moved).item()
    assert flow_smoothness(moved.mT).item() == pytest.approx(flow_smoothness(moved).item())


# Objective


@pytest.mark.parametrize(
    ("logits", "kappa", "expected"),
    [
        ([5.0, 2.0, 1.0], 0.0, 3.0),  # class 0 leads the target, class 1, by 3
        ([5.0, 2.0, 9.0], 0.0, 7.0),
        ([1.0, 2.0, 1.5], 0.0, 0.0),  # reached, and no more is asked
        ([1.0, 2.0, 1.5], 0.2, -0.2),
        ([1.0, 2.0, 1.5], 0.7, -0.5),
    ],
)
def test_the_objective_of_no_flow_is_the_lead_over_the_target(
    logits: list[float], kappa: float, expected: float
) -> None:
    value = targeted_objective(
        torch.tensor([logits]), torch.tensor([1]), torch.zeros(1, 2, 4, 4), tau=9, kappa=kappa
    )
    assert value.item() == pytest.approx(expected)


def test_tau_weighs_the_smoothness_in_pixels() -> None:
    logits, moved = torch.zeros(1, 3), images_of(1, 2, 4, 6).double()
    value = targeted_objective(logits, torch.tensor([1]), moved, tau=0.3, kappa=0)
    torch.testing.assert_close(value, 0.3 * flow_smoothness(moved))


@pytest.mark.parametrize("kappa", [0, 50])
def test_the_gradient_is_that_of_finite_differences(kappa: float) -> None:
    model = network(4).double().eval()
    images = images_of(2, 1, 4, 4).double()
    targets = model(images).argmin(1)

    def objective(moved: Tensor) -> Tensor:
        logits = model(flow_warp(images, moved / 2, padding="border"))
        return targeted_objective(logits, targets, moved, tau=0.4, kappa=kappa)

    generator = torch.Generator().manual_seed(1)
    moved = 0.1 + 0.6 * torch.rand(2, 2, 4, 4, generator=generator).double()  # between pixels
    assert torch.autograd.gradcheck(objective, moved.requires_grad_())


# Solutions


@pytest.fixture
def as_seen() -> tuple[nn.Module, Tensor, Tensor]:
    """A network, images, and as their labels what it sees in them."""
    model, images = network().eval(), images_of(2, 1, 6, 6)
    return model, images, model(images).argmax(1)


@pytest.mark.parametrize("kappa", [0.0, 2.5])
def test_a_linear_model_is_brought_to_the_lead_that_is_asked(kappa: float) -> None:
    """Class 0 leads by 4, so the pixel must be read 0.4 + kappa / 10 to its right or farther."""
    model, ramp = ramp_reader(sees_zero_by=4)
    found = found_on(model, ramp, TargetedFlow(target="next", tau=0, kappa=kappa))
    assert found.reached.tolist() == [True]
    logits = model(found.images)
    value = targeted_objective(logits, found.targets, in_pixels(found.flows), tau=0, kappa=kappa)
    assert value.item() == pytest.approx(-kappa, abs=1e-3)
    assert in_pixels(found.flows)[0, 0, 4, 4] >= 0.4 + kappa / 10 - 1e-4
    assert in_pixels(found.flows)[0, 1].abs().max() < 1e-3


def test_smoothness_carries_the_neighbours_along() -> None:
    """One pixel alone would do; where it costs to differ from neighbours, they move as well."""
    model, ramp = ramp_reader(sees_zero_by=4)
    alone = found_on(model, ramp, TargetedFlow(target="next", tau=0)).flows[0, 0]
    assert (alone != 0).sum() == 1
    carried = found_on(model, ramp, TargetedFlow(target="next", tau=0.3)).flows[0, 0]
    assert carried.std() < alone.std() / 10
    assert (carried[4, 4] * 9 / 2).item() == pytest.approx(0.4, abs=0.01)


def test_a_target_out_of_reach_is_neared() -> None:
    """0.3 of the 0.4 pixels: class 0 still leads, by 1."""
    model, ramp = ramp_reader(sees_zero_by=4)
    found = found_on(model, ramp, TargetedFlow(target="next", tau=0, epsilon=0.3 * 2 / 9))
    assert found.reached.tolist() == [False]
    assert found.predictions.tolist() == [0]
    assert (found.flows[0, 0, 4, 4] * 9 / 2).item() == pytest.approx(0.3)
    assert lead(model, found).item() == pytest.approx(-1, abs=1e-4)


def test_a_larger_tau_is_smoother(as_seen: tuple[nn.Module, Tensor, Tensor]) -> None:
    rough, smooth = (
        flow_smoothness(in_pixels(attack.flows(*as_seen, keys_of(2)).flows))
        for attack in (TargetedFlow(tau=tau, num_steps=15) for tau in (1e-4, 0.02))
    )
    assert (smooth < rough / 2).all()


def test_a_larger_kappa_leads_by_more(as_seen: tuple[nn.Module, Tensor, Tensor]) -> None:
    model = as_seen[0]
    small, large = (
        TargetedFlow(tau=1e-4, kappa=kappa, num_steps=15).flows(*as_seen, keys_of(2))
        for kappa in (0, 0.2)
    )
    assert small.reached.all()
    assert large.reached.all()
    assert (lead(model, large) > 0.19).all()
    assert (lead(model, small) < 0.1).all()


def test_what_is_seen_as_the_target_already_is_not_moved() -> None:
    model, images = network().eval(), images_of(6, 1, 6, 6)
    seen = model(images).argmax(1)
    found = TargetedFlow(target="next").flows(model, images, (seen - 1) % 3, keys_of(6))
    assert torch.equal(found.targets, seen)
    assert found.reached.all()
    assert (found.flows == 0).all()
    torch.testing.assert_close(found.images, images, atol=ROUNDING, rtol=0)


def test_the_images_are_the_flows_and_the_answers_theirs() -> None:
    model, images = network(), images_of(6, 1, 6, 6)
    found = found_on(model, images, TargetedFlow(num_steps=5, padding="border"))
    warped = flow_warp(images, found.flows, padding="border").clamp(0, 1)
    torch.testing.assert_close(found.images, warped, atol=ROUNDING, rtol=0)
    model.eval()
    assert torch.equal(found.predictions, model(found.images).argmax(1))
    assert torch.equal(found.reached, found.predictions == found.targets)
    attack = TargetedFlow(num_steps=5, padding="border")
    perturbed = attack.perturb(model, images, torch.zeros(6).long(), keys_of(6))
    assert torch.equal(perturbed, found.images)


@pytest.mark.parametrize("epsilon", [0.0, 0.05, 0.2])
def test_epsilon_bounds_both_axes_in_grid_units(epsilon: float) -> None:
    layer = nn.Linear(5 * 8, 3)
    model, images = nn.Sequential(nn.Flatten(), layer), images_of(4, 1, 5, 8)
    attack = TargetedFlow(epsilon=epsilon, tau=0, kappa=100, num_steps=20)
    flows = found_on(model, images, attack).flows
    for axis in (0, 1):
        assert flows[:, axis].abs().amax() == pytest.approx(epsilon, abs=ROUNDING)


def test_smoothness_is_weighed_in_pixels_of_either_axis(monkeypatch: pytest.MonkeyPatch) -> None:
    weighed: list[Tensor] = []

    def recording(moved: Tensor) -> Tensor:
        weighed.append(moved.detach())
        return flow_smoothness(moved)

    monkeypatch.setattr(targeted_flow, "flow_smoothness", recording)
    model, image = nn.Sequential(nn.Flatten(), nn.Linear(5 * 8, 3)), images_of(1, 1, 5, 8)
    flow = found_on(model, image, TargetedFlow(tau=0.001, kappa=100, num_steps=5)).flows
    assert flow.abs().amax() > 0.01
    assert any(torch.allclose(moved, in_pixels(flow), atol=ROUNDING) for moved in weighed)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_images_and_flows_keep_the_type(dtype: torch.dtype) -> None:
    model, images = network().to(dtype), images_of(2, 1, 6, 6).to(dtype)
    found = found_on(model, images, TargetedFlow(num_steps=3))
    assert found.images.dtype == found.flows.dtype == dtype
    assert found.flows.shape == (2, 2, 6, 6)
    assert not found.images.requires_grad
    assert found.images.min() >= 0
    assert found.images.max() <= 1


def test_an_image_is_attacked_as_if_it_were_alone() -> None:
    model, images, keys = network(), images_of(5, 1, 6, 6), keys_of(5)
    labels = torch.arange(5) % 3
    attack = TargetedFlow(num_steps=8)
    whole = attack.flows(model, images, labels, keys)
    bits = attack.correct(model, images, labels, keys, ())
    for i in range(5):
        one = slice(i, i + 1)
        alone = attack.flows(model, images[one], labels[one], keys[one])
        for name in ("images", "flows", "targets", "predictions"):
            assert torch.equal(getattr(alone, name), getattr(whole, name)[one]), name
        bit = attack.correct(model, images[one], labels[one], keys[one], ())
        assert torch.equal(bit, bits[:, one])


def test_the_bits_count_any_wrong_answer() -> None:
    model, images = network().eval(), images_of(20, 1, 6, 6)
    labels = (model(images).argmax(1) + (torch.arange(20) < 10)) % 3
    attack = TargetedFlow(num_steps=3, tau=0.03)
    found = attack.flows(model, images, labels, keys_of(20))
    bits = attack.correct(model, images, labels, keys_of(20), ())
    assert torch.equal(bits, (found.predictions == labels)[None])
    assert 0 < bits.sum() < 20
    assert (~found.reached & ~bits[0]).any()  # astray, and not where it was to go


def test_digits_can_be_made_others(trained: nn.Module, digits: Dataset) -> None:
    images, labels = digits.test.images_at(torch.arange(3)), digits.test.labels[:3]
    attack = TargetedFlow(num_steps=25, tau=0.01)
    found = attack.flows(trained, images, labels, keys_of(3))
    assert found.reached.all()
    assert (in_pixels(found.flows).abs().amax((1, 2, 3)) < 2).all()


def test_the_model_is_left_as_it_was() -> None:
    model = network()
    model[0].weight.requires_grad_(False)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    flags = [(p.requires_grad, p.grad) for p in model.parameters()]
    images = images_of(3, 1, 6, 6)
    copy = images.clone()
    with torch.no_grad():
        found_on(model, images, TargetedFlow(num_steps=3))
    assert all(module.training for module in model.modules())
    assert [(p.requires_grad, p.grad) for p in model.parameters()] == flags
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.equal(images, copy)


# Targets


def test_the_targets_are_those_that_the_setting_allows() -> None:
    assert set(get_args(TargetedFlow.model_fields["target"].annotation)) == set(TARGETS)


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("num_classes", [2, 3, 10])
def test_the_target_is_never_the_true_class(kind: str, num_classes: int) -> None:
    logits = images_of(500, num_classes)
    labels = torch.arange(500) % num_classes
    targets = TARGETS[kind](logits, labels, keys_of(500))
    assert targets.dtype == torch.int64
    assert (targets != labels).all()
    assert targets.min() >= 0
    assert targets.max() < num_classes


def test_random_targets_are_each_as_likely() -> None:
    labels = torch.full((9000,), 3)
    targets = TARGETS["random"](images_of(9000, 10), labels, keys_of(9000))
    counts = targets.bincount(minlength=10)
    assert counts[3] == 0
    assert (counts[counts > 0] - 1000).abs().max() < 5 * math.sqrt(1000)
    others = TARGETS["random"](images_of(9000, 10), labels, keys_of(9000, seed=1))
    assert not torch.equal(others, targets)


def test_the_least_likely_target_has_the_lowest_other_logit() -> None:
    logits = torch.tensor([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0], [3.0, 1.0, 2.0]])
    targets = TARGETS["least_likely"](logits, torch.tensor([2, 0, 0]), keys_of(3))
    assert targets.tolist() == [0, 1, 1]


def test_the_next_target_wraps_around() -> None:
    assert TARGETS["next"](torch.zeros(2, 3), torch.tensor([1, 2]), keys_of(2)).tolist() == [2, 0]


@pytest.mark.parametrize("target", get_args(TargetedFlow.model_fields["target"].annotation))
def test_one_class_alone_is_refused(target: str) -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(36, 1))
    attack = TargetedFlow.model_validate({"target": target})
    with pytest.raises(ValueError, match="at least 2 classes to choose from, got 1"):
        found_on(model, images_of(2, 1, 6, 6), attack)


# Settings


@pytest.mark.parametrize(
    ("fields", "piece"),
    [
        ({"tau": -0.1}, "tau"),
        ({"kappa": -1}, "kappa"),
        ({"epsilon": -0.1}, "epsilon"),
        ({"num_steps": 0}, "num_steps"),
        ({"target": "same"}, "target"),
        ({"step_size": 0.1}, "step_size"),
    ],
)
def test_settings_out_of_range_are_refused(fields: dict[str, Any], piece: str) -> None:
    with pytest.raises(ValidationError, match=piece):
        TargetedFlow.model_validate(fields)


def test_in_a_suite_it_has_no_ladder() -> None:
    section = {"attack": "trainer.attacks.targeted_flow:TargetedFlow", "tau": 0.01}
    suite = read_suite(Document.from_plain({"targeted": section}, "suite"))
    assert suite.categories["targeted"].ladder == ()
    assert suite.categories["targeted"].attack == TargetedFlow(tau=0.01)
    with pytest.raises(BadInput, match="single strength"):
        read_suite(Document.from_plain({"targeted": section | {"ladder": [1]}}, "suite"))


def test_the_warm_up_scales_a_radius_where_there_is_one() -> None:
    assert TargetedFlow(epsilon=0.1).scaled(0.5) == TargetedFlow(epsilon=0.05)
    assert TargetedFlow().scaled(0.5) == TargetedFlow()


@pytest.mark.parametrize(
    ("attack", "text"),
    [
        (TargetedFlow(), "unbounded, tau 0.05, zeros"),
        (TargetedFlow(epsilon=0.05, padding="border"), "0.05 (0.8 px), tau 0.05, border"),
    ],
)
def test_reach_names_the_bound(attack: TargetedFlow, text: str) -> None:
    assert attack.reach((3, 32, 32)) == text
