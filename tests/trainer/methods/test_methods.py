"""Training methods: what they combine, how they weigh it, and what Pareto training remembers."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydantic import ValidationError
from torch import Tensor

from trainer.methods import (
    METHODS,
    Adversarial,
    Average,
    Maximum,
    Method,
    Pareto,
    Standard,
    Weighting,
)
from trainer.methods.alpha import FEASIBLE_SHARE, solve_alpha

Rows = NDArray[np.float64]


def gamma_rows(count: int, *, seed: int = 0, K: int = 4) -> Rows:
    """Mean losses of mini-batches, all of the order of one."""
    return np.random.default_rng(seed).gamma(4, 0.25, (count, K))


def batch(row: NDArray[np.float64], *, size: int = 6) -> Tensor:
    """Losses (K B) of a mini-batch whose means are `row`, in float64."""
    spread = torch.linspace(-0.5, 0.5, size, dtype=torch.float64)
    return torch.from_numpy(row)[:, None] * (1 + spread)


def feed(weighting: Weighting, rows: Rows) -> list[list[float]]:
    """The weights at each mini-batch, which is shown once it is weighed."""
    weights = []
    for row in rows:
        weights.append(weighting.weigh(batch(row)).squeeze(1).tolist())
        weighting.observe(batch(row))
    return weights


def solution(rows: Rows, r: float) -> list[float]:
    """Alpha over the moments of `rows`."""
    alpha: list[float] = solve_alpha(rows.T @ rows / len(rows), rows.mean(axis=0), r).alpha.tolist()
    return alpha


def relative(rows: Rows, rho: float) -> float:
    return rho * float(rows.mean(axis=0)[1:].max())


UNIFORM = [0.25] * 4


# Branches


@pytest.mark.parametrize(
    ("method", "branches"),
    [
        (Standard(), ("natural",)),
        (Adversarial(attack="pgd"), ("pgd",)),
        (Adversarial(attack="pgd", natural_weight=0.5), ("natural", "pgd")),
        (Average(), ("pgd", "flow", "rt")),
        (Average(natural_weight=0.25), ("natural", "pgd", "flow", "rt")),
        (Average(attack_names=("rt", "strong")), ("rt", "strong")),
        (Maximum(), ("pgd", "flow", "rt")),
        (Maximum(natural_weight=0.1), ("natural", "pgd", "flow", "rt")),
        (Pareto(rho=0.4), ("natural", "pgd", "flow", "rt")),
        (Pareto(r=1, attack_names=("pgd",)), ("natural", "pgd")),
    ],
)
def test_branches_and_the_attacks_among_them(method: Method, branches: tuple[str, ...]) -> None:
    assert method.branches() == branches
    assert method.attacks() == tuple(branch for branch in branches if branch != "natural")


@pytest.mark.parametrize(
    "method",
    [
        Standard(),
        Adversarial(attack="rt"),
        Adversarial(attack="rt", natural_weight=0.3),
        Average(),
        Average(natural_weight=0.25),
        Average(natural_weight=1),
        Maximum(),
        Maximum(natural_weight=0.5),
        Pareto(rho=0.5),
    ],
)
def test_weights_are_non_negative_and_sum_to_one(method: Method) -> None:
    K = len(method.branches())
    losses = torch.rand(K, 8, generator=torch.Generator().manual_seed(0))
    weights = method.weighting().weigh(losses).expand(K, 8)
    assert (weights >= 0).all()
    torch.testing.assert_close(weights.sum(0), torch.ones(8))
    assert not weights.requires_grad


def test_each_run_has_a_weighting_of_its_own() -> None:
    method = Pareto(rho=0.5)
    first, second = method.weighting(), method.weighting()
    feed(first, gamma_rows(20))
    assert feed(second, gamma_rows(1)) == [UNIFORM]


# Fixed weights


@pytest.mark.parametrize(
    ("method", "weights"),
    [
        (Standard(), [1.0]),
        (Adversarial(attack="pgd"), [1.0]),
        (Adversarial(attack="pgd", natural_weight=0.3), [0.3, 0.7]),
        (Average(), [1 / 3] * 3),
        (Average(natural_weight=0.25), [0.25] * 4),
        (Average(natural_weight=0.4, attack_names=("a", "b")), [0.4, 0.3, 0.3]),
    ],
)
def test_weights_that_never_change(method: Method, weights: list[float]) -> None:
    weighting = method.weighting()
    for row in gamma_rows(3, K=len(weights)):
        assert weighting.weigh(batch(row)).squeeze(1).tolist() == pytest.approx(weights)
    assert weighting.state() == {}
    assert weighting.epoch_report() == {}


# Maximum


def test_maximum_takes_the_worst_attack_example_by_example() -> None:
    losses = torch.tensor(
        [
            [1.0, 5.0, 0.1, 2.0],
            [3.0, 1.0, 0.2, 1.0],
            [2.0, 1.0, 0.3, 9.0],
        ]
    )
    weights = Maximum().weighting().weigh(losses)
    expected = torch.tensor([[0.0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 1]])
    assert torch.equal(weights, expected)
    assert (weights * losses).sum(0).tolist() == [3.0, 5.0, pytest.approx(0.3), 9.0]


def test_maximum_never_takes_the_natural_loss_for_an_attack() -> None:
    losses = torch.tensor([[9.0, 9.0], [1.0, 2.0], [2.0, 1.0]])
    method = Maximum(natural_weight=0.2, attack_names=("pgd", "rt"))
    expected = torch.tensor([[0.2, 0.2], [0.0, 0.8], [0.8, 0.0]])
    torch.testing.assert_close(method.weighting().weigh(losses), expected)


def test_maximum_does_not_write_to_the_losses() -> None:
    losses = torch.rand(3, 5, generator=torch.Generator().manual_seed(0))
    before = losses.clone()
    Maximum().weighting().weigh(losses)
    assert torch.equal(losses, before)


# Pareto


def test_pareto_is_uniform_until_the_window_has_ten() -> None:
    rows = gamma_rows(11)
    weights = feed(Pareto(rho=0.4).weighting(), rows)
    assert weights[:10] == [UNIFORM] * 10
    assert weights[10] == pytest.approx(solution(rows[:10], relative(rows[:10], 0.4)), abs=1e-9)
    assert weights[10] != pytest.approx(UNIFORM, abs=0.05)


def test_a_smaller_window_is_solved_once_it_is_full() -> None:
    rows = gamma_rows(6)
    weights = feed(Pareto(rho=0.4, window=3).weighting(), rows)
    assert weights[:3] == [UNIFORM] * 3
    for step in range(3, 6):
        window = rows[step - 3 : step]
        assert weights[step] == pytest.approx(solution(window, relative(window, 0.4)), abs=1e-9)


def test_the_window_ends_at_the_step_before_and_slides() -> None:
    rows = gamma_rows(40)
    weights = feed(Pareto(rho=0.6, window=12).weighting(), rows)
    for step in range(10, 40):
        window = rows[max(0, step - 12) : step]
        assert weights[step] == pytest.approx(solution(window, relative(window, 0.6)), abs=1e-9)


def test_the_batch_at_hand_does_not_weigh_itself() -> None:
    rows = gamma_rows(11)
    outlier = rows.copy()
    outlier[10] *= 100
    method = Pareto(rho=0.4)
    assert feed(method.weighting(), rows)[10] == feed(method.weighting(), outlier)[10]


def test_r_is_absolute_and_rho_is_relative() -> None:
    rows = gamma_rows(11)
    r = relative(rows[:10], 0.7)
    absolute, share = Pareto(r=r).weighting(), Pareto(rho=0.7).weighting()
    assert feed(absolute, rows)[10] == pytest.approx(feed(share, rows)[10], abs=1e-9)
    assert feed(absolute, rows / 2)[10] != pytest.approx(feed(share, rows / 2)[10], abs=0.05)


def test_pareto_sees_one_attack_as_well_as_three() -> None:
    rows = gamma_rows(11, K=2)
    weights = feed(Pareto(rho=0.3, attack_names=("pgd",)).weighting(), rows)
    assert weights[0] == [0.5, 0.5]
    assert weights[10] == pytest.approx([0.7, 0.3], abs=1e-9)


def test_the_epochs_report() -> None:
    """r = 1 is feasible while the losses are at 2, and no longer once they have fallen to 0.5."""
    rows = np.concatenate([np.full((13, 4), 2.0), np.full((17, 4), 0.5)])
    weighting = Pareto(r=1.0, window=5).weighting()
    assert weighting.epoch_report() == {}
    feed(weighting, rows[:3])
    assert weighting.epoch_report() == {}
    feed(weighting, rows[3:])

    clipped = 0
    in_effect = []
    for step in range(5, 30):
        window = rows[step - 5 : step]
        bound = FEASIBLE_SHARE * window.mean()
        clipped += bound < 1
        in_effect.append(min(1.0, bound))
    assert weighting.epoch_report() == {
        "r_asked": 1.0,
        "r_in_effect": pytest.approx(np.mean(in_effect)),
        "clipped_share": pytest.approx(clipped / 25),
        "worst_weighs_least_share": 0.0,  # all weigh alike
    }
    assert 0 < clipped < 25
    assert weighting.epoch_report() == {}


@pytest.mark.parametrize("rho", [0.2, 0.98])
def test_the_epoch_says_how_often_the_worst_defended_attack_weighs_least(rho: float) -> None:
    rows = gamma_rows(30) * [0.5, 0.8, 1.0, 1.3]
    weighting = Pareto(rho=rho, window=5).weighting()
    weights = feed(weighting, rows)
    least = 0
    for step in range(5, 30):
        means = rows[step - 5 : step].mean(axis=0)[1:]
        worst, *others = (weights[step][1 + at] for at in np.argsort(-means))
        least += worst < min(others)
    assert weighting.epoch_report()["worst_weighs_least_share"] == pytest.approx(least / 25)
    assert (least > 20) == (rho == 0.2)


def test_moments_of_means_forget_how_the_losses_vary() -> None:
    """Losses that vary, with equal means: the two-moment term weighs them, their means do not."""
    rows = np.stack([np.full(30, 1.0), 1 + 0.9 * (-1.0) ** np.arange(30), *np.ones((2, 30))], 1)
    second = feed(Pareto(rho=0.5, window=10).weighting(), rows)[20]
    means = feed(Pareto(rho=0.5, window=10, moments="means").weighting(), rows)[20]
    assert second[1] < 0.9 * second[2]
    assert means == pytest.approx([0.5, *[0.5 / 3] * 3], abs=1e-6)
    assert "moments" not in Pareto(rho=0.5, moments="second").content()


def test_a_share_is_clipped_only_at_the_whole() -> None:
    for rho, clipped in ((0.99, 0.0), (1.0, 1.0)):
        weighting = Pareto(rho=rho).weighting()
        feed(weighting, gamma_rows(15))
        assert weighting.epoch_report()["clipped_share"] == clipped


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_loss_that_has_diverged_keeps_the_last_alpha(bad: float) -> None:
    """The loop raises at the epoch's end; until then no error of the solver hides the cause."""
    rows = gamma_rows(14)
    rows[12, 1] = bad
    weights = feed(Pareto(rho=0.4).weighting(), rows)
    assert weights[13] == weights[12]
    assert np.isfinite(weights).all()


