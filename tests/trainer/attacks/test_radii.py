"""Radii that cannot be meant are refused; those that hardly can be are told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor, nn
from typer.testing import CliRunner

from trainer import evaluate, train
from trainer.attacks import (
    PGD,
    Attack,
    AutoAttack,
    Flow,
    Integrated,
    RotationTranslation,
    RotationTranslationGrid,
    TargetedFlow,
    WorstOf,
)
from trainer.config import Trial
from trainer.evaluation.suite import read_suite
from trainer.input.document import Document
from trainer.input.problems import BadInput


class Shift(Attack):
    """Its radius is in steps of 8-bit input."""

    epsilon: float

    def search(self, model: nn.Module, images: Tensor, labels: Tensor, keys: Tensor) -> Tensor:
        return images


RULE = "must be <= 1, got 8 (radius in pixels of [0, 1]; for 8-bit input write 8/255)"


def test_a_radius_in_steps_of_8_bits_is_refused_in_training(
    small_trial: Callable[..., Trial],
) -> None:
    for section in ("training", "validation"):
        with pytest.raises(BadInput) as caught:
            small_trial(**{section: {"attacks": {"pgd": {"epsilon": 8}}}})
        assert f"{section}.attacks.pgd.epsilon: {RULE}" in str(caught.value)
    with pytest.raises(BadInput, match=r"pgd\.step_size: must be <= 1, got 2 .*2/255"):
        small_trial(training={"attacks": {"pgd": {"step_size": 2}}})


@pytest.mark.parametrize(
    "category",
    [{"pgd": {"ladder": [1]}}, {"strong": {"attack": "pgd", "ladder": [1]}}, {"autoattack": {}}],
)
def test_and_in_evaluation(category: dict[str, Any]) -> None:
    ((label, settings),) = category.items()
    good = Document.from_plain({label: {**settings, "epsilon": "8/255"}}, "suite.yaml:1")
    read_suite(good)
    with pytest.raises(BadInput) as caught:
        read_suite(good.set(f"{label}.epsilon=8"))
    assert str(caught.value) == f"--set {label}.epsilon: {RULE}"


def test_an_attack_of_ones_own_has_its_own_unit() -> None:
    shift = {"attack": f"{__name__}:Shift", "epsilon": 8.0}
    suite = read_suite(Document.from_plain({"shift": shift}, "test"))
    assert suite.oddities((1, 8, 8)) == ()


@pytest.mark.parametrize(
    ("attack", "odd", "usual"),
    [
        (PGD(epsilon=0.6, num_steps=1), "over half of the range of pixels", {"epsilon": 0.5}),
        (AutoAttack(epsilon=0.6), "write 8/255", {"epsilon": 0.5}),
        (Flow(epsilon=8, num_steps=1), "epsilon is 8, and 1 moves", {"epsilon": 0.3}),
        (RotationTranslation(epsilon=1.5, num_steps=1), "epsilon is 1.5", {"epsilon": 1.0}),
        (
            Integrated(rt_epsilon=2, flow_epsilon=0.1, num_steps=1),
            "rt_epsilon is 2",
            {"rt_epsilon": 0.2},
        ),
        (
            Integrated(rt_epsilon=0.1, flow_epsilon=2, num_steps=1),
            "flow_epsilon is 2",
            {"flow_epsilon": 0.2},
        ),
        (RotationTranslationGrid(epsilon=3), "epsilon is 3", {"epsilon": 0.3}),
        (WorstOf(epsilon=3), "epsilon is 3", {"epsilon": None, "degrees": 30, "pixels": 3}),
        (TargetedFlow(epsilon=3), "epsilon is 3", {"epsilon": None}),
    ],
)
def test_a_radius_that_is_hardly_meant_is_told(
    attack: Attack, odd: str, usual: dict[str, Any]
) -> None:
    assert odd in attack.radius_warning(None)
    assert attack.model_copy(update=usual).radius_warning(None) == ""


@pytest.mark.parametrize("kind", [RotationTranslationGrid, WorstOf])
@pytest.mark.parametrize(
    ("shape", "most"), [((1, 8, 8), 4), ((3, 32, 20), 10), ((3, 20, 32), 10), ((1, 7, 7), 3.5)]
)
def test_a_translation_by_over_half_of_the_image_is_told(
    kind: type[RotationTranslationGrid] | type[WorstOf], shape: tuple[int, int, int], most: float
) -> None:
    assert kind(degrees=180, pixels=most).radius_warning(shape) == ""
    _, height, width = shape
    far = kind(degrees=0, pixels=most + 0.25)
    assert far.radius_warning(shape) == (
        f"pixels is {most + 0.25:g}, over half of the side of images of {height} x {width} pixels: "
        f"more of them is out of view than in it; write {most:g} or less"
    )
    assert far.radius_warning(None) == ""  # of an image that nobody knows
    assert kind(epsilon=3).radius_warning(shape) == kind(epsilon=3).radius_warning(None) != ""


TRANSLATED = "rt_worst_of.pixels is 100, over half of the side of images of 8 x 8 pixels"


def test_commands_tell_it_once(tmp_path: Path) -> None:
    words = ["--data", "digits", "--method", "average", "--out", str(tmp_path)]
    for setting in (
        "training.attacks.flow.epsilon=8",
        "training.attacks.rt_worst_of={degrees: 0, pixels: 100, num_choices: 1}",
        "method.attack_names=[flow, rt_worst_of]",
        "training.epochs=1",
        "model={name: cnn, channels: [2], hidden: 4}",
        "data.train_examples=32",
        "validation.examples=4",
        "training.batch_size=16",
    ):
        words += ["--set", setting]
    result = CliRunner().invoke(train.app, words)
    assert result.exit_code == 0, result.output
    assert result.stderr.count(f"warning: training.attacks.{TRANSLATED}") == 1
    assert result.stderr.count("warning: training.attacks.flow.epsilon is 8, and 1 moves") == 1

    suite = tmp_path / "suite.yaml"
    suite.write_text("examples: 4\nrt_worst_of: {degrees: 0, pixels: 100, ladder: [1]}\n")
    words = [str(tmp_path / "weights.pt"), "--suite", str(suite)]
    result = CliRunner().invoke(evaluate.app, words)
    assert result.exit_code == 0, result.output
    assert result.stderr.count(f"warning: evaluation.{TRANSLATED}") == 1
