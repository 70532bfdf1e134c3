"""What is measured of a model after an epoch: see `trainer.config.ValidationSettings`."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import nn

from trainer.config import Trial
from trainer.data import Dataset
from trainer.evaluation.suite import Rungs, Suite, evaluate, examples_of


def validated(
    trial: Trial, dataset: Dataset, model: nn.Module, micro_batches: int
) -> dict[str, float]:
    """Measure natural and robust accuracy on the held-out images that steer, and whether the model
    has collapsed: it is right, if at all, on one class alone."""
    dataset = replace(dataset, validation=dataset.steering)
    suite = Suite(
        categories={
            label: Rungs.whole(attack) for label, attack in trial.validation_attacks.items()
        },
        split="validation",
        examples=trial.validation.examples,
        batch_size=math.ceil(trial.training.batch_size / micro_batches),
    )
    outcomes = evaluate(model, suite, dataset, progress=None)
    labels = dataset.validation.labels[examples_of(suite, dataset.validation)].cpu()
    classes = labels[torch.from_numpy(outcomes.natural)].unique()
    return {
        "validation/natural_accuracy": outcomes.natural_accuracy(),
        "validation/union_accuracy": outcomes.union_accuracy(),
        **{
            f"validation/robust_accuracy_{label}": outcomes.worst_accuracy(label)
            for label in outcomes.robust
        },
        "validation/collapsed": float(len(classes) <= 1),
    }
