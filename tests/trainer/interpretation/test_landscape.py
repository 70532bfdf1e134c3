"""A quadratic loss's landscape is its parabola; directions have the lengths that they are given."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from tests.trainer.interpretation.quadratics import Hill, grey, shift
from trainer.attacks import PGD, Integrated
from trainer.data import Dataset
from trainer.interpretation.concavity import curvature, ends
from trainer.interpretation.directions import corner, directions, moved_along
from trainer.interpretation.landscape import landscape
from trainer.randomness import example_keys

KEYS = example_keys(0, torch.arange(3))


def filters(w: tuple[Tensor, ...]) -> list[Tensor]:
    """Every filter of every example, flat."""
    return [one.flatten(2) for one in w]


def test_filters_have_the_norms_of_what_they_are_like() -> None:
    like = (torch.rand(3, 2, 3), 4 * torch.rand(3, 2, 5, 6))
    first, second = directions(like, KEYS, stream=0)
    for one, other, wanted in zip(*map(filters, (first, second, like)), strict=True):
        torch.testing.assert_close(one.norm(dim=2), wanted.norm(dim=2))
        torch.testing.assert_close(other.norm(dim=2), wanted.norm(dim=2))
        cosine = (one * other).sum(2) / wanted.norm(dim=2) ** 2
        torch.testing.assert_close(cosine, torch.zeros(3, 2), rtol=0, atol=1e-5)


def test_a_filter_of_zeros_stays_one() -> None:
    like = (torch.zeros(3, 2, 3), torch.ones(3, 2, 4, 4))
    for rigid, flow in directions(like, KEYS, stream=0):
        assert (rigid == 0).all()
        assert flow.isfinite().all()


def test_directions_are_their_keys_alone() -> None:
    like = (torch.ones(3, 2, 3), torch.ones(3, 2, 4, 4))
    together = directions(like, KEYS, stream=0)
    alone = directions(tuple(w[1:2] for w in like), KEYS[1:2], stream=0)
    others = directions(like, KEYS, stream=1)
    flat = [
        torch.cat([w.flatten(1) for pair in drawn for w in pair], dim=1)
        for drawn in (together, alone, others)
    ]
    torch.testing.assert_close(flat[0][1:2], flat[1])
    assert ((flat[0] - flat[2]).abs() > 0).float().mean() > 0.99


def test_a_corner_has_every_entry_at_its_radius() -> None:
    images = torch.rand(2, 1, 4, 6)
    rigid, flow = corner(Integrated(rt_epsilon=0.2, flow_epsilon=0.05, num_steps=1), images)
    assert torch.equal(rigid, torch.full((2, 2, 3), 0.2))
    assert torch.equal(flow, torch.full((2, 2, 4, 6), 0.05))
    (pixels,) = corner(PGD(epsilon=2, norm="l2", num_steps=1), images)
    torch.testing.assert_close(pixels.flatten(1).norm(dim=1), torch.tensor([2.0, 2.0]))


@pytest.mark.parametrize("batch_size", [1, 5, 300])
def test_a_quadratic_losss_landscape_is_its_parabola(batch_size: int) -> None:
    """f(w + a d + b e) from f's own matrix: a^2 d'Ad / 2 + a b d'Ae + b^2 e'Ae / 2 + slopes."""
    A = torch.randn(4, 4)
    model, (images, labels) = Hill(A + A.T, torch.randn(4)), grey(3)
    attack = shift(epsilon=0.3)
    around = (0.1 * torch.randn(3, 2, 2),)
    pair = directions(corner(attack, images), KEYS, stream=0)
    steps = torch.tensor([-2.0, -0.5, 0.0, 1.0])
    found = landscape(
        attack,
        model,
        images,
        labels,
        around=around,
        pair=pair,
        steps=steps,
        batch_size=batch_size,
    )
    matrix, slope = (A + A.T).double(), model.b.detach().double()
    for example in range(3):
        w, d, e = (part[0][example].flatten().double() for part in (around, *pair))
        at = w @ matrix @ w / 2 + slope @ w
        for row, a in enumerate(steps.double()):
            for column, b in enumerate(steps.double()):
                expected = at + (matrix @ w + slope) @ (a * d + b * e)
                expected += a**2 * (d @ matrix @ d) / 2 + b**2 * (e @ matrix @ e) / 2
                expected += a * b * (d @ matrix @ e)
                got = found.losses[example, row, column].item()
                assert got == pytest.approx(float(expected), abs=1e-4)
    moved = moved_along(
        around, pair, *(x.flatten() for x in torch.meshgrid(steps, steps, indexing="ij"))
    )
    inside = moved[0].abs().flatten(2).amax(2) <= 0.3
    assert torch.equal(found.inside.flatten(1), inside)
    assert 0 < inside.sum() < inside.numel()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_finds_the_same() -> None:
    A = torch.randn(4, 4)
    model, (images, labels) = Hill(A + A.T, torch.randn(4)), grey(3)
    attack, steps = shift(epsilon=0.3), torch.tensor([-1.0, 0.0, 2.0])
    losses, bent, spread = [], [], []
    for device in ("cpu", "cuda"):
        batch = (images.to(device), labels.to(device))
        keys = KEYS.to(device)
        pair = directions(corner(attack, batch[0]), keys, stream=0)
        around = attack.start(batch[0], keys, 0)
        network = model.to(device)
        found = landscape(
            attack, network, *batch, around=around, pair=pair, steps=steps, batch_size=9
        )
        losses.append(found.losses.cpu())
        many = {"batch_size": 9}
        bent.append(
            curvature(attack, network, *batch, keys, sections=2, step=0.5, **many).hessians.cpu()
        )
        spread.append(ends(attack, network, *batch, keys, starts=3, **many).losses.cpu())
    for here, there in (losses, bent, spread):
        torch.testing.assert_close(there, here, rtol=1e-3, atol=1e-3)


def test_the_middle_of_the_landscape_is_the_solution(trained: nn.Module, digits: Dataset) -> None:
    attack = Integrated(rt_epsilon=0.2, flow_epsilon=0.1, num_steps=4, keep="best")
    images, labels = digits.test.images_at(torch.arange(3)), digits.test.labels[:3]
    solution = attack.solution(trained, images, labels, KEYS)
    found = landscape(
        attack,
        trained,
        images,
        labels,
        around=solution.parameters,
        pair=directions(corner(attack, images), KEYS, stream=0),
        steps=torch.tensor([-0.1, 0.0, 0.1]),
        batch_size=64,
    )
    with torch.no_grad():
        logits = trained(solution.images)
    expected = nn.functional.cross_entropy(logits, labels, reduction="none")
    torch.testing.assert_close(found.losses[:, 1, 1], expected, rtol=1e-4, atol=1e-4)
    assert found.inside[:, 1, 1].all()
