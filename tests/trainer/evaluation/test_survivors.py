"""Evaluation spends steps on what they can still change, and finds the bits of all of them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from trainer.attacks import PGD, Attack, Flow, Integrated, RotationTranslation
from trainer.attacks.ascent import AscentAttack
from trainer.attacks.attack import frozen
from trainer.data import Dataset
from trainer.randomness import example_keys

COUNT = 96


class Counted(nn.Module):
    """A network that notes how many images each pass is over."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.sizes: list[int] = []

    def forward(self, images: Tensor) -> Tensor:
        self.sizes.append(len(images))
        logits: Tensor = self.network(images)
        return logits


class Flipping(nn.Module):
    """Gives class 0 until it has been asked a number of times, then class 1."""

    def __init__(self, right_for: int) -> None:
        super().__init__()
        self.left = right_for

    def forward(self, images: Tensor) -> Tensor:
        self.left -= 1
        true = images.flatten(1).sum(1) * 0 + (1.0 if self.left >= 0 else -1.0)
        return torch.stack([true, -true], dim=1)


ATTACKS: dict[str, AscentAttack] = {
    "pgd": PGD(epsilon=0.2, step_size=0.03, num_steps=1),
    "falling": PGD(epsilon=0.2, step_size=0.2, step_decay="cosine", num_steps=1),
    "from zero": PGD(epsilon=0.2, step_size=0.02, random_start=False, num_steps=1),
    "flow": Flow(epsilon=0.12, step_size=0.02, num_steps=1),
    "rt, margin": RotationTranslation(epsilon=0.25, step_size=0.05, loss="margin", num_steps=1),
    "integrated": Integrated(rt_epsilon=0.06, flow_epsilon=0.03, num_steps=1),
    "literal": Integrated(rt_epsilon=0.03, flow_epsilon=0.02, warps="iterate", num_steps=1),
}


def batch_of(digits: Dataset) -> tuple[Tensor, Tensor, Tensor]:
    indices = torch.arange(COUNT)
    return (
        digits.test.images_at(indices),
        digits.test.labels[indices],
        example_keys(3, indices),
    )


def every_iterate(
    attack: AscentAttack, model: nn.Module, images: Tensor, labels: Tensor, keys: Tensor
) -> Tensor:
    """Whether the model is right on iterate t of restart s, S T+1 B: each by a run of its own that
    nothing leaves. The step must not fall, so that a run's first steps are those of a longer one.
    """
    rows = []
    with frozen(model):
        for restart in range(attack.num_restarts):
            start = attack.start(images, keys, restart)
            for num_steps in range(attack.num_steps + 1):
                end = attack._climb(
                    model, images, labels, start=start, num_steps=num_steps, observe=None
                )
                with torch.no_grad():
                    rows.append(model(end.images).argmax(1) == labels)
    return torch.stack(rows).unflatten(0, (attack.num_restarts, -1))


@pytest.mark.slow
@pytest.mark.parametrize("num_restarts", [1, 3])
@pytest.mark.parametrize("name", [name for name in ATTACKS if name != "falling"])
def test_bits_are_those_of_runs_that_nothing_leaves(
    name: str, num_restarts: int, trained: nn.Module, digits: Dataset
) -> None:
    ladder = (1, 3, 6, 9)
    attack = ATTACKS[name].model_copy(update={"num_steps": 9, "num_restarts": num_restarts})
    images, labels, keys = batch_of(digits)
    right = every_iterate(attack, trained, images, labels, keys)
    expected = torch.stack([right[:, : rung + 1].all(1).all(0) for rung in ladder])
    found = attack.correct(trained, images, labels, keys, ladder)
    assert torch.equal(found, expected)
    assert found[-1].sum() < found[0].sum() < COUNT  # some leave on the way


@pytest.mark.parametrize("name", ATTACKS)
def test_bits_do_not_depend_on_who_else_is_there(
    name: str, trained: nn.Module, digits: Dataset
) -> None:
    ladder = (1, 4, 7)
    attack = ATTACKS[name].model_copy(update={"num_steps": 7, "num_restarts": 2})
    images, labels, keys = batch_of(digits)
    together = attack.correct(trained, images, labels, keys, ladder)
    for part in torch.arange(COUNT).split(17):
        alone = attack.correct(trained, images[part], labels[part], keys[part], ladder)
        assert torch.equal(alone, together[:, part])


def test_what_is_broken_leaves() -> None:
    model = Counted(Flipping(right_for=3))  # two of them for the check of the batch and iterate 0
    images = torch.rand(5, 1, 4, 4)
    attack = PGD(epsilon=0.1, num_steps=50)
    bits = attack.correct(model, images, torch.zeros(5).long(), torch.arange(5), (1, 50))
    assert bits.tolist() == [[True] * 5, [False] * 5]
    assert model.sizes == [1, 5, 5, 5]  # iterate 2 errs, and no step is taken from it


def test_all_steps_are_taken_where_nothing_breaks() -> None:
    model = Counted(Flipping(right_for=10**6))
    attack = PGD(epsilon=0.1, num_steps=20, num_restarts=2)
    bits = attack.correct(
        model, torch.rand(5, 1, 4, 4), torch.zeros(5).long(), torch.arange(5), (1, 5, 20)
    )
    assert bits.all()
    assert model.sizes == [1] + [5] * 42


def test_a_later_start_goes_no_further_than_the_last_rung_that_stands() -> None:
    model = Counted(Flipping(right_for=8))  # one check, iterates 0 to 6 of the first start
    attack = PGD(epsilon=0.1, num_steps=40, num_restarts=2)
    model.network.register_forward_hook(  # and right again once the first start is over
        lambda network, _, __: setattr(network, "left", 99) if len(model.sizes) == 10 else None
    )
    bits = attack.correct(
        model, torch.rand(3, 1, 4, 4), torch.zeros(3).long(), torch.arange(3), (2, 5, 10, 40)
    )
    assert bits.tolist() == [[True] * 3, [True] * 3, [False] * 3, [False] * 3]
    first, second = 1 + 9, 6  # iterates 0 to 8, the next look after 7; then 0 to 5
    assert len(model.sizes) == first + second


class Rungwise(Attack):
    """Darkens, the more the higher the rung; has no run that gives all rungs."""

    rung = "level"
    level: int

    def search(self, model: nn.Module, images: Tensor, labels: Tensor, keys: Tensor) -> Tensor:
        SEARCHED.append(keys.tolist())
        return images * (1 - 0.1 * self.level)


SEARCHED: list[list[int]] = []


class Threshold(nn.Module):
    """Class 0 where the mean pixel is over a half."""

    def forward(self, images: Tensor) -> Tensor:
        score = images.flatten(1).mean(1) - 0.5
        return torch.stack([score, -score], dim=1)


def test_an_attack_without_a_run_is_searched_on_what_is_left() -> None:
    brightness = torch.tensor([0.52, 0.7, 0.9, 0.6])
    images = brightness[:, None, None, None].expand(4, 1, 4, 4).clone()
    SEARCHED.clear()
    attack = Rungwise(level=1)
    found = attack.correct(
        Threshold(), images, torch.zeros(4).long(), torch.arange(4), (1, 2, 4, 9)
    )
    expected: list[list[Any]] = [
        (brightness * (1 - 0.1 * level) > 0.5).tolist() for level in (1, 2, 4, 9)
    ]
    assert found.tolist() == expected
    assert SEARCHED == [[0, 1, 2, 3], [1, 2, 3], [1, 2], [2]]
