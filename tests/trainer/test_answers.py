"""What counts as a right answer: NaN and infinite logits do nowhere, neither clean nor attacked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.trainer.runs import Diary, told
from trainer.answers import NO_ANSWER, NotFiniteError, answers, correct
from trainer.attacks import (
    PGD,
    Attack,
    Flow,
    Integrated,
    RotationTranslation,
    RotationTranslationGrid,
    TargetedFlow,
    WorstOf,
)
from trainer.config import Trial
from trainer.data import Dataset
from trainer.evaluation.suite import evaluate, read_suite
from trainer.input.document import Document
from trainer.training.loop import DivergedError

NAN, INF = float("nan"), float("inf")
BAD = [NAN, INF, -INF]


class Mover(Attack):
    """An attack of a user's own."""

    def search(self, model: nn.Module, images: Tensor, labels: Tensor, keys: Tensor) -> Tensor:
        return images * 0.9


ATTACKS: dict[str, tuple[Attack, tuple[int, ...]]] = {
    "pgd": (PGD(epsilon=0.1, num_steps=3), (1, 3)),
    "restarts": (PGD(epsilon=0.1, num_steps=3, num_restarts=2, random_start=False), (1, 3)),
    "flow": (Flow(epsilon=0.2, num_steps=3), (1, 3)),
    "rt": (RotationTranslation(epsilon=0.2, num_steps=3), (1, 3)),
    "integrated": (Integrated(rt_epsilon=0.2, flow_epsilon=0.2, num_steps=3), (1, 3)),
    "rt_grid": (RotationTranslationGrid(epsilon=0.2, num_rotations=3, num_translations=3), ()),
    "rt_worst_of": (WorstOf(epsilon=0.2), (1, 3)),
    "targeted_flow": (TargetedFlow(num_steps=3), ()),
    "own": (Mover(), ()),
}


class Always(nn.Module):
    """Says `answer` with a margin that no attack overcomes, and `bad` for one of its logits where
    an image is none of the clean ones."""

    def __init__(self, clean: Tensor, answer: int, bad: float) -> None:
        super().__init__()
        self.clean, self.answer, self.bad = clean, answer, bad

    def forward(self, images: Tensor) -> Tensor:
        logits = torch.eye(3)[self.answer].expand(len(images), 3) * 50
        logits = logits + images.flatten(1)[:, :3] * 1e-3
        is_clean = (images[:, None] == self.clean[None]).flatten(2).all(2).any(1)
        bad = torch.where(is_clean, 0.0, self.bad)
        return logits + nn.functional.pad(bad[:, None], (1, 1))


