"""Gradients of several objectives, and steps that weigh them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn

from tests.trainer.runs import FORGETFUL, MakeTrial, descent_of, run
from trainer.input.problems import BadInput
from trainer.methods import METHODS, Average, Weighting
from trainer.training.gradients import ObjectiveGradients
from trainer.training.step import Descent

INDICES = torch.arange(32)
SGD = {"optimiser": {"name": "sgd", "learning_rate": 0.05}}


def toy() -> tuple[nn.Linear, nn.Linear, list[Tensor]]:
    """Two layers and their three objectives."""
    torch.manual_seed(0)
    first, second = nn.Linear(3, 2), nn.Linear(3, 2)
    return first, second, toy_of(first, second)


def toy_of(first: nn.Linear, second: nn.Linear) -> list[Tensor]:
    """Three objectives, in the second of which the second layer has no part."""
    images = torch.linspace(-1, 1, 15).view(5, 3)
    return [
        first(images).square().mean() + second(images).sum(),
        first(images).sum(),
        second(images).exp().mean(),
    ]


def test_products_and_the_merged_gradient_are_by_tensor() -> None:
    first, second, objectives = toy()
    parameters = [*first.parameters(), *second.parameters()]
    each = [
        torch.autograd.grad(it, parameters, retain_graph=True, materialize_grads=True)
        for it in objectives
    ]
    gradients = ObjectiveGradients(parameters)
    gradients.add(objectives)
    products = gradients.products()
    for place in range(4):
        for i in range(3):
            for j in range(3):
                expected = (each[i][place] * each[j][place]).sum()
                torch.testing.assert_close(products[place, i, j], expected)

    weights = torch.rand(4, 3)
    mean = gradients.merge(weights)
    for place, parameter in enumerate(parameters):
        expected = sum(weights[place, i] * each[i][place] for i in range(3))
        torch.testing.assert_close(parameter.grad, expected)
    sizes = torch.tensor([6.0, 2, 6, 2])
    torch.testing.assert_close(mean, (sizes[:, None] * weights).sum(0) / 16)


def test_parts_add_up_and_what_no_objective_moves_has_no_gradient() -> None:
    first, second, objectives = toy()
    unused = nn.Linear(1, 1)
    parameters = [*first.parameters(), *second.parameters(), *unused.parameters()]
    expected = torch.autograd.grad(objectives[0], parameters[:4], retain_graph=True)
    gradients = ObjectiveGradients(parameters)
    for share in (0.25, 0.75):
        gradients.add([share * objective for objective in toy_of(first, second)])
    gradients.merge(torch.tensor([[1.0, 0.0, 0.0]]))
    for parameter, whole in zip(parameters, expected, strict=False):
        torch.testing.assert_close(parameter.grad, whole)
    assert all(weight.grad is None for weight in unused.parameters())
    assert gradients.products().shape == (4, 3, 3)


class Merging(Weighting):
    """Fixed weights, put on gradients in place of losses."""

    objectives = ((0,), (1,), (2,))

    def __init__(self, weights: list[float]) -> None:
        super().__init__([1.0] * 3)
        self.of_objectives = weights

    def weigh_gradients(self, products: Tensor) -> Tensor:
        assert products.shape[1:] == (3, 3)
        return products.new_tensor(self.of_objectives)[None]


WEIGHTS = [0.5, 0.3, 0.2]


def stepped(small_trial: MakeTrial, weighting: Weighting, *, parts: int, **sections: Any) -> Any:
    """The facts of a step and the gradients that it descended by."""
    trial = small_trial(method={"method": "average"}, **{"training": SGD} | sections)
    descent = replace(descent_of(trial, micro_batches=parts), weighting=weighting)
    facts = descent.step(INDICES, epoch=0, step=0)
    return facts, [weight.grad for weight in descent.model.parameters()]


@pytest.mark.parametrize("parts", [1, 3])
def test_weighed_gradients_are_the_gradient_of_the_weighed_losses(
    parts: int, small_trial: MakeTrial
) -> None:
    facts, merged = stepped(small_trial, Merging(WEIGHTS), parts=parts)
    plain_facts, plain = stepped(small_trial, Weighting(WEIGHTS), parts=1)
    for one, other in zip(merged, plain, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-7)
    torch.testing.assert_close(facts.losses, plain_facts.losses)
    torch.testing.assert_close(facts.weights, torch.tensor(WEIGHTS))
    torch.testing.assert_close(facts.gradient_norm, plain_facts.gradient_norm)
    assert facts.passes == plain_facts.passes  # each objective goes back through its own images


@pytest.mark.parametrize("mode", ["joint", "separate"])
def test_batch_norm_sees_what_it_sees_where_losses_are_weighed(
    mode: str, small_trial: MakeTrial, own: str
) -> None:
    """A joint pass goes back as a whole for each objective, and is counted so."""
    del own
    sections = {
        "model": {**FORGETFUL, "share": 0.0},
        "training": SGD | {"batch_norm": mode},
    }
    facts, merged = stepped(small_trial, Merging(WEIGHTS), parts=1, **sections)
    plain_facts, plain = stepped(small_trial, Weighting(WEIGHTS), parts=1, **sections)
    for one, other in zip(merged, plain, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-6)
    times = 3 if mode == "joint" else 1
    assert facts.passes.weight_backward == times * plain_facts.passes.weight_backward
    assert facts.passes.forward == plain_facts.passes.forward


def test_bfloat16_passes_give_gradients_to_weigh(small_trial: MakeTrial) -> None:
    sections = {"training": SGD | {"precision": "bfloat16"}}
    _, merged = stepped(small_trial, Merging(WEIGHTS), parts=1, **sections)
    _, plain = stepped(small_trial, Weighting(WEIGHTS), parts=1, **sections)
    for one, other in zip(merged, plain, strict=True):
        assert one.dtype == torch.float32
        assert float((one - other).norm()) <= 0.05 * float(other.norm())


def test_steps_go_where_those_of_the_weighed_losses_do(small_trial: MakeTrial) -> None:
    """Weights lie channels_last in memory, and a fused step wants gradients that lie as they do."""
    trial = small_trial(method={"method": "average"}, training=SGD)
    merged = replace(descent_of(trial, micro_batches=1), weighting=Merging(WEIGHTS))
    plain = replace(descent_of(trial, micro_batches=1), weighting=Weighting(WEIGHTS))
    start = [weight.detach().clone() for weight in plain.model.parameters()]
    for descent in (merged, plain):
        for step in range(3):
            descent.step(INDICES + 32 * step, epoch=0, step=step)
    for one, other, before in zip(
        merged.model.parameters(), plain.model.parameters(), start, strict=True
    ):
        assert one.grad is not None
        assert one.grad.stride() == one.stride()
        apart, moved = (one - other).detach().norm(), (other - before).detach().norm()
        assert float(apart) <= 1e-4 * float(moved)


@pytest.mark.parametrize("method", ["mgda", "ramp"])
def test_compiled_passes_are_refused(method: str, small_trial: MakeTrial) -> None:
    with pytest.raises(BadInput, match=r"training.compile: must be false for .* weighs gradients"):
        small_trial(method={"method": method}, training={"compile": True})


class Softmax(Weighting):
    """Weights by the batch's mean losses."""

    by_batch = True

    def __init__(self) -> None:
        super().__init__([])

    def weigh(self, losses: Tensor) -> Tensor:
        return losses.mean(dim=1, keepdim=True).softmax(dim=0)


