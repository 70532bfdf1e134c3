"""Passes of evaluations to come: exact where attacks say what they take, and else unknown."""

from __future__ import annotations

from typing import ClassVar

import pytest
from torch import Tensor, nn

from trainer.attacks import PGD, Attack
from trainer.evaluation.suite import Rungs, Suite
from trainer.passes import Passes
from trainer.training.passes_ahead import most_passes_of_evaluation


class Silent(Attack):
    """One that does not say what it takes."""

    def search(self, model: nn.Module, images: Tensor, labels: Tensor, keys: Tensor) -> Tensor:
        return images


class Outspoken(Silent):
    """One of a single strength, whose search takes two forward passes."""

    def search(self, model: nn.Module, images: Tensor, labels: Tensor, keys: Tensor) -> Tensor:
        return images

    def search_passes(self) -> Passes:
        return Passes(forward=2)


class Stepwise(Outspoken):
    """One whose search takes as many passes as it has steps."""

    rung: ClassVar[str | None] = "num_steps"
    num_steps: int = 1

    def search_passes(self) -> Passes:
        return Passes(forward=self.num_steps)


class Searching(Outspoken):
    """One that searches otherwise than the class that says what the search takes."""

    def search(self, model: nn.Module, images: Tensor, labels: Tensor, keys: Tensor) -> Tensor:
        return images


class Judging(PGD):
    """One that counts bits otherwise than the class that says what that takes."""

    def withstood(
        self,
        model: nn.Module,
        images: Tensor,
        labels: Tensor,
        keys: Tensor,
        ladder: tuple[int, ...],
    ) -> Tensor:
        raise AssertionError("must not be called")


def passes(attack: Attack, *ladder: int) -> Passes | None:
    """Of 10 images in batches of 4."""
    suite = Suite(categories={"its": Rungs(attack=attack, ladder=ladder)}, batch_size=4)
    return most_passes_of_evaluation(suite, 10)


def test_a_search_and_a_look_at_each_image_and_one_for_the_classes_of_each_batch() -> None:
    clean, batches = 10, 3
    assert passes(Outspoken()) == Passes(forward=clean + 10 * (2 + 1) + batches)


def test_each_rung_is_a_search_of_its_own() -> None:
    clean, batches = 10, 3
    assert passes(Stepwise(), 1, 3) == Passes(forward=clean + 10 * (1 + 1 + 3 + 1) + batches)


@pytest.mark.parametrize("attack", [Silent(), Searching(), Judging(epsilon=0.1, num_steps=2)])
def test_what_an_attack_does_not_say_of_itself_is_unknown(attack: Attack) -> None:
    assert passes(attack, *([2] if attack.rung else [])) is None


def test_an_attack_that_says_nothing_has_passes_of_no_ladder() -> None:
    assert Silent().withstood_passes(()) is None