def test_a_batch_weighed_in_parts_is_one_mini_batch() -> None:
    """Its parts weigh alike, the window takes its mean, and its problem is solved once."""
    rows = gamma_rows(25)
    method = Pareto(rho=0.4, window=12)
    whole, parts = method.weighting(), method.weighting()
    expected = feed(whole, rows)
    for row, weights in zip(rows, expected, strict=True):
        losses = batch(row)
        for part in losses.split([3, 1, 2], dim=1):
            assert parts.weigh(part).squeeze(1).tolist() == weights
        parts.observe(losses)
    assert parts.state() == whole.state()
    assert parts.state()["counts"]["solved"] == 15
    assert parts.epoch_report() == whole.epoch_report()


def test_what_is_only_weighed_leaves_no_trace() -> None:
    weighting = Pareto(rho=0.4).weighting()
    feed(weighting, gamma_rows(12))
    before = weighting.state()
    weighting.weigh(batch(gamma_rows(1, seed=9)[0]))
    assert weighting.state()["window"] == before["window"]


@pytest.mark.slow
@settings(max_examples=20)
@given(st.integers(0, 40), st.sampled_from([0.4, 1.0]))
def test_a_restored_weighting_goes_on_as_if_never_stopped(stopped_after: int, rho: float) -> None:
    """In what it weighs and in what it reports of the epoch."""
    rows = gamma_rows(40)
    method = Pareto(rho=rho, window=12)
    unstopped = method.weighting()
    never_stopped = feed(unstopped, rows)
    first = method.weighting()
    feed(first, rows[:stopped_after])
    kept = json.loads(json.dumps(first.state()))  # as plain as a checkpoint needs it
    second = method.weighting()
    second.restore(kept)
    assert feed(second, rows[stopped_after:]) == never_stopped[stopped_after:]
    assert second.state() == unstopped.state()
    assert second.epoch_report() == unstopped.epoch_report()


