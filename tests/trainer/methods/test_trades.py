"""TRADES: its divergence by a closed form and finite differences, and what its attack climbs."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.autograd import gradcheck
from torch.nn import functional as F

from tests.trainer.runs import MakeTrial
from trainer.attacks import PGD, Attack, Flow
from trainer.attacks.rigid import WorstOf
from trainer.input.problems import BadInput
from trainer.methods import Trades
from trainer.methods.trades import divergence


def test_the_divergence_has_its_closed_form() -> None:
    p, q = torch.tensor([[0.2, 0.8], [0.5, 0.5]]), torch.tensor([[0.6, 0.4], [0.5, 0.5]])
    expected = 0.2 * math.log(0.2 / 0.6) + 0.8 * math.log(0.8 / 0.4)
    found = divergence(p.log() + 3, q.log() - 1)
    torch.testing.assert_close(found, torch.tensor([expected, 0.0]))


def test_both_predictions_take_gradients(monkeypatch: pytest.MonkeyPatch) -> None:
    """Against finite differences, in float64."""
    monkeypatch.setattr(Tensor, "float", Tensor.double)
    generator = torch.Generator().manual_seed(0)
    one, other = (
        torch.randn(4, 5, generator=generator, dtype=torch.float64, requires_grad=True)
        for _ in range(2)
    )
    assert gradcheck(divergence, (one, other))


def test_losses_are_the_natural_one_and_the_divergences() -> None:
    logits = {name: torch.randn(6, 4) for name in ("natural", "pgd", "rt")}
    labels = torch.arange(6) % 4
    entropies = {name: F.cross_entropy(it, labels, reduction="none") for name, it in logits.items()}
    method = Trades(beta=3, attack_names=("pgd", "rt"))
    losses = method.losses(entropies, logits, labels)
    assert tuple(losses) == method.loss_names() == ("natural", "pgd", "rt")
    assert losses["natural"] is entropies["natural"]
    for name in ("pgd", "rt"):
        expected = F.kl_div(
            logits[name].log_softmax(1), logits["natural"].softmax(1), reduction="none"
        ).sum(1)
        torch.testing.assert_close(losses[name], expected)
    weights = method.weighting().weigh(torch.zeros(3, 6))
    assert weights.squeeze(1).tolist() == [1.0, 1.5, 1.5]


def linear(weights: Tensor) -> nn.Module:
    layer = nn.Linear(weights.shape[1], 2, bias=False)
    layer.weight.data = weights
    return nn.Sequential(nn.Flatten(), layer)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_attacks_climb_the_divergence_and_not_the_label(sign: float) -> None:
    """A model of two classes by a score: PGD ends at a corner of its ball, in the direction in
    which it set out, away from the clean prediction; the label has no part in it."""
    w = torch.tensor([[0.3, -0.2, 0.5, 0.1], [0.0, 0.0, 0.0, 0.0]])
    model = linear(w)
    images = torch.full((1, 1, 2, 2), 0.5)
    attack = PGD(epsilon=0.1, num_steps=8)
    method = Trades(attack_names=("pgd",))
    keys = torch.tensor([7 if sign > 0 else 11])
    found = []
    for label in (0, 1):
        targets = method.targets(model, images, torch.tensor([label]))
        torch.testing.assert_close(targets, model(images).softmax(1))
        found.append(method.search("pgd", {"pgd": attack}, model, images, targets, keys))
    assert torch.equal(found[0], found[1])
    delta = (found[0] - images).flatten()
    start = (attack.start(images, keys, 0)[0].flatten() @ w[0]).sign()
    torch.testing.assert_close(delta, 0.1 * start * w[0].sign())


def test_all_searches_that_take_cross_entropy_take_probabilities() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    images, keys = torch.rand(3, 1, 8, 8), torch.arange(3)
    attacks: list[Attack] = [
        PGD(epsilon=0.1, num_steps=2, keep="best"),
        Flow(epsilon=0.1, num_steps=2, num_restarts=2),
        WorstOf(epsilon=0.1, num_choices=3),
    ]
    method = Trades(attack_names=("it",))
    targets = method.targets(model, images, torch.zeros(3, dtype=torch.int64))
    for attack in attacks:
        found = method.search("it", {"it": attack}, model, images, targets, keys)
        assert found.shape == images.shape
        assert (found != images).any()


@pytest.mark.parametrize(
    ("attack", "piece"),
    [
        ({"random_start": False}, "random start, got pgd with random_start: false"),
        ({"loss": "margin"}, "climb cross entropy, .* got pgd"),
    ],
)
def test_attacks_that_cannot_climb_it_are_refused(
    attack: dict[str, Any], piece: str, small_trial: MakeTrial
) -> None:
    with pytest.raises(BadInput, match=piece):
        small_trial(
            method={"method": "trades", "attack_names": ["pgd"]},
            training={"attacks": {"pgd": attack}},
        )


def test_an_attack_of_another_kind_is_refused() -> None:
    class Other(Attack):
        def search(self, model: nn.Module, images: Tensor, labels: Tensor, keys: Tensor) -> Tensor:
            return images

    assert "climb cross entropy" in Trades(attack_names=("mine",)).unfit({"mine": Other()})
