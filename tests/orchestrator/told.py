"""Trials of a sweep with numbers that the test says, in the store without any training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from orchestrator.plan.plan import Plan, make_plan
from orchestrator.plan.planned_trial import PlannedTrial
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store import Attempt, Store
from orchestrator.store.trials.records import Evaluated, Halves, OnImages, Trained
from tests.orchestrator.conftest import Begin
from trainer.evaluation.outcomes import Outcomes
from trainer.weights.checkpoint import BestEpoch, Weights

Numbers = tuple[float, float]
"""Natural accuracy, and that under attack."""

CONSTANT = 0.1
"""Accuracy of a constant classifier, beside which an accuracy under attack is told."""


BITS = Outcomes(
    natural=np.ones(1, dtype=bool),
    robust={"pgd": np.ones((1, 1), dtype=bool)},
    ladders={"pgd": (1,)},
)
"""Of one image, whatever the numbers are."""


def accuracies(numbers: Numbers) -> dict[str, float]:
    natural, robust = numbers
    return {
        "natural_accuracy": natural,
        "robust_accuracy_pgd": robust,
        "worst_pgd": robust,
        "union_accuracy": robust,
    }


def tell(
    planned: PlannedTrial,
    spec: SweepSpec,
    begin: Begin,
    *,
    picking: Numbers | None,
    test: Numbers,
    best: tuple[Numbers, Numbers] | None = None,
    collapsed: bool = False,
) -> None:
    """Put a trial into the store, with its numbers on the images that pick (None: as of before
    there were any) and on the test set, and both of its best weights, where it has such; what
    steers says nothing."""
    attempt = begin(planned.trial)
    trained = Trained(epochs=15, seconds=1.0, collapsed=collapsed, degraded=False)
    if best is not None:
        key = planned.trial.validation_id
        epoch = BestEpoch(validation=key, epoch=7, score=0.5, collapsed=False)
        shapes: dict[str, Any] = {"image_shape": (1, 8, 8), "num_classes": 10}
        attempt.publish_best(Weights(trial={}, model={}, best=epoch, **shapes), trained)
        _keep(attempt, spec, *best, best=key)
    attempt.publish(Weights(trial={}, model={}), trained, keeps_last=True)
    _keep(attempt, spec, picking, test, best=None)
    attempt.end("done")


def _keep(
    attempt: Attempt, spec: SweepSpec, picking: Numbers | None, test: Numbers, *, best: str | None
) -> None:
    if picking is not None and spec.choice_suite is not None:
        nothing = OnImages(examples=90, accuracies=accuracies((0.0, 0.0)))
        picks = OnImages(examples=90, accuracies=accuracies(picking), constant_accuracy=CONSTANT)
        halves = Halves(steering=nothing, picking=picks)
        found = Evaluated(seconds=1.0, examples=180, accuracies=accuracies(picking), halves=halves)
        attempt.keep_outcomes(spec.choice_suite.id, BITS, found, best=best)
    found = Evaluated(
        seconds=1.0, examples=359, accuracies=accuracies(test), constant_accuracy=CONSTANT
    )
    attempt.keep_outcomes(spec.suite.id, BITS, found, best=best)


def tell_under(planned: PlannedTrial, suite_id: str, begin: Begin, test: Numbers) -> None:
    """Put the numbers of a trained trial under another suite into the store."""
    attempt = begin(planned.trial)
    found = Evaluated(
        seconds=1.0, examples=359, accuracies=accuracies(test), constant_accuracy=CONSTANT
    )
    attempt.keep_outcomes(suite_id, BITS, found)
    attempt.end("done")


def tell_all(
    spec: SweepSpec,
    store: Store,
    begin: Begin,
    numbers: Callable[[PlannedTrial], tuple[Numbers, Numbers]],
) -> Plan:
    """Put all that is left of a sweep's plan into the store, and return the plan as it is then.

    Args:
        numbers: of a trial, on the images that pick and on the test set.
    """
    for planned in make_plan(spec, store).pending(retry_failed=False):
        picking, test = numbers(planned)
        tell(planned, spec, begin, picking=picking, test=test)
    return make_plan(spec, store)