def test_a_state_that_counts_unsolved_problems_is_restored() -> None:
    """Checkpoints had such a count while the solver might give up."""
    method = Pareto(rho=0.4, window=12)
    first, second = method.weighting(), method.weighting()
    feed(first, gamma_rows(20))
    state = first.state()
    state["counts"]["unsolved"] = 3
    second.restore(state)
    assert state["counts"]["unsolved"] == 3
    assert second.epoch_report() == first.epoch_report()


def test_the_state_of_other_attacks_is_refused() -> None:
    state = Pareto(rho=0.4, attack_names=("pgd",)).weighting().state()
    with pytest.raises(ValueError, match=r"alpha must be 4 numbers, got \[0.5, 0.5\]"):
        Pareto(rho=0.4).weighting().restore(state)


def test_a_restored_weighting_has_its_last_alpha_to_keep() -> None:
    rows = gamma_rows(13)
    rows[12] = np.nan  # from here on nothing can be solved
    method = Pareto(rho=0.4)
    first, second = method.weighting(), method.weighting()
    last = feed(first, rows)[-1]
    second.restore(first.state())
    assert feed(second, rows[:1]) == [last]
    assert last != UNIFORM


def test_taking_the_state_changes_nothing() -> None:
    rows = gamma_rows(30)
    method = Pareto(rho=0.4, window=12)
    undisturbed, watched = feed(method.weighting(), rows), method.weighting()
    seen = []
    for row in rows:
        watched.state()
        seen += feed(watched, row[None])
        assert watched.state() == watched.state()
    assert seen == undisturbed


