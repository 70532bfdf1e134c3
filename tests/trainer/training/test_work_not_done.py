"""Training spends no pass on a loss that has no weight, and descends the same sum all the same."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.trainer.runs import (
    CPU,
    FORGETFUL,
    MakeTrial,
    assert_same_state,
    descent_of,
    run,
    run_with_stops,
)
from trainer.attacks import frozen
from trainer.attacks.ascent import AscentAttack
from trainer.config import Trial
from trainer.data import load
from trainer.methods.maximum import WorstWeighting
from trainer.methods.pareto import ParetoWeighting
from trainer.methods.weighting import Weighting
from trainer.training.loop import new_model
from trainer.training.losses import branch_images, branch_losses, weighed_losses
from trainer.training.step import Descent

INDICES = torch.arange(32)


def maximum(small_trial: MakeTrial, natural_weight: float, **sections: Any) -> Trial:
    return small_trial(method={"method": "maximum", "natural_weight": natural_weight}, **sections)


class WholeWorst(WorstWeighting):
    """The same weights, with a gradient of every loss."""

    def __init__(self, natural_weight: float) -> None:
        super().__init__(natural_weight)
        self.picks = None


# Maximum


@pytest.mark.parametrize("natural_weight", [0.0, 0.3, 1.0])
def test_the_worst_alone_is_passed_again_and_gives_the_same_gradient(
    natural_weight: float, small_trial: MakeTrial
) -> None:
    trial = maximum(small_trial, natural_weight)
    dataset = load(trial.data, CPU)
    model = new_model(trial, dataset, CPU).train()
    passes: list[tuple[int, bool]] = []
    model.register_forward_hook(
        lambda _, inputs, __: passes.append(
            (len(inputs[0]), next(model.parameters()).requires_grad)
        )
    )

    def gradients(weighting: Weighting) -> tuple[Any, list[Tensor]]:
        found = weighed_losses(trial, dataset.train, model, weighting, INDICES, epoch=0, warmup=1.0)
        return found, list(torch.autograd.grad(found.total.mean(), list(model.parameters())))

    picked, of_picked = gradients(WorstWeighting(natural_weight))
    with_gradient = [size for size, is_trained in passes if is_trained]
    assert with_gradient == [32 * (2 if natural_weight else 1)]
    whole, of_whole = gradients(WholeWorst(natural_weight))
    assert torch.equal(picked.weights, whole.weights)
    torch.testing.assert_close(picked.losses, whole.losses)
    torch.testing.assert_close(picked.total, whole.total)
    for one, other in zip(of_picked, of_whole, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def test_only_the_worst_images_enter_batch_norm(small_trial: MakeTrial, own: str) -> None:
    del own
    trial = maximum(small_trial, 0.0, model={**FORGETFUL, "share": 0.0})
    descent = descent_of(trial, micro_batches=1)
    model, labels = descent.model, descent.split.labels[INDICES]
    images = branch_images(trial, descent.split, model, INDICES, epoch=0, warmup=1.0, left_out=())
    with frozen(model), torch.no_grad():
        worst = branch_losses(model, images, labels, joint=True, label_smoothing=0.0).argmax(0)
    seen = torch.stack(images)[worst, torch.arange(32)]
    body: Any = model[1]  # type: ignore[index]
    with torch.no_grad():
        mean = body[0](model[0](seen)).mean(dim=(0, 2, 3))  # type: ignore[index]
    assert len(worst.unique()) > 1
    descent.step(INDICES, epoch=0, step=0)
    torch.testing.assert_close(body[1].running_mean, 0.1 * mean)
    assert int(body[1].num_batches_tracked) == 1


@pytest.mark.parametrize("natural_weight", [0.2, 0.5, 0.8])
def test_natural_images_and_the_worst_are_never_mixed(
    natural_weight: float, small_trial: MakeTrial
) -> None:
    trial = maximum(small_trial, natural_weight, training={"batch_norm": "separate"})
    descent = descent_of(trial, micro_batches=1)
    passed: list[Tensor] = []
    descent.model.register_forward_hook(
        lambda model, inputs, _: passed.append(inputs[0]) if model.training else None
    )
    natural = descent.split.images_at(INDICES)
    descent.step(INDICES, epoch=0, step=0)
    first, second = passed
    assert torch.equal(first, natural)
    assert (second != natural).flatten(1).any(1).all()


def test_weights_below_zero_are_weights(small_trial: MakeTrial) -> None:
    class Wary(Weighting):
        picks = 2

        def __init__(self) -> None:
            super().__init__([1.0, -0.5, 0.0])

    trial = maximum(small_trial, 0.0)
    dataset = load(trial.data, CPU)
    model = new_model(trial, dataset, CPU).train()
    found = weighed_losses(trial, dataset.train, model, Wary(), INDICES, epoch=0, warmup=1.0)
    torch.testing.assert_close(found.total, found.losses[0] - 0.5 * found.losses[1])


def test_one_attack_alone_needs_no_picking(small_trial: MakeTrial) -> None:
    method = {"method": "maximum", "attack_names": ["pgd"]}
    descent = descent_of(small_trial(method=method), micro_batches=1)
    other = descent_of(small_trial(method={"method": "pgd"}), micro_batches=1)
    one, two = (each.step(INDICES, epoch=0, step=0) for each in (descent, other))
    assert torch.equal(one.losses, two.losses)
    assert torch.equal(one.gradient_norm, two.gradient_norm)


# Pareto: a loss without weight may rest

ROW = torch.tensor([[1.0], [1.2], [1.1], [0.02]], dtype=torch.float64)
"""The last one's weight would have to be huge for a share of the whole: at a high r it is 0."""


