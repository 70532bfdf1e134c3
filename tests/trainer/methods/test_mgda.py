"""The least-norm mixture: closed forms, CVXOPT as an oracle, and what it promises of descent."""

from __future__ import annotations

import json
from typing import Any

import cvxopt
import numpy as np
import pytest
import torch
from cvxopt import solvers
from numpy.typing import NDArray
from torch import nn

from tests.trainer.runs import MakeTrial, descent_of
from trainer.methods import Mgda
from trainer.methods.mgda import MgdaWeighting, least_norm
from trainer.training.losses import branch_images

Array = NDArray[np.float64]


def oracle(G: Array) -> Array:
    """By CVXOPT's interior point, which knows nothing of faces."""
    K = len(G)
    solution: dict[str, Any] = solvers.qp(
        cvxopt.matrix(G / np.diag(G).max()),
        cvxopt.matrix(0.0, (K, 1)),
        cvxopt.spdiag([-1.0] * K),
        cvxopt.matrix(0.0, (K, 1)),
        cvxopt.matrix(1.0, (1, K)),
        cvxopt.matrix(1.0),
        options={"show_progress": False, "abstol": 1e-12, "reltol": 1e-12, "feastol": 1e-12},
    )
    return np.asarray(solution["x"]).ravel()


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([1.0, 0.0], [0.0, 1.0], 0.5),
        ([1.0, 0.0], [0.0, 2.0], 0.8),
        ([1.0, 0.0], [3.0, 0.0], 1.0),  # the shorter of two that agree
        ([1.0, 0.0], [-3.0, 0.0], 0.75),  # they cancel
        ([1.0, 1.0], [1.0, 1.0], None),  # any
    ],
)
def test_two_gradients_have_the_closed_form(
    first: list[float], second: list[float], expected: float | None
) -> None:
    """alpha_1 = (g_2 - g_1) . g_2 / |g_1 - g_2|^2, clipped to [0, 1] (Sener and Koltun, Eq. 5)."""
    rows = np.array([first, second])
    alpha = least_norm(rows @ rows.T)
    assert alpha.min() >= 0
    assert alpha.sum() == pytest.approx(1)
    if expected is not None:
        assert alpha[0] == pytest.approx(expected)


@pytest.mark.parametrize("K", [2, 3, 4, 6])
@pytest.mark.parametrize("dimensions", [2, 5, 200])
def test_the_point_is_that_of_an_independent_solver(K: int, dimensions: int) -> None:
    """Of random gradients with a common part, few dimensions make their products singular."""
    generator = np.random.default_rng(K * 1000 + dimensions)
    for draw in range(30):
        common = generator.normal(size=dimensions) * generator.choice([0.0, 0.5, 2.0])
        scales = 10.0 ** generator.uniform(-1, 1, size=(K, 1))
        rows = scales * (generator.normal(size=(K, dimensions)) + common)
        alpha, expected = least_norm(rows @ rows.T), oracle(rows @ rows.T)
        largest = float(np.abs(rows).max())
        assert alpha.min() >= 0, draw
        assert alpha.sum() == pytest.approx(1), draw
        found, least = np.linalg.norm(alpha @ rows), np.linalg.norm(expected @ rows)
        assert found <= least + 1e-6 * largest * dimensions**0.5, draw

        direction = alpha @ rows  # every loss falls by at least |d|^2 along it
        assert (rows @ direction >= direction @ direction - 1e-9 * largest**2 * dimensions).all()


def test_gradients_that_are_nothing_have_a_mixture_too() -> None:
    np.testing.assert_array_equal(least_norm(np.zeros((3, 3))).sum(), 1.0)
    G = np.diag([1.0, 0.0, 4.0])
    assert least_norm(G).tolist() == [0.0, 1.0, 0.0]  # stationary by one alone


def products_of(rows: Array) -> torch.Tensor:
    """Of two tensors of weights, whose sum is what counts."""
    halves = np.array_split(rows, 2, axis=1)
    return torch.tensor(np.stack([half @ half.T for half in halves]), dtype=torch.float32)


