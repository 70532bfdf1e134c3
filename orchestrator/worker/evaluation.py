"""A trained model's evaluation, and what of it is kept: by which suites, on which images."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace

import torch

from orchestrator.store.trials.records import Evaluated, Halves, OnImages, Warned
from trainer.config import Trial
from trainer.data import Dataset
from trainer.evaluation.outcomes import Bits, Outcomes
from trainer.evaluation.self_check import self_checked
from trainer.evaluation.suite import (
    Suite,
    constant_accuracy,
    evaluate,
    examples_of,
    origin_of,
    share_of_largest_class,
)
from trainer.passes import counted
from trainer.training.loop import new_model
from trainer.weights.checkpoint import Weights


def evaluated_under(suite: Suite, *, trains: bool) -> tuple[Suite, ...]:
    """Return the suites that a trial is evaluated under: where the sweep trains, on validation
    images first, by which choices are made; then on the images that its suite is for."""
    suites = (suite.on("validation"), suite) if trains else (suite,)
    return tuple({each.id: each for each in suites}.values())


def evaluation_of(
    trial: Trial,
    weights: Weights,
    suite: Suite,
    dataset: Dataset,
    *,
    device: torch.device,
    micro_batches: int,
    progress: Callable[[int, int], None],
) -> tuple[Outcomes, Evaluated]:
    """Evaluate a trial's model under a suite, with its self-check, and return what is to be kept.

    Args:
        micro_batches: parts in which a batch is computed, for want of memory; bits are the same.
        progress: is called with examples done and examples in all, after each batch.
    """
    model = new_model(trial, dataset, device)
    weights.load_into(model, where=f"weights of {trial.id}")
    started = time.perf_counter()
    in_parts = suite.model_copy(update={"batch_size": math.ceil(suite.batch_size / micro_batches)})
    with counted(model) as counter:
        outcomes = evaluate(model, in_parts, dataset, progress=progress)
    outcomes = self_checked(model, in_parts, dataset, outcomes)
    outcomes = replace(outcomes, steers=_steers(suite, dataset))
    evaluated = Evaluated(
        suite=suite.record(),
        reach={
            label: rungs.attack.reach(dataset.image_shape)
            for label, rungs in suite.categories.items()
        },
        examples=len(outcomes.natural),
        seconds=time.perf_counter() - started,
        passes=counter.passes,
        accuracies=outcomes.accuracies(),
        constant_accuracy=constant_accuracy(suite, dataset),
        warnings=tuple(Warned(code=it.code, message=it.message) for it in outcomes.warnings or ()),
        halves=halves_of(outcomes, suite, dataset),
    )
    origin = origin_of(weights.model, suite, dataset, trial.fingerprint)
    return replace(outcomes, origin=origin), evaluated


def _steers(suite: Suite, dataset: Dataset) -> Bits | None:
    """Mark which of the images that a suite takes steer; None where these are no validation images,
    or all of one half."""
    if suite.split != "validation":
        return None
    examples = examples_of(suite, dataset.validation)
    marks: Bits = dataset.steers[examples.to(dataset.steers.device)].numpy()
    return None if marks.all() or not marks.any() else marks


def halves_of(outcomes: Outcomes, suite: Suite, dataset: Dataset) -> Halves | None:
    """Tell outcomes on validation images apart by what the images are for; None where these are no
    such images, or all of one half."""
    steers = outcomes.steers
    if steers is None:
        return None
    labels = dataset.validation.labels[examples_of(suite, dataset.validation)].cpu()

    def on(chosen: Bits) -> OnImages:
        among = outcomes.among(chosen)
        return OnImages(
            examples=int(chosen.sum()),
            accuracies=among.accuracies(),
            withstood=among.withstood(),
            constant_accuracy=share_of_largest_class(labels[torch.from_numpy(chosen)]),
        )

    return Halves(steering=on(steers), picking=on(~steers))