def test_what_the_whole_batch_weighs_is_weighed_alike_in_parts(small_trial: MakeTrial) -> None:
    whole_facts, whole = stepped(small_trial, Softmax(), parts=1)
    facts, parts = stepped(small_trial, Softmax(), parts=3)
    assert whole_facts.weights.max() - whole_facts.weights.min() > 1e-3
    torch.testing.assert_close(facts.weights, whole_facts.weights)
    torch.testing.assert_close(facts.gradient_norm, whole_facts.gradient_norm)
    for one, other in zip(parts, whole, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-7)
    assert facts.passes == whole_facts.passes


class SoftmaxMerging(Softmax):
    """Weights by the batch's mean losses, and over them weights of two objectives' gradients."""

    objectives = ((0,), (1, 2))

    def weigh_gradients(self, products: Tensor) -> Tensor:
        """The longer a tensor's gradient, the less its objective weighs there."""
        return 1 / (products.diagonal(dim1=1, dim2=2).sqrt() + products[:, 0, 1:].abs() + 0.1)


class SoftmaxOfTwo(Softmax):
    """Weights by the mean losses of the branches that a step computes: not the second one."""

    def idle(self) -> Mapping[int, None]:
        return {1: None}

    def weigh(self, losses: Tensor) -> Tensor:
        means = losses.mean(dim=1, keepdim=True)
        return means.masked_fill(means.isnan(), -torch.inf).softmax(dim=0)


