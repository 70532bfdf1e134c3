"""Hills, bowls and saddles have the curvature that they have, and runs end where they must."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from tests.trainer.interpretation.quadratics import Hill, grey, shift
from trainer.attacks import Integrated, RotationTranslation
from trainer.data import Dataset
from trainer.interpretation.concavity import Curvature, curvature, ends
from trainer.interpretation.directions import corner, directions
from trainer.randomness import example_keys

KEYS = example_keys(0, torch.arange(2))


def curvature_of(A: Tensor, *, sections: int = 8, batch_size: int = 64) -> Curvature:
    model, (images, labels) = Hill(A, torch.randn(4)), grey(2)
    return curvature(
        shift(epsilon=0.3),
        model,
        images,
        labels,
        KEYS,
        sections=sections,
        step=0.5,
        batch_size=batch_size,
    )


@pytest.mark.parametrize(("sign", "negative", "positive"), [(-1, 1, 0), (1, 0, 1)])
def test_a_hill_is_concave_in_every_section(sign: int, negative: int, positive: int) -> None:
    B = torch.randn(4, 4)
    found = curvature_of(sign * (B @ B.T + torch.eye(4)))
    assert found.hessians.shape == (2, 8, 2, 2)
    assert found.negative_definite().tolist() == [negative] * 2
    assert found.positive_definite().tolist() == [positive] * 2


def test_second_differences_of_a_quadratic_are_its_own() -> None:
    """In whatever section: d'Ad, d'Ae and e'Ae, here of one section whose directions are known."""
    B = torch.randn(4, 4)
    A = B + B.T
    found = curvature_of(A, sections=1, batch_size=3)
    like = corner(shift(epsilon=0.3), grey(2)[0])
    (first,), (second,) = directions(like, example_keys(0, KEYS), stream=0)
    for example in range(2):
        d, e = first[example].flatten(), second[example].flatten()
        expected = torch.stack([d @ A @ d, d @ A @ e, e @ A @ d, e @ A @ e]).reshape(2, 2)
        torch.testing.assert_close(
            found.hessians[example, 0].float(), expected, rtol=1e-3, atol=1e-4
        )


@pytest.mark.slow
def test_a_saddle_has_the_share_that_its_form_has() -> None:
    """A third of diag(1/2, -3/2, 1/2, -3/2), in closed form.

    In each filter the directions are a turn by a random angle t, or its mirror image, so that the
    form there is -1/2 plus a traceless one of length 1 at the angle 2 t. Two of these add up to
    |1 + exp(i s)|, s uniform, beside -1: less than that where cos(s) < -1/2.
    """
    A = torch.diag(torch.tensor([0.5, -1.5, 0.5, -1.5]))
    found = curvature_of(A, sections=150).negative_definite().mean().item()
    assert found == pytest.approx(1 / 3, abs=4 * (2 / 9 / 300) ** 0.5)


def test_a_flat_loss_is_neither() -> None:
    flat = Curvature(hessians=torch.zeros(2, 3, 2, 2))
    assert flat.negative_definite().tolist() == flat.positive_definite().tolist() == [0, 0]


def test_on_a_hill_all_runs_end_at_its_top() -> None:
    """`-|x - c|^2`, c within the set: steps by sign end within a step of c in every entry."""
    c = torch.tensor([0.05, -0.1, 0.0, 0.08])
    model, (images, labels) = Hill(-2 * torch.eye(4), 2 * c), grey(2)
    attack = shift(epsilon=0.2, num_steps=40, step_size=0.01)
    found = ends(attack, model, images, labels, KEYS, starts=9, batch_size=10)
    assert found.losses.shape == (2, 9)
    top = c.square().sum().item()
    assert found.losses.min() > top - 4 * 0.01**2
    assert found.losses.max() < top + 1e-6
    assert (found.range() <= 4 * 0.01**2 + 1e-6).all()
    assert (found.spread() <= found.range()).all()
    assert (found.distance <= 0.01 / 0.2).all()


def test_on_a_saddle_runs_end_at_either_side() -> None:
    """`x_1^2`, and nothing else: to +-0.2 by where one starts, 0.4 of a way of 2 radii."""
    A = torch.diag(torch.tensor([2.0, 0, 0, 0]))
    b = torch.tensor([0.0, 0.0, 0.0, 0.1])
    model, (images, labels) = Hill(A, b), grey(2)
    attack = shift(epsilon=0.2, num_steps=60, step_size=0.01)
    found = ends(attack, model, images, labels, KEYS, starts=40, batch_size=64)
    torch.testing.assert_close(found.losses, torch.full((2, 40), 0.2**2 + 0.1 * 0.2))
    # One entry at either end (1), two where they began (1/3 each), one at one end (0), in squares.
    expected = ((1 + 1 / 3 + 1 / 3) / 4) ** 0.5
    assert found.distance.mean().item() == pytest.approx(expected, abs=0.1)


@pytest.mark.parametrize(
    "attack",
    [
        RotationTranslation(epsilon=0.2, num_steps=3),
        Integrated(rt_epsilon=0.2, flow_epsilon=0.1, num_steps=3),
    ],
)
def test_neither_the_batch_nor_the_company_counts(
    attack: RotationTranslation | Integrated, trained: nn.Module, digits: Dataset
) -> None:
    images, labels = digits.test.images_at(torch.arange(2)), digits.test.labels[:2]
    found = [
        (
            ends(attack, trained, *some, starts=5, batch_size=size),
            curvature(attack, trained, *some, sections=3, step=0.5, batch_size=size).hessians,
        )
        for some, size in (
            ((images, labels, KEYS), 3),
            ((images, labels, KEYS), 100),
            ((images[1:], labels[1:], KEYS[1:]), 4),
        )
    ]
    (one, bent), (other, its), (alone, lone) = found
    torch.testing.assert_close(one.losses, other.losses, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(one.losses[1:], alone.losses, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(bent, its, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(bent[1:], lone, rtol=1e-3, atol=1e-3)
    assert one.losses.std(1).min() > 0  # starts differ