# Settings


@pytest.mark.parametrize(
    ("name", "fields", "piece"),
    [
        ("pareto", {}, "exactly one of r .absolute. and rho .relative., got r=None, rho=None"),
        ("pareto", {"r": 1, "rho": 0.5}, "exactly one of r .* got r=1.0, rho=0.5"),
        ("pareto", {"rho": 1.1}, "rho"),
        ("pareto", {"r": -1}, "r\n"),
        ("pareto", {"rho": 0.5, "window": 0}, "window"),
        ("pareto", {"rho": 0.5, "attack_names": []}, "attack_names"),
        ("pareto", {"rho": 0.5, "attack_names": ["natural"]}, "must name an attack"),
        ("average", {"attack_names": ["pgd", "rt", "pgd"]}, "must name each attack once"),
        ("maximum", {"natural_weight": -0.1}, "natural_weight"),
        ("average", {"natural_weight": 1.1}, "natural_weight"),
        ("adversarial", {}, "attack"),
        ("adversarial", {"attack": "natural"}, "must name an attack"),
        ("standard", {"natural_weight": 0.5}, "natural_weight"),
    ],
)
def test_settings_out_of_range_are_refused(name: str, fields: dict[str, Any], piece: str) -> None:
    with pytest.raises(ValidationError, match=piece):
        METHODS[name].model_validate(fields)


def test_r_of_zero_is_given() -> None:
    assert Pareto(r=0.0).rho is None
    assert Pareto(rho=0.0).r is None
