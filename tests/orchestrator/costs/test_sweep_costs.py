"""The cost that each sweep file of the paper's scale states, counted again from its trials."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from orchestrator.spec.sweep_spec import SweepSpec, read_spec
from trainer.config import Trial
from trainer.methods import NATURAL
from trainer.models import build

SUSTAINED_FLOPS = 1e13  # a second, as the files' comments say

SIZES = {  # image shape, classes, training images before the validation cut, test images
    "mnist": ((1, 28, 28), 10, 60_000, 10_000),
    "cifar10": ((3, 32, 32), 10, 50_000, 10_000),
    "caltech256": ((3, 224, 224), 257, 24_485, 6_122),
}


def passes_of_training(trial: Trial, images: int) -> int:
    """In units of one forward pass: an attack's step is two, a trained branch three."""
    branches = trial.method.branches()
    steps = sum(trial.attacks[name].num_steps for name in branches if name != NATURAL)
    validation = sum(2 * attack.num_steps + 1 for attack in trial.validation_attacks.values())
    an_epoch = images * (2 * steps + 3 * len(branches)) + trial.validation.examples * validation
    return trial.training.epochs * an_epoch


def gpu_hours(spec: SweepSpec) -> float:
    trial = spec.cells[0].trial
    shape, classes, images, test_images = SIZES[trial.data.name]
    held_out = trial.data.validation
    half = (0.5,) * shape[0]
    model = build(trial.model, image_shape=shape, num_classes=classes, mean=half, std=half).eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.zeros(1, *shape))
    evaluation = (test_images + held_out) * sum(
        rungs.attack.num_restarts * (2 * rungs.ladder[-1] + 1)
        for rungs in spec.suite.categories.values()
    )
    passes = sum(
        passes_of_training(cell.trial, images - held_out) + evaluation for cell in spec.cells
    )
    return passes * len(spec.seeds) * counter.get_total_flops() / SUSTAINED_FLOPS / 3600


@pytest.mark.parametrize("name", ["front_mnist", "front_cifar", "front_caltech"])
def test_stated_hours_are_those_of_the_trials(name: str) -> None:
    path = Path("sweeps") / f"{name}.yaml"
    stated = re.search(r"^# ([\d.]+) GPU-hours", path.read_text(), re.MULTILINE)
    assert stated is not None
    assert gpu_hours(read_spec(str(path), [], {})) == pytest.approx(float(stated[1]), rel=0.02)
