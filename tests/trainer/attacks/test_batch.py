"""Input that no attack takes: refused by name, value and rule before the model is attacked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from trainer.attacks import ATTACKS, PGD, Attack
from trainer.attacks.ascent import AscentAttack

ASCENTS = {kind: cls for kind, cls in ATTACKS.items() if issubclass(cls, AscentAttack)}
ATTACK = PGD(epsilon=0.1, num_steps=3)
Batch = dict[str, Any]


class Counting(nn.Module):
    """A network of 5 classes on images of one channel, which notes how many it is shown."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(2 * 36, 5))
        self.shown: list[int] = []

    def forward(self, images: Tensor) -> Tensor:
        self.shown.append(len(images))
        logits: Tensor = self.body(images)
        return logits


def batch(**changes: Any) -> Batch:
    """Four images of 8 by 8 with labels and keys, some of them changed."""
    good = {
        "images": torch.full((4, 1, 8, 8), 0.5),
        "labels": torch.tensor([0, 1, 3, 4]),
        "keys": torch.arange(4),
    }
    return good | changes


def with_pixel(value: float) -> Tensor:
    images = torch.full((4, 1, 8, 8), 0.5)
    images[2, 0, 3, 5] = value
    return images


def perturb(model: nn.Module, given: Batch) -> Tensor:
    return ATTACK.perturb(model, **given)


def correct(model: nn.Module, given: Batch) -> Tensor:
    return ATTACK.correct(model, **given, ladder=(1, 3))


each_verb = pytest.mark.parametrize("verb", [perturb, correct])

BAD: dict[str, tuple[Batch, list[str]]] = {
    "image above 1": (batch(images=with_pixel(1.5)), ["images", "[0, 1]", "0.5 to 1.5"]),
    "image just above 1": (batch(images=with_pixel(1 + 1e-6)), ["images", "[0, 1]"]),
    "image below 0": (batch(images=with_pixel(-0.25)), ["images", "[0, 1]", "-0.25 to 0.5"]),
    "image NaN": (batch(images=with_pixel(float("nan"))), ["images", "[0, 1]", "nan"]),
    "image infinite": (batch(images=with_pixel(float("inf"))), ["images", "[0, 1]", "inf"]),
    "image 8-bit": (
        batch(images=torch.full((4, 1, 8, 8), 128, dtype=torch.uint8)),
        ["images", "floating point in [0, 1]", "torch.uint8", "divide 8-bit images by 255"],
    ),
    "image whole numbers": (
        batch(images=torch.ones(4, 1, 8, 8, dtype=torch.int64)),
        ["images", "floating point", "torch.int64"],
    ),
    "images without channels": (
        batch(images=torch.full((4, 8, 8), 0.5)),
        ["images", "B C H W", "(4, 8, 8)"],
    ),
    "one image without batch": (
        batch(images=torch.full((1, 8, 8), 0.5), labels=torch.tensor([0]), keys=torch.arange(1)),
        ["images", "B C H W", "(1, 8, 8)"],
    ),
    "no images": (
        batch(images=torch.zeros(0, 1, 8, 8), labels=torch.arange(0), keys=torch.arange(0)),
        ["images", "none of them 0", "(0, 1, 8, 8)"],
    ),
    "images without pixels": (
        batch(images=torch.zeros(4, 1, 0, 8)),
        ["images", "none of them 0", "(4, 1, 0, 8)"],
    ),
    "label beyond the last": (
        batch(labels=torch.tensor([0, 1, 5, 2])),
        ["labels", "at least 0 and at most 4", "got 5"],
    ),
    "label far beyond": (batch(labels=torch.tensor([0, 1, 300, 2])), ["labels", "got 300"]),
    "label negative": (
        batch(labels=torch.tensor([0, 1, -1, 2])),
        ["labels", "at least 0 and at most 4", "got -1"],
    ),
    "label ignored by cross entropy": (
        batch(labels=torch.tensor([0, 1, -100, 2])),
        ["labels", "at least 0 and at most 4", "got -100"],
    ),
    "labels int32": (
        batch(labels=torch.tensor([0, 1, 2, 3], dtype=torch.int32)),
        ["labels", "int64 of shape (4,)", "torch.int32"],
    ),
    "labels one-hot": (
        batch(labels=torch.eye(5)[:4]),
        ["labels", "int64 of shape (4,)", "torch.float32 of shape (4, 5)"],
    ),
    "labels too few": (batch(labels=torch.tensor([0, 1])), ["labels", "(4,)", "shape (2,)"]),
    "labels in a column": (
        batch(labels=torch.zeros(4, 1, dtype=torch.int64)),
        ["labels", "(4,)", "shape (4, 1)"],
    ),
    "keys of floats": (batch(keys=torch.rand(4)), ["keys", "int64", "torch.float32"]),
    "keys too many": (batch(keys=torch.arange(5)), ["keys", "(4,)", "shape (5,)"]),
    "one key for all": (batch(keys=torch.tensor(7)), ["keys", "(4,)", "shape ()"]),
}


