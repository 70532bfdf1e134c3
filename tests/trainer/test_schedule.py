"""The schedule: learning rates of the presets at known points, and what is no schedule."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import nn

from trainer.config import preset
from trainer.schedule import OptimiserSettings, set_rate


def settings(**fields: Any) -> OptimiserSettings:
    return OptimiserSettings.model_validate({"learning_rate": 1.0} | fields)


def of_preset(name: str) -> OptimiserSettings:
    return preset(name).section("training.optimiser").read_as(OptimiserSettings)


# Rates


@given(st.floats(0, 1, exclude_max=True))
def test_without_a_schedule_the_rate_is_constant(share: float) -> None:
    assert settings(learning_rate=0.3).rate(share) == 0.3


def test_a_step_schedule_jumps_at_its_points() -> None:
    stepped = settings(learning_rate=2, schedule=[[0, 1], [0.5, 0.1], [0.75, 0.01]])
    rates = [stepped.rate(share) for share in (0, 0.49, 0.5, 0.74, 0.75, 0.99)]
    assert rates == pytest.approx([2, 2, 0.2, 0.2, 0.02, 0.02])


def test_a_linear_schedule_goes_straight_from_point_to_point() -> None:
    linear = settings(
        learning_rate=2, schedule=[[0, 0], [0.4, 1], [0.8, 0]], interpolation="linear"
    )
    shares = (0, 0.1, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1)
    expected = [0, 0.5, 1, 2, 1.5, 1, 0.5, 0, 0, 0]
    assert [linear.rate(share) for share in shares] == pytest.approx(expected)


@given(
    st.lists(st.floats(0.01, 0.99), max_size=4, unique=True),
    st.lists(st.floats(0, 2), min_size=5, max_size=5),
    st.sampled_from(["step", "linear"]),
    st.floats(0, 1),
)
def test_every_rate_lies_between_the_schedules_factors(
    shares: list[float], factors: list[float], interpolation: str, share: float
) -> None:
    points = list(zip([0.0, *sorted(shares)], factors, strict=False))
    schedule = settings(schedule=points, interpolation=interpolation)
    used = [factor for _, factor in points]
    assert min(used) - 1e-12 <= schedule.rate(share) <= max(used) + 1e-12
    for at, factor in points:
        assert schedule.rate(at) == pytest.approx(factor)


def schedules_of_quarters() -> st.SearchStrategy[OptimiserSettings]:
    """Up to four points at quarters of training, and factors that are told apart."""
    return st.builds(
        lambda quarters, factors, interpolation: settings(
            schedule=list(zip([0, *sorted(quarters)], factors, strict=False)),
            interpolation=interpolation,
        ),
        st.sets(st.sampled_from([0.25, 0.5, 0.75])),
        st.lists(st.sampled_from([0.1, 0.5, 1.0]), min_size=4, max_size=4),
        st.sampled_from(["step", "linear"]),
    )


@given(schedules_of_quarters(), st.integers(1, 6), st.integers(1, 6))
def test_a_longer_trial_has_a_shorter_ones_rates_only_if_they_are_constant(
    schedule: OptimiserSettings, epochs: int, more: int
) -> None:
    """Epochs of eight steps, so that two steps of the shorter trial fall into each quarter: a
    change between a trial's last step and its end is seen by no step."""
    num_steps = 8

    def rates(length: int) -> list[float]:
        steps = range(epochs * num_steps)
        return [schedule.rate(step / num_steps / length) for step in steps]

    assert (rates(epochs) == rates(epochs + more)) == schedule.is_constant


@pytest.mark.parametrize(
    ("schedule", "is_constant"),
    [
        ([[0, 1]], True),
        ([[0, 0.5], [0.5, 0.5], [1, "1/2"]], True),
        ([[0, 1], [0.5, 0.1]], False),
        ([[0, 1], [0.5, 0.1], [0.9, 1]], False),
        ([[0, 1], [1, 0]], False),
    ],
)
def test_a_rate_is_constant_if_all_factors_are_equal(
    schedule: list[Any], is_constant: bool
) -> None:
    for interpolation in ("step", "linear"):
        made = settings(schedule=schedule, interpolation=interpolation)
        assert made.is_constant == is_constant


# The presets


