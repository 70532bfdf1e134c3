"""Sweeps as a person writes them, and results as trials leave them, without training any."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from orchestrator.spec import SweepSpec, read_spec
from orchestrator.store import LocalFiles, Store
from trainer.checkpoint import Weights
from trainer.evaluation import Suite
from trainer.outcomes import Outcomes

Read = Callable[..., SweepSpec]
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
def finish(store: Store) -> Finish:
    """Put a trained and evaluated trial into the store.

    `finish(trial_id, suite, natural, {"pgd": [[1, 0], [0, 0]]})`: bits of N examples, and of
    each category L rows of N.
    """

    def put(
        trial_id: str, suite: Suite, natural: Sequence[int], robust: Mapping[str, list[list[int]]]
    ) -> None:
        stored = store.trial(trial_id)
        facts = {"epochs": 2, "seconds": 12.5, "collapsed": False}
        assert stored.begin().publish(Weights(trial={}, model={}), facts)
        outcomes = Outcomes(
            natural=np.array(natural, dtype=bool),
            robust={label: np.array(bits, dtype=bool) for label, bits in robust.items()},
            ladders={label: rungs.ladder for label, rungs in suite.categories.items()},
        )
        stored.save_outcomes(suite.id, outcomes, {"accuracies": outcomes.accuracies()})

    return put