@each_verb
@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_before_any_work(
    name: str, verb: Callable[[nn.Module, Batch], Tensor]
) -> None:
    given, pieces = BAD[name]
    model = Counting()
    with pytest.raises(ValueError) as caught:
        verb(model, given)
    for piece in pieces:
        assert piece in str(caught.value)
    assert "\n" not in str(caught.value)
    # One image tells how many classes there are, once that is all that is left to ask.
    assert model.shown == ([1] if "at most" in str(caught.value) else [])


@each_verb
def test_good_input_is_taken(verb: Callable[[nn.Module, Batch], Tensor]) -> None:
    model = Counting()
    assert len(verb(model, batch()).flatten()) > 0
    assert max(model.shown) == 4


@each_verb
def test_the_limits_are_good_input(verb: Callable[[nn.Module, Batch], Tensor]) -> None:
    """Black, white, the first class and the last."""
    images = torch.zeros(2, 1, 8, 8)
    images[1] = 1
    verb(Counting(), batch(images=images, labels=torch.tensor([0, 4]), keys=torch.arange(2)))


def test_a_batch_of_one_is_good_input() -> None:
    one = batch(images=torch.zeros(1, 1, 8, 8), labels=torch.tensor([2]), keys=torch.arange(1))
    assert perturb(Counting(), one).shape == (1, 1, 8, 8)


def test_the_model_that_is_asked_is_left_in_training_mode() -> None:
    model = nn.Sequential(nn.BatchNorm2d(1), Counting()).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(ValueError, match="labels"):
        perturb(model, batch(labels=torch.tensor([0, 1, 5, 2])))
    assert all(module.training for module in model.modules())
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


# Settings, of which pydantic's error is a ValueError too


def lengths_of(cls: type[Attack], ending: str) -> list[str]:
    return [name for name in cls.model_fields if name.endswith(ending)]


def smallest(cls: type[Attack], **changes: Any) -> Attack:
    """The attack with 0.1 for every radius, 3 steps, and some fields changed."""
    fields = dict.fromkeys(lengths_of(cls, "epsilon"), 0.1) | {"num_steps": 3}
    return cls.model_validate(fields | changes)


@pytest.mark.parametrize("kind", ASCENTS)
@pytest.mark.parametrize(
    ("value", "rule"),
    [
        (float("nan"), "finite"),
        (float("inf"), "finite"),
        (float("-inf"), "finite"),
        (-0.5, "greater than or equal to 0"),
        ("wide", "valid number"),
        (None, "valid number"),
    ],
)
def test_a_radius_is_a_finite_number_from_0(kind: str, value: object, rule: str) -> None:
    for name in lengths_of(ASCENTS[kind], "epsilon"):
        with pytest.raises(ValueError) as caught:
            smallest(ASCENTS[kind], **{name: value})
        for piece in [name, rule, f"input_value={value!r}"]:
            assert piece in str(caught.value)


@pytest.mark.parametrize("kind", ASCENTS)
@pytest.mark.parametrize(
    ("value", "rule"),
    [(0, "greater than 0"), (-0.1, "greater than 0"), (float("nan"), "finite")],
)
def test_a_step_is_a_finite_number_above_0(kind: str, value: object, rule: str) -> None:
    for name in lengths_of(ASCENTS[kind], "step_size"):
        with pytest.raises(ValueError) as caught:
            smallest(ASCENTS[kind], **{name: value})
        for piece in [name, rule, f"input_value={value!r}"]:
            assert piece in str(caught.value)


@pytest.mark.parametrize("kind", ASCENTS)
def test_every_attack_has_a_radius_and_as_many_steps(kind: str) -> None:
    """So that the two tests above look at something."""
    cls = ASCENTS[kind]
    assert 1 <= len(lengths_of(cls, "epsilon")) == len(lengths_of(cls, "step_size"))
    assert isinstance(smallest(cls), cls)