@pytest.mark.parametrize(
    ("share", "rate"),
    [(0, 0), (0.2, 0.05), (0.4, 0.1), (0.6, 0.0525), (0.8, 0.005), (0.9, 0.0025), (1, 0)],
)
def test_cifar_rises_to_a_tenth_and_falls_back(share: float, rate: float) -> None:
    assert of_preset("cifar10").rate(share) == pytest.approx(rate)


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_mnist_takes_a_tenth_from_half_way(name: str) -> None:
    schedule = of_preset(name)
    rates = [schedule.rate(share) for share in (0, 0.4999, 0.5, 0.99)]
    assert rates == pytest.approx([1e-3, 1e-3, 1e-4, 1e-4])


def test_caltech_has_ten_six_and_four_epochs() -> None:
    schedule = of_preset("caltech256")
    rates = [schedule.rate(epoch / 20) for epoch in range(20)]
    assert rates == pytest.approx([1e-2] * 10 + [1e-3] * 6 + [1e-4] * 4)


# The optimiser


def test_the_optimiser_descends_as_it_was_asked_to() -> None:
    """One step of SGD from w with gradient g is w - rate (g + decay w)."""
    weight = nn.Parameter(torch.tensor([2.0, -1.0]))
    built = settings(name="sgd", learning_rate=0.5, momentum=0.9, weight_decay=0.1).build([weight])
    set_rate(built, 0.25)
    (3 * weight).sum().backward()
    built.step()
    torch.testing.assert_close(weight.detach(), torch.tensor([2 - 0.25 * 3.2, -1 - 0.25 * 2.9]))
    built.step()  # the same gradient again, and nine tenths of the step before
    first = torch.tensor([3.2, 2.9])
    now = torch.tensor([1.2, -1.725])
    second = 0.9 * first + 3 + 0.1 * now
    torch.testing.assert_close(weight.detach(), now - 0.25 * second)


@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_a_weight_may_have_its_first_gradient_late(name: str) -> None:
    """As in a network that leaves blocks out at random."""
    early, late = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2))
    built = settings(name=name, learning_rate=0.5, momentum=0.9).build([early, late])
    early.sum().backward()
    built.step()
    assert torch.equal(late.detach(), torch.ones(2))
    late.sum().backward()
    built.step()
    torch.testing.assert_close(late.detach(), torch.full((2,), 0.5))


def test_adam_has_its_weight_decay_and_no_momentum_of_ours() -> None:
    weight = nn.Parameter(torch.ones(1))
    built = settings(name="adam", learning_rate=1e-3, momentum=0.5, weight_decay=0.01).build(
        [weight]
    )
    assert isinstance(built, torch.optim.Adam)
    (group,) = built.param_groups
    assert (group["lr"], group["weight_decay"], group["betas"]) == (1e-3, 0.01, (0.9, 0.999))


def test_every_group_gets_the_rate() -> None:
    weights = [nn.Parameter(torch.ones(1)) for _ in range(2)]
    built = torch.optim.SGD([{"params": weights[:1], "lr": 1.0}, {"params": weights[1:]}], lr=2.0)
    set_rate(built, 0.125)
    assert [group["lr"] for group in built.param_groups] == [0.125, 0.125]


# What is refused


@pytest.mark.parametrize(
    ("fields", "piece"),
    [
        ({"schedule": [[0.1, 1]]}, r"begin at share 0 and rise, got shares \[0.1\]"),
        ({"schedule": [[0, 1], [0.5, 1], [0.5, 0]]}, r"got shares \[0.0, 0.5, 0.5\]"),
        ({"schedule": [[0, 1], [0.5, 1], [0.4, 0]]}, r"got shares \[0.0, 0.5, 0.4\]"),
        ({"schedule": []}, "schedule"),
        ({"schedule": [[0, -1]]}, "greater than or equal to 0"),
        ({"schedule": [[0, 1], [1.1, 1]]}, "less than or equal to 1"),
        ({"schedule": [[0, 1, 2]]}, "schedule"),
        ({"learning_rate": 0}, "learning_rate"),
        ({"learning_rate": float("nan")}, "learning_rate"),
        ({"momentum": 1.5}, "momentum"),
        ({"weight_decay": -1}, "weight_decay"),
        ({"name": "lion"}, "name"),
        ({"interpolation": "cosine"}, "interpolation"),
    ],
)
def test_settings_out_of_range_are_refused(fields: dict[str, Any], piece: str) -> None:
    with pytest.raises(ValidationError, match=piece):
        settings(**fields)


def test_numbers_of_a_schedule_may_be_fractions() -> None:
    assert settings(schedule=[[0, 1], ["1/2", "1e-1"]]).schedule == ((0, 1), (0.5, 0.1))
