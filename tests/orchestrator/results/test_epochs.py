"""Losses and weights by epoch, from the rows that attempts left."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from orchestrator.plan.plan import make_plan
from orchestrator.results.epochs import epochs_of
from orchestrator.store import Store
from orchestrator.store.trials.records import Evaluated, Trained
from tests.orchestrator.conftest import Begin, Read
from tests.orchestrator.told import BITS
from trainer.weights.checkpoint import Weights

SPEC = """
data: {name: digits}
methods: {pareto: {rho: 0.5}}
evaluation: {pgd: {ladder: [1]}, flow: null, rt: null}
tracking: none
"""


def test_an_epoch_is_a_row_for_each_of_its_losses(read: Read, store: Store, begin: Begin) -> None:
    spec = read(SPEC)
    (trial,) = [it.trial for it in make_plan(spec, store).trials if not it.is_reference]
    attempt = begin(trial)
    attempt.keep_row({"epoch": 1, "loss/natural": 2.0, "loss/pgd": 3.0, "weight/natural": 0.25})
    attempt.keep_row({"epoch": 2, "loss/natural": 1.0, "weight/natural": 0.5, "time": 1.0})
    trained = Trained(epochs=2, seconds=1.0, collapsed=False, degraded=False)
    attempt.publish(Weights(trial={}, model={}), trained, keeps_last=True)
    for suite in spec.suites:
        attempt.keep_outcomes(suite.id, BITS, Evaluated(seconds=1.0))
    attempt.end("done")
    found: Any = SimpleNamespace(plan=make_plan(spec, store))
    rows = epochs_of(spec, found, {trial.id})
    assert [tuple(row) for row in rows[["epoch", "branch", "loss"]].to_numpy()] == [
        (1, "natural", 2.0),
        (1, "pgd", 3.0),
        (2, "natural", 1.0),
    ]
    np.testing.assert_array_equal(rows["weight"], [0.25, np.nan, 0.5])
    assert epochs_of(spec, found, set()).empty