@pytest.mark.parametrize("weighting", [SoftmaxMerging, SoftmaxOfTwo])
def test_by_the_whole_batch_gradients_and_some_branches_are_weighed_alike_in_parts(
    weighting: type[Softmax], small_trial: MakeTrial
) -> None:
    whole_facts, whole = stepped(small_trial, weighting(), parts=1)
    assert whole_facts.weights.max() - whole_facts.weights.min() > 1e-3
    for count in (2, 5):
        facts, parts = stepped(small_trial, weighting(), parts=count)
        torch.testing.assert_close(facts.weights, whole_facts.weights, rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(facts.losses, whole_facts.losses, equal_nan=True)
        for one, other in zip(parts, whole, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-6)


class SoftmaxPicking(Softmax):
    """Picks by the batch, of which a part knows nothing."""

    picks = 1


def test_picks_by_the_whole_batch_are_refused_in_parts(small_trial: MakeTrial) -> None:
    with pytest.raises(ValueError, match=r"SoftmaxPicking.picks must be None beside by_batch"):
        stepped(small_trial, SoftmaxPicking(), parts=2)


# What a step leaves out


class Lone(Weighting):
    """Computes one branch alone, another in each step, and is told of errors."""

    counts_errors = True

    def __init__(self) -> None:
        super().__init__([1.0] * 3)
        self.seeds: list[int] = []
        self.told: list[Tensor] = []
        self.errors: list[Tensor] = []

    def begin(self, seed: int) -> None:
        self.seeds.append(seed)

    def idle(self) -> Mapping[int, None]:
        chosen = len(self.seeds) % 3
        return {place: None for place in range(3) if place != chosen}

    def weigh(self, losses: Tensor) -> Tensor:
        return (~losses[:, :1].isnan()).to(losses.dtype)

    def observe(self, losses: Tensor) -> None:
        self.told.append(losses)

    def observe_errors(self, errors: Tensor) -> None:
        self.errors.append(errors)


@pytest.mark.parametrize("parts", [1, 3])
def test_a_branch_that_is_left_out_costs_and_says_nothing(
    parts: int, small_trial: MakeTrial
) -> None:
    trial = small_trial(method={"method": "average"}, training=SGD)
    lone = Lone()
    descent = replace(descent_of(trial, micro_batches=parts), weighting=lone)
    facts = [descent.step(INDICES, epoch=0, step=step) for step in range(3)]
    assert len(set(lone.seeds)) == 3
    for number, step in enumerate(facts):
        chosen = (number + 1) % 3
        assert step.passes.weight_backward == 32
        assert step.left_out == {0, 1, 2} - {chosen}
        assert step.losses.isnan().tolist() == [place != chosen for place in range(3)]
        assert step.weights.tolist() == [float(place == chosen) for place in range(3)]
        assert lone.told[number].isnan().any(1).tolist() == step.losses.isnan().tolist()
        errors = lone.errors[number]
        assert set(errors[chosen].tolist()) <= {0.0, 1.0}
        assert errors.isnan().all(1).tolist() == step.losses.isnan().tolist()


def test_the_loss_of_a_branch_is_that_of_training_on_it_alone(small_trial: MakeTrial) -> None:
    """The second branch is the first step's: flow."""
    trial = small_trial(method={"method": "average"}, training=SGD)
    lone = replace(descent_of(trial, micro_batches=1), weighting=Lone())
    alone: Descent = descent_of(
        small_trial(method={"method": "flow"}, training=SGD), micro_batches=1
    )
    one, other = (each.step(INDICES, epoch=0, step=0) for each in (lone, alone))
    torch.testing.assert_close(one.losses[1], other.losses[0])
    torch.testing.assert_close(one.gradient_norm, other.gradient_norm)


class Loners(Average):
    """The average, one branch a step."""

    version: ClassVar[int] = 1

    def weighting(self) -> Weighting:
        return Lone()


def test_rows_have_means_over_the_steps_that_computed_a_loss(
    small_trial: MakeTrial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(METHODS, "loners", Loners)
    trial = small_trial(
        method={"method": "loners"},
        data={"train_examples": 64},  # two steps an epoch: one loss is in none of them
        training={"epochs": 1},
    )
    _, diary = run(trial)
    (row,) = diary.rows
    assert {name for name in row if name.startswith("loss/")} == {"loss/flow", "loss/rt"}
    assert row["weight/pgd"] == 0
    assert row["weight/flow"] == row["weight/rt"] == 0.5
    assert 1 < row["loss/flow"] < 5