def weighting_of(*, every: int, window: int = 12) -> ParetoWeighting:
    return ParetoWeighting(4, r=None, rho=0.98, window=window, idle_every=every, moments="second")


def test_a_loss_without_weight_rests_after_a_whole_window() -> None:
    weighting = weighting_of(every=5)
    idled = []
    for step in range(60):
        idle = weighting.idle()
        idled += [(step, place) for place in idle]
        assert all(value == pytest.approx(ROW[place].item()) for place, value in idle.items())
        alpha = weighting.weigh(ROW)
        weighting.observe(ROW)
        if step >= 12:
            assert alpha[3] < weighting.NO_WEIGHT < alpha[1:3].min()
            assert alpha[0] < weighting.NO_WEIGHT  # and yet the natural loss, cheap, is never idle
    first = 10 + 12  # alpha is solved for from the 11th step on; then a window without weight
    assert idled == [(step, 3) for step in range(first, 60) if step % 5]


def test_it_comes_back_when_a_look_finds_that_it_has_weight() -> None:
    weighting = weighting_of(every=4)
    row, idle_at = ROW.clone(), []
    for step in range(120):
        idle = weighting.idle()
        shown = row.clone()
        for place, value in idle.items():
            shown[place] = value  # as the step shows what it has not computed
        idle_at.append(set(idle))
        weighting.weigh(shown)
        weighting.observe(shown)
        if step == 60:
            row[3] = 1.3  # it has grown, which only a look can see
    assert idle_at[58] == {3}
    assert not any(3 in idle for idle in idle_at[80:])


def test_by_default_nothing_is_idle() -> None:
    weighting = weighting_of(every=1)
    for _ in range(60):
        assert weighting.idle() == {}
        weighting.weigh(ROW)
        weighting.observe(ROW)
    assert set(weighting.state()) == {"window", "alpha", "counts"}  # as checkpoints had it before


def test_a_stop_between_two_looks_changes_nothing() -> None:
    whole, part = weighting_of(every=5), weighting_of(every=5)
    for step in range(50):
        if step in (11, 24, 31):
            state = json.loads(json.dumps(part.state()))
            part = weighting_of(every=5)
            part.restore(state)
        assert part.idle() == whole.idle()
        assert part.weigh(ROW).tolist() == whole.weigh(ROW).tolist()
        part.observe(ROW)
        whole.observe(ROW)


RESTING = {"method": "pareto", "rho": 1.0, "window": 3, "idle_every": 4}
"""At the whole of the largest robust mean all weight is on one loss."""


def idling_trial(small_trial: MakeTrial) -> Trial:
    return small_trial(method=RESTING, training={"epochs": 4, "epsilon_warmup": 0.0})


def test_an_idle_attack_is_not_run(small_trial: MakeTrial, monkeypatch: pytest.MonkeyPatch) -> None:
    searched: Counter[str] = Counter()
    search = AscentAttack.search

    def counted(self: AscentAttack, *arguments: Any) -> Tensor:
        searched[type(self).__name__] += 1
        return search(self, *arguments)

    monkeypatch.setattr(AscentAttack, "search", counted)
    descent: Descent = descent_of(idling_trial(small_trial), micro_batches=1)
    facts = [descent.step(INDICES, epoch=step // 5, step=step % 5) for step in range(20)]
    assert descent.weighting.state()["without_weight"]
    assert 0 < min(searched.values()) < 20
    assert sum(searched.values()) < 60
    for step in facts:
        assert step.losses.isfinite().all()
        assert step.weights.sum() == pytest.approx(1.0)


@pytest.mark.slow
def test_a_run_with_idle_attacks_goes_on_bit_for_bit(small_trial: MakeTrial) -> None:
    trial = idling_trial(small_trial)
    _, whole = run(trial)
    _, parts = run_with_stops(trial, [6, 11, 14])
    assert_same_state(whole.checkpoints[-1], parts.checkpoints[-1])


def test_an_own_weighting_is_told_of_every_loss(small_trial: MakeTrial, own: str) -> None:
    """Neither of the savings is asked of a weighting that does not offer them."""
    del own
    model, diary = run(
        small_trial(
            method={"method": "of_mine:Leaning", "steps": 10},
            training={"attacks": {"dark": {"attack": "of_mine:Darker", "epsilon": 0.3}}},
        )
    )
    assert isinstance(model, nn.Module)
    assert diary.rows[-1]["lean"] == 1.0
