"""The user's own attacks and methods, tried before a trial starts, are told by what they gave."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from trainer.attacks import PGD, Attack
from trainer.data import Dataset
from trainer.methods import Method, Weighting
from trainer.training.first_pass import is_own, try_attack, try_method


class Shown(Attack):
    """It answers with whatever is laid into `ANSWERS` under its kind."""

    kind: str

    def search(self, model: nn.Module, images: Tensor, labels: Tensor, keys: Tensor) -> Any:
        return ANSWERS[self.kind](images)


ANSWERS: dict[str, Callable[[Tensor], Any]] = {
    "images": lambda images: images,
    "a list": list,
    "a batch less": lambda images: images[1:],
    "whole numbers": lambda images: (images * 255).to(torch.uint8),
    "sparse": lambda images: images.to_sparse(),
    "NaN": lambda images: images * torch.nan,
    "too bright": lambda images: images + 1,
}


@pytest.mark.parametrize(
    ("kind", "got"),
    [
        ("a list", "a list"),
        ("a batch less", r"shape \(1, 1, 8, 8\)"),
        ("whole numbers", r"torch\.uint8"),
        ("sparse", r"a tensor of torch\.sparse_coo on cpu"),
        ("NaN", "NaN or infinity"),
        ("too bright", "pixels from 1 to 2"),
    ],
)
def test_what_an_attack_gives_in_place_of_images_is_told(
    kind: str, got: str, digits: Dataset
) -> None:
    rule = r"Shown\.search must return images of shape \(2, 1, 8, 8\) in \[0, 1\], as it is given"
    with pytest.raises(ValueError, match=f"^{rule}, got {got}$"):
        try_attack(Shown(kind=kind), nn.Flatten(), digits)


def test_an_attack_that_gives_images_is_taken(digits: Dataset) -> None:
    try_attack(Shown(kind="images"), nn.Flatten(), digits)


class Weightless(Method):
    def branches(self) -> tuple[str, ...]:
        return ("natural",)

    def weighting(self) -> Weighting:
        return [1.0]  # type: ignore[return-value]


def test_a_method_without_a_weighting_is_told() -> None:
    rule = r"Weightless\.weighting must return a trainer\.methods\.Weighting, got list"
    with pytest.raises(ValueError, match=f"^{rule}$"):
        try_method(Weightless())


def test_what_this_project_has_is_nobodys_own() -> None:
    assert not is_own(PGD(epsilon=0.1, num_steps=1))
    assert is_own(Shown(kind="images"))
