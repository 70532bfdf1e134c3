"""Multi steepest descent: closed forms on linear models, and the set that it stays within."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.trainer.runs import MakeTrial
from trainer.attacks import PGD, Flow, RotationTranslation, frozen
from trainer.attacks.ascent import AscentAttack
from trainer.input.problems import BadInput
from trainer.methods import MultiSteepest
from trainer.methods.msd import _Composed, steepest
from trainer.passes import Passes, counted


def linear(weights: Tensor) -> nn.Module:
    """Two classes by the score `w . x`, the label 0 by its sign."""
    layer = nn.Linear(weights.numel(), 2, bias=False)
    layer.weight.data = torch.stack([weights.flatten(), torch.zeros(weights.numel())])
    return nn.Sequential(nn.Flatten(), layer)


def grey(count: int = 3) -> Tensor:
    return torch.full((count, 1, 6, 6), 0.5)


def scores(seed: int = 0) -> Tensor:
    return torch.randn(1, 6, 6, generator=torch.Generator().manual_seed(seed))


def found_by(attacks: list[AscentAttack], weights: Tensor, images: Tensor) -> Tensor:
    model = linear(weights)
    labels = torch.zeros(len(images), dtype=torch.int64)
    with frozen(model):
        return steepest(attacks, model, images, labels)


def test_one_attack_is_its_own_search_from_the_clean_image() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(36, 8), nn.Tanh(), nn.Linear(8, 3))
    images, labels = torch.rand(5, 1, 6, 6), torch.arange(5) % 3
    for attack in (
        PGD(epsilon=0.1, num_steps=4, random_start=False, step_decay="cosine"),
        Flow(epsilon=0.2, num_steps=3, random_start=False),
        RotationTranslation(epsilon=0.2, num_steps=3, random_start=False),
    ):
        expected = attack.perturb(model, images, labels, torch.arange(5))
        with frozen(model):
            found = steepest([attack], model, images, labels)
        torch.testing.assert_close(found, expected)


def test_balls_of_three_norms_share_one_difference() -> None:
    """The paper's own case: what is found lies in one of the balls, the one whose worst case a
    linear model fears most."""
    w = scores()
    sizes = {"linf": float(w.abs().sum()), "l2": float(w.norm()), "l1": float(w.abs().max())}
    for strong in sizes:
        attacks: list[AscentAttack] = [
            PGD(norm=norm, epsilon=(0.3 if norm == strong else 0.05) / dual, num_steps=10)
            for norm, dual in sizes.items()
        ]
        images = grey()
        fall = (images - found_by(attacks, w, images)).flatten(1) @ w.flatten()
        torch.testing.assert_close(fall, torch.full((3,), 0.3))


def test_pixel_attacks_share_one_difference() -> None:
    """On a linear model the loss falls with the score: the attack of the larger step wins each
    time, and the end is the corner of the larger ball, a score lower by `epsilon |w|_1`."""
    w = scores()
    attacks: list[AscentAttack] = [
        PGD(epsilon=0.05, num_steps=4),
        PGD(epsilon=0.2, num_steps=4),
    ]
    found = found_by(attacks, w, grey())
    torch.testing.assert_close(found, grey() - 0.2 * w.sign())
    fall = ((grey() - found) * w).sum(dim=(1, 2, 3))
    torch.testing.assert_close(fall, (0.2 * w.abs().sum()).expand(3))


@pytest.mark.parametrize("winner", ["linf", "l2", "l1"])
def test_of_norms_the_one_whose_ball_lowers_the_score_most_wins(winner: str) -> None:
    """One full step each lowers `w . x` by the radius times w's dual norm."""
    w = scores(2)
    duals = {"linf": w.abs().sum(), "l2": w.square().sum().sqrt(), "l1": w.abs().max()}
    falls = {name: 0.2 if name == winner else 0.1 for name in duals}
    attacks: list[AscentAttack] = []
    for name, dual in duals.items():
        radius = falls[name] / float(dual)
        settings = {"norm": name, "epsilon": radius, "step_size": radius, "num_steps": 1}
        attacks.append(PGD.model_validate(settings))
    found = found_by(attacks, w, grey())
    fall = ((grey() - found) * w).sum(dim=(1, 2, 3))
    torch.testing.assert_close(fall, torch.full((3,), 0.2), rtol=1e-4, atol=0)