def test_an_answer_is_the_class_of_the_largest_of_finite_logits() -> None:
    logits = torch.tensor(
        [[0.0, 2.0, 1.0], [NAN, 2.0, 1.0], [NAN] * 3, [0.0, INF, 1.0], [2.0, -INF, 1.0]]
    )
    assert answers(logits).tolist() == [1, *[NO_ANSWER] * 4]
    labels = torch.tensor([1, 0, 0, 1, 0])
    assert correct(logits, labels).tolist() == [True, *[False] * 4]


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("answer", [0, 1, 2])
@pytest.mark.parametrize("name", ATTACKS)
def test_no_attacked_image_withstands_by_a_logit_that_is_not_finite(
    name: str, answer: int, bad: float
) -> None:
    attack, ladder = ATTACKS[name]
    images = torch.rand(4, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    labels, keys = torch.full((4,), answer), torch.arange(4)
    sound = attack.correct(Always(images, answer, 0.0), images, labels, keys, ladder)
    assert sound.all()  # so that it is not the attack that breaks them
    bits = attack.correct(Always(images, answer, bad), images, labels, keys, ladder)
    assert not bits.any()


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize(
    "attack",
    [
        PGD(epsilon=0.1, num_steps=3, keep="best", random_start=False),
        PGD(epsilon=0.1, num_steps=1, num_restarts=2),
        RotationTranslationGrid(epsilon=0.2, num_rotations=3, num_translations=3),
    ],
)
def test_the_worst_of_several_images_is_one_that_the_model_fails_on(
    attack: Attack, bad: float
) -> None:
    """Training on it shows what is wrong with the model."""
    images = torch.rand(4, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    model = Always(images, 0, bad)
    labels = torch.zeros(4, dtype=torch.int64)
    found = attack.perturb(model, images, labels, torch.arange(4))
    assert (answers(model(found)) == NO_ANSWER).all()


def test_a_gradient_of_nan_moves_nothing() -> None:
    """Where the logits are finite, it is no error of the model's."""

    class Kinked(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            flat = images.flatten(1)
            return torch.eye(3)[0] + flat[:, :3] * 1e-3 + (0 * flat).sqrt().sum(1, keepdim=True)

    images = torch.rand(4, 1, 6, 6)
    labels = torch.zeros(4, dtype=torch.int64)
    attack = PGD(epsilon=0.1, num_steps=3)
    assert attack.correct(Kinked(), images, labels, torch.arange(4), (1, 3)).all()
    assert attack.perturb(Kinked(), images, labels, torch.arange(4)).isfinite().all()


class Overflowing(nn.Module):
    """Bright images have logits that are multiplied by `factor`."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.linear, self.factor = nn.Linear(64, 10), factor

    def forward(self, images: Tensor) -> Tensor:
        bright = images.mean((1, 2, 3)) > 0.3
        return self.linear(images.flatten(1)) * torch.where(bright, self.factor, 1.0)[:, None]


@pytest.mark.parametrize("factor", BAD)
def test_a_model_that_fails_on_clean_images_has_no_evaluation(
    factor: float, digits: Dataset
) -> None:
    suite = read_suite(Document.from_plain({"pgd": {"epsilon": 0.1, "ladder": [1]}}, "test"))
    with pytest.raises(NotFiniteError, match=r"finite on clean images, got .* for \d+ of 256"):
        evaluate(Overflowing(factor), suite, digits, progress=None)
    assert evaluate(Overflowing(1.0), suite, digits, progress=None).natural.any()


NETWORKS = '''
import torch
from torch import nn


class Network(nn.Module):
    """Its buffer, which evaluations alone read, changes at each step of training."""

    def __init__(self, factor, mask):
        super().__init__()
        self.linear, self.factor = nn.Linear(64, 10), factor
        self.register_buffer("seen", torch.ones(2), persistent=False)
        self.register_buffer("mask", torch.tensor([0.0, mask]))

    def forward(self, images):
        if self.training:
            self.seen[1] *= self.factor
            return self.linear(images.flatten(1))
        return self.linear(images.flatten(1)) + self.mask[0]


class Late(Network):
    def forward(self, images):
        return super().forward(images) * (1.0 if self.training else float("inf"))


def buffered(image_shape, num_classes, factor=1.0, mask=0.0):
    return Network(float(factor), float(mask))


def late(image_shape, num_classes):
    return Late(1.0, 0.0)
'''


@pytest.fixture
def train_network(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, small_trial: Callable[..., Trial]
) -> Callable[..., Diary]:
    """Train one of the networks above for an epoch: what was told on the way."""
    (tmp_path / "networks_of_mine.py").write_text(NETWORKS)
    monkeypatch.syspath_prepend(tmp_path)

    def trained(name: str, **options: str) -> Diary:
        model = {"name": f"networks_of_mine:{name}", **options}
        trial = small_trial(
            model=model, data={"train_examples": 64}, training={"epochs": 1}, validation={}
        )
        diary = Diary()
        told(diary, trial, resume=None, micro_batches=1)
        return diary

    return trained


@pytest.mark.parametrize("factor", ["nan", "inf"])
def test_a_buffer_that_is_not_finite_any_more_ends_training(
    factor: str, train_network: Callable[..., Diary]
) -> None:
    """No loss of training reads it, as none reads BatchNorm's running statistics."""
    with pytest.raises(DivergedError, match=r"weights that are not \(1\.seen\)"):
        train_network("buffered", factor=factor)


def test_a_mask_of_infinities_does_not(train_network: Callable[..., Diary]) -> None:
    assert len(train_network("buffered", mask="-inf").rows) == 1


def test_logits_of_held_out_images_that_are_not_finite_end_training(
    train_network: Callable[..., Diary],
) -> None:
    message = r"validation after epoch 1: logits must be finite on clean images"
    with pytest.raises(DivergedError, match=message) as caught:
        train_network("late")
    assert len(caught.value.last_steps) > 0