def weighting_of(**settings: Any) -> MgdaWeighting:
    weighting = Mgda(**settings).weighting()
    assert isinstance(weighting, MgdaWeighting)
    return weighting


def test_weights_are_of_the_whole_gradients() -> None:
    rows = np.random.default_rng(0).normal(size=(4, 10))
    weighting = weighting_of()
    assert weighting.objectives == ((0,), (1,), (2,), (3,))
    weights = weighting.weigh_gradients(products_of(rows))
    assert weights.shape == (1, 4)
    np.testing.assert_allclose(weights[0].numpy(), least_norm(rows @ rows.T), atol=1e-5)
    direction = weights[0].double().numpy() @ rows
    share = np.linalg.norm(direction) / np.linalg.norm(rows, axis=1).max()
    assert weighting.epoch_report() == {"least_norm_share": pytest.approx(share, rel=1e-4)}
    assert weighting.epoch_report() == {}


def test_normalised_gradients_have_equal_parts_where_they_are_orthogonal() -> None:
    rows = np.diag([1.0, 10.0, 100.0])
    plain = weighting_of(attack_names=("a", "b")).weigh_gradients(products_of(rows))
    expected = np.array([1, 1e-2, 1e-4]) / (1 + 1e-2 + 1e-4)
    np.testing.assert_allclose(plain[0].numpy(), expected, rtol=1e-4)
    normalised = weighting_of(attack_names=("a", "b"), normalise=True)
    found = normalised.weigh_gradients(products_of(rows))
    np.testing.assert_allclose(found[0].numpy(), [1 / 3, 1 / 30, 1 / 300], rtol=1e-4)


def test_a_gradient_that_has_diverged_is_left_to_the_loop() -> None:
    products = torch.full((2, 4, 4), torch.nan)
    assert weighting_of().weigh_gradients(products).tolist() == [[0.25] * 4]


def test_what_is_reported_goes_on() -> None:
    one, other = weighting_of(), weighting_of()
    rows = np.random.default_rng(1).normal(size=(4, 10))
    one.weigh_gradients(products_of(rows))
    other.restore(json.loads(json.dumps(one.state())))
    assert one.epoch_report() == other.epoch_report() != {}


@pytest.mark.slow
def test_every_loss_of_a_network_falls_along_the_direction(small_trial: MakeTrial) -> None:
    """By finite differences of the losses of a step's own images, in float64: each falls by as much
    as its gradient says, at least by the least norm squared, equally where it has weight."""
    trial = small_trial(method={"method": "mgda"})
    descent = descent_of(trial, micro_batches=1)
    indices = torch.arange(32)
    facts = descent.step(indices, epoch=0, step=0)
    direction = [weight.grad for weight in descent.model.parameters()]

    fresh = descent_of(trial, micro_batches=1)
    images = branch_images(
        trial, fresh.split, fresh.model, indices, epoch=0, warmup=1.0, left_out=()
    )
    model, labels = fresh.model.double(), fresh.split.labels[indices]
    start = [weight.detach().clone() for weight in model.parameters()]

    def means(step: float) -> Array:
        for weight, before, towards in zip(model.parameters(), start, direction, strict=True):
            assert towards is not None
            weight.data = before + step * towards.double()
        with torch.no_grad():
            found = [nn.functional.cross_entropy(model(it.double()), labels) for it in images]
        return np.array([float(loss) for loss in found])

    slopes = (means(1e-5) - means(-1e-5)) / 2e-5
    squared = float(facts.gradient_norm) ** 2
    assert squared > 1e-3
    weights = facts.weights.numpy()
    assert (slopes >= squared * (1 - 1e-3)).all()
    np.testing.assert_allclose(slopes[weights > 1e-3], squared, rtol=1e-3)
    assert weights.sum() == pytest.approx(1)
