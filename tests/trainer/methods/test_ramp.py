"""RAMP: the pairing and the projected gradient against closed forms and finite differences."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor
from torch.autograd import gradcheck
from torch.nn import functional as F

from tests.trainer.runs import MakeTrial, descent_of
from trainer.config import Trial
from trainer.methods import Ramp
from trainer.methods.ramp import RampWeighting

LABELS = torch.tensor([0, 1, 2, 0])


def logits_of(*, seed: int = 0, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    names = ("natural", "pgd", "flow", "rt")
    return {name: 2 * torch.randn(4, 3, generator=generator, dtype=dtype) for name in names}


def losses_of(method: Ramp, logits: dict[str, Tensor]) -> dict[str, Tensor]:
    entropies = {name: F.cross_entropy(it, LABELS, reduction="none") for name, it in logits.items()}
    return dict(method.losses(entropies, logits, LABELS))


def test_the_pairing_is_of_the_two_hardest_attacks_of_an_example() -> None:
    method, logits = Ramp(), logits_of()
    losses = losses_of(method, logits)
    assert tuple(losses) == method.loss_names() == ("natural", "pgd", "flow", "rt", "pairing")
    kept = 0
    for example in range(4):
        by_loss = sorted(("pgd", "flow", "rt"), key=lambda name: -float(losses[name][example]))
        target, source = (logits[name][example] for name in by_loss[:2])
        expected = 0.0
        if int(source.argmax()) == int(LABELS[example]):
            p, q = source.softmax(0), target.softmax(0)
            expected = float((p * (p / q).log()).sum())
            kept += 1
        assert float(losses["pairing"][example]) == pytest.approx(expected, rel=1e-5)
    assert 0 < kept < 4


def test_its_gradient_is_that_of_finite_differences(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tensor, "float", Tensor.double)
    method, logits = Ramp(attack_names=("pgd", "rt")), logits_of(dtype=torch.float64)

    def total(pgd: Tensor, rt: Tensor) -> Tensor:
        losses = losses_of(method, {"natural": logits["natural"], "pgd": pgd, "rt": rt})
        stacked = torch.stack(list(losses.values()))
        weights = method.weighting().weigh(stacked.detach())
        return (weights * stacked).sum()

    assert gradcheck(total, (logits["pgd"].requires_grad_(), logits["rt"].requires_grad_()))


def test_the_largest_loss_of_an_example_and_the_pairing_have_weight() -> None:
    losses = torch.tensor(
        [[9.0, 9.0, 9.0], [1.0, 5.0, 0.1], [3.0, 1.0, 0.2], [2.0, 1.0, 0.3], [0.5, 0.0, 0.4]]
    )
    expected = torch.tensor([[1.0, 1, 1], [0, 1, 0], [1, 0, 0], [0, 0, 1], [5, 5, 5]])
    weighting = Ramp().weighting()
    assert torch.equal(weighting.weigh(losses), expected)
    assert weighting.objectives == ((0,), (1, 2, 3, 4))
    alone = Ramp(natural_weight=0.0, pairing_weight=1.5).weighting()
    assert alone.objectives is None
    expected[-1] = 1.5
    assert torch.equal(alone.weigh(losses[1:]), expected[1:])


def test_natural_gradients_are_projected_tensor_by_tensor() -> None:
    """One that agrees, one at 60 degrees, one that disagrees, one that is nothing."""
    natural = [[2.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 0.0]]
    attacked = [[3.0, 0.0], [1.0, 3.0**0.5], [-1.0, 0.5], [1.0, 1.0]]
    rows = torch.stack([torch.tensor(natural), torch.tensor(attacked)], dim=1)
    weights = RampWeighting(3, beta=0.4, pairing_weight=1.0).weigh_gradients(
        rows @ rows.transpose(1, 2)
    )
    expected = torch.tensor([[0.4, 0.6], [0.2, 0.6], [0.0, 0.6], [0.0, 0.6]])
    torch.testing.assert_close(weights, expected)


def gradients_of(trial: Trial) -> list[Tensor]:
    """By which the first step of a trial descends."""
    descent = descent_of(trial, micro_batches=1)
    descent.step(torch.arange(32), epoch=0, step=0)
    return [w.grad for w in descent.model.parameters() if w.grad is not None]


def test_a_step_descends_the_projected_gradient(small_trial: MakeTrial) -> None:
    """Against steps of standard training and of itself without a natural loss."""
    sgd = {"optimiser": {"name": "sgd", "learning_rate": 0.05}}
    method = {"method": "ramp", "natural_weight": 0.3, "pairing_weight": 2.0}
    descent = descent_of(small_trial(method=method, training=sgd), micro_batches=1)
    facts = descent.step(torch.arange(32), epoch=0, step=0)
    naturals = gradients_of(small_trial(method={"method": "standard"}, training=sgd))
    others = gradients_of(small_trial(method=method | {"natural_weight": 0.0}, training=sgd))
    shares, sizes = [], []
    for found, natural, attacked in zip(descent.model.parameters(), naturals, others, strict=True):
        cosine = max(0.0, float(F.cosine_similarity(natural.flatten(), attacked.flatten(), dim=0)))
        expected = 0.3 * cosine * natural + 0.7 * attacked
        assert found.grad is not None
        torch.testing.assert_close(found.grad, expected, rtol=1e-3, atol=1e-6)
        shares.append(0.3 * cosine)
        sizes.append(natural.numel())
    mean = sum(s * n for s, n in zip(shares, sizes, strict=True)) / sum(sizes)
    assert float(facts.weights[0]) == pytest.approx(mean, rel=1e-3)
    assert float(facts.weights[1:4].sum()) == pytest.approx(0.7)
    assert float(facts.weights[4]) == pytest.approx(1.4)


def test_one_attack_cannot_be_paired() -> None:
    with pytest.raises(ValidationError, match=r"must name two attacks or more, .* got pgd"):
        Ramp(attack_names=("pgd",))
