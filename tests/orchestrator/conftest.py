"""Sweeps as a person writes them, and results as trials leave them, without training any."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from orchestrator.spec.sweep_spec import SweepSpec, read_spec
from orchestrator.store import Attempt, LocalFiles, Store
from orchestrator.store.leases.lease import SilenceTimer
from orchestrator.store.leases.records import About
from orchestrator.store.records.version import enter
from orchestrator.store.trials.records import Evaluated, Trained
from trainer.config import Trial
from trainer.evaluation.outcomes import Outcomes
from trainer.evaluation.suite import Suite
from trainer.weights.checkpoint import Weights

Read = Callable[..., SweepSpec]
Begin = Callable[[Trial], Attempt]
Finish = Callable[..., None]


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Read:
    """The sweep that a text means: `read(text, "training.epochs=1", tracking="none")`.

    It is `sweep.yaml` in the working folder; keyword arguments are environment variables.
    """
    monkeypatch.chdir(tmp_path)

    def read_text(text: str, *assignments: str, **environment: str) -> SweepSpec:
        (tmp_path / "sweep.yaml").write_text(text)
        return read_spec("sweep.yaml", assignments, environment)

    return read_text


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Where `read`'s sweeps keep their trials."""
    return Store(LocalFiles(tmp_path / "runs"))


@pytest.fixture
def begin(store: Store) -> Begin:
    """An attempt at a trial, in the turn of those before it: `begin(trial)`."""

    def begin_next(trial: Trial) -> Attempt:
        enter(store.files)
        stored = store.trial(trial.id)
        stored.describe(trial)
        number = stored.next_attempt(SilenceTimer(), 60.0)
        assert number is not None, "another attempt is under way"
        attempt = stored.begin(trial, number, lasts=60.0, about=About())
        assert attempt is not None
        return attempt

    return begin_next


@pytest.fixture
def finish(begin: Begin) -> Finish:
    """Put a trained and evaluated trial into the store.

    `finish(trial, suite, natural, {"pgd": [[1, 0], [0, 0]]})`: bits of N examples, and of
    each category L rows of N, on validation images as on the suite's own. Keyword arguments
    are further facts of the evaluation.
    """

    def put(
        trial: Trial,
        suite: Suite,
        natural: Sequence[int],
        robust: Mapping[str, list[list[int]]],
        *,
        collapsed: bool = False,
        **more: Any,
    ) -> None:
        attempt = begin(trial)
        facts: dict[str, Any] = {
            "epochs": 2,
            "seconds": 12.5,
            "collapsed": collapsed,
            "degraded": False,
        }
        facts["passes"] = {"forward": 70, "input_backward": 20, "weight_backward": 10}
        attempt.publish(Weights(trial={}, model={}), Trained(**facts), keeps_last=True)
        outcomes = Outcomes(
            natural=np.array(natural, dtype=bool),
            robust={label: np.array(bits, dtype=bool) for label, bits in robust.items()},
            ladders={label: rungs.ladder for label, rungs in suite.categories.items()},
            unseen=suite.unseen,
        )
        passes = {"forward": 7, "input_backward": 2, "weight_backward": 0}
        accuracies = outcomes.accuracies()
        facts = {"seconds": 1.5, "passes": passes, "accuracies": accuracies, **more}
        for each in {suite.on("validation").id, suite.id}:
            attempt.keep_outcomes(each, outcomes, Evaluated(**facts))
        attempt.end("done")

    return put