def test_a_small_step_wins_where_the_large_one_has_overshot() -> None:
    """One step each: the loss has its maximum at a difference of .1, which the larger step jumps
    over by more than the smaller one falls short of it."""

    class Bowl(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            excess = (images.flatten(1).mean(1) - 0.6).square()
            return torch.stack([excess, torch.zeros_like(excess)], dim=1)

    attacks = [
        PGD(epsilon=0.3, step_size=0.3, num_steps=1),
        PGD(epsilon=0.3, step_size=0.05, num_steps=1),
    ]
    labels = torch.zeros(3, dtype=torch.int64)
    found = steepest(attacks, Bowl(), grey(), labels)
    torch.testing.assert_close(found, grey() + 0.05)


@pytest.mark.parametrize(("pixels", "winner"), [(0.3, "pgd"), (1e-4, "flow")])
def test_among_spatial_attacks_the_one_that_raises_the_loss_most_has_all(
    pixels: float, winner: str
) -> None:
    """On a ramp a flow moves values by slope times distance: next to nothing beside large steps of
    pixels, much beside tiny ones."""
    ramp = torch.linspace(0.3, 0.7, 6).expand(2, 1, 6, 6).contiguous()
    w = scores(1)
    pgd = PGD(epsilon=pixels, num_steps=3, random_start=False)
    flow = Flow(epsilon=0.2, num_steps=3, random_start=False, padding="border")
    found = found_by([pgd, flow], w, ramp)
    alone = found_by([pgd if winner == "pgd" else flow], w, ramp)
    torch.testing.assert_close(found, alone, atol=1e-5, rtol=0)


def test_parts_stay_within_the_sum_of_relative_sizes() -> None:
    """Steps of either attack in turn: what one grows by, the others shrink by, and each alone may
    reach its full radius."""
    images = torch.rand(4, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    attacks: list[AscentAttack] = [
        PGD(epsilon=0.1, step_size=0.06, num_steps=1),
        Flow(epsilon=0.2, step_size=0.1, num_steps=1),
        RotationTranslation(epsilon=0.3, step_size=0.1, num_steps=1),
    ]
    space = _Composed(attacks, images)
    parts = space.start()
    generator = torch.Generator().manual_seed(1)
    for place in (0, 0, 1, 2, 2, 1, 0, 2, 2, 2, 2):
        gradients = [tuple(torch.randn(w.shape, generator=generator) for w in p) for p in parts]
        before = [it.sizes(images, part) for it, part in zip(attacks, parts, strict=True)]
        parts = space.stepped(place, parts, gradients, share=1.0)
        sizes = [it.sizes(images, part) for it, part in zip(attacks, parts, strict=True)]
        assert (sum(sizes) <= 1 + 1e-6).all()
        room = 1 - sizes[place]
        others = sum(size for k, size in enumerate(before) if k != place)
        for k in {0, 1, 2} - {place}:  # by one factor, and no more than they must
            factor = torch.minimum(torch.ones(4), room / others.clamp(min=1e-30))
            torch.testing.assert_close(sizes[k], before[k] * factor)
    for _ in range(7):
        gradients = [tuple(torch.ones_like(w) for w in part) for part in parts]
        parts = space.stepped(2, parts, gradients, share=1.0)
    sizes = [it.sizes(images, part) for it, part in zip(attacks, parts, strict=True)]
    torch.testing.assert_close(sizes[2], torch.ones(4))
    assert torch.stack(sizes[:2]).max() == 0


@pytest.mark.parametrize(
    "attacks",
    [
        [PGD(epsilon=0.1, num_steps=3), PGD(epsilon=0.2, num_steps=2)],
        [PGD(epsilon=0.1, num_steps=3), Flow(epsilon=0.1, num_steps=4)],
    ],
)
def test_passes_are_those_that_are_forecast(attacks: list[AscentAttack]) -> None:
    model = linear(scores())
    method = MultiSteepest(attack_names=("a", "b"))
    by_name = dict(zip("ab", attacks, strict=True))
    with counted(model) as counter:
        images = method.search(
            "msd", by_name, model, grey(), torch.zeros(3, dtype=torch.int64), torch.arange(3)
        )
    assert images.shape == grey().shape
    assert not images.requires_grad
    steps = max(attack.num_steps for attack in attacks)
    each = Passes(forward=3 * steps, input_backward=steps)
    assert method.search_passes(dict(by_name)) == each
    assert counter.passes == each * 3


def test_branches_are_one_beside_the_natural_one() -> None:
    method = MultiSteepest(natural_weight=0.25)
    assert method.branches() == ("natural", "msd")
    assert method.attacks() == ("pgd", "flow", "rt")
    assert method.weighting().weigh(torch.zeros(2, 4)).squeeze(1).tolist() == [0.25, 0.75]


@pytest.mark.parametrize(
    ("changed", "piece"),
    [
        ({"pgd": {"num_restarts": 3}}, "num_restarts: 1 and keep: last"),
        ({"flow": {"keep": "best"}}, "num_restarts: 1 and keep: last"),
        ({"pgd": {"radius_decay": "stages"}}, "radius_decay: none"),
        ({"rt": {"loss": "margin"}}, "climb one loss, got cross_entropy, margin"),
        ({"rt": {"attack": "rt_worst_of", "num_steps": None}}, "climb by steps, got rt"),
        ({"rt": None}, "must train with attacks that training.attacks describes, got rt"),
    ],
)
def test_attacks_that_do_not_fit_are_refused(
    changed: dict[str, Any], piece: str, small_trial: MakeTrial
) -> None:
    if "attack" in (changed.get("rt") or {}):
        changed = {"rt": None, "worst": {"attack": "rt_worst_of", "epsilon": 0.1}}
        method = {"method": "msd", "attack_names": ["pgd", "worst"]}
        piece = piece.replace("got rt", "got worst")
    else:
        method = {"method": "msd"}
    with pytest.raises(BadInput, match=piece):
        small_trial(method=method, training={"attacks": changed})
