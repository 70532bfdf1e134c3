"""Ray Tune over the pending trials: as many at once as the resources allow, each in the store.

A fresh Tuner at every start: what is done, and where to go on, is the store's to know. Tune
neither checkpoints nor restores; a trial whose worker died is started again by Tune and finds
its own last checkpoint.
"""

from __future__ import annotations

import logging
import math
import random
import signal
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from ray import tune
from ray.exceptions import RayTaskError
from ray.tune import Callback, FailureConfig, RunConfig, TuneConfig, Tuner

from orchestrator.execution.work import carry_out
from orchestrator.plan import PlannedTrial
from orchestrator.spec import Resources
from orchestrator.store import LocalFiles, Store
from trainer.config import read_trial
from trainer.document import Document
from trainer.evaluation import read_suite
from trainer.training import EpochRow

logger = logging.getLogger(__name__)

TRIAL = "trial_id"
"""The one key of a Tune configuration here."""


class Listener(Protocol):
    """What is told while trials run."""

    def started(self, trial_id: str) -> None:
        """A worker took the trial up."""

    def epoch_done(self, trial_id: str, row: EpochRow) -> None:
        """An epoch of the trial is in the store."""

    def ended(self, trial_id: str) -> None:
        """The trial is done or has failed: the store says which."""


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """What a worker must know beside the trial's id; plain, so that it travels."""

    storage: str
    trials: Mapping[str, Mapping[str, Any]]  # records by id
    suite: Mapping[str, Any]
    threads: int
    gpu: float


def run_trials(
    trials: Sequence[PlannedTrial],
    *,
    suite: Mapping[str, Any],
    storage: Path,
    resources: Resources,
    retries: int,
    listener: Listener,
    is_stopped: Callable[[], bool],
) -> None:
    """Run trials on the connected cluster until all have ended, or `is_stopped` says so.

    A trial that ends without a result in the store, its worker lost once too often, is recorded
    there as failed.
    """
    assignment = Assignment(
        storage=str(storage),
        trials={planned.id: planned.trial.record() for planned in trials},
        suite=suite,
        threads=max(1, math.ceil(resources.cpu)),
        gpu=resources.gpu,
    )
    trainable = tune.with_resources(
        tune.with_parameters(work_on_trial, assignment=assignment),
        {"CPU": resources.cpu, "GPU": resources.gpu},
    )
    store = Store(LocalFiles(storage))
    with tempfile.TemporaryDirectory(prefix="sweep-") as scratch:
        Tuner(
            trainable,
            param_space={TRIAL: tune.grid_search([planned.id for planned in trials])},
            tune_config=TuneConfig(reuse_actors=True),
            run_config=RunConfig(
                storage_path=scratch,
                failure_config=FailureConfig(max_failures=retries),
                callbacks=[_Relay(listener, store, is_stopped)],
                verbose=0,
            ),
        ).fit()


def work_on_trial(config: dict[str, Any], *, assignment: Assignment) -> None:
    """One trial in a worker, which may be a used one: its state is set anew."""
    torch.set_num_threads(assignment.threads)
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    random.seed(0)
    np.random.seed(0)
    device = torch.device("cpu")
    if assignment.gpu:
        device = torch.device("cuda")
        if assignment.gpu < 1:
            torch.cuda.set_per_process_memory_fraction(assignment.gpu)
    record = assignment.trials[config[TRIAL]]
    carry_out(
        read_trial(Document.from_plain(record, config[TRIAL])),
        read_suite(Document.from_plain(assignment.suite, "suite")),
        Store(LocalFiles(Path(assignment.storage))),
        device=device,
        report=lambda row: tune.report({"row": row}),  # nested, away from Tune's own keys
    )


class _Relay(Callback):
    """Tune's events to the listener; a failure of the worker itself into the store; a wish to
    stop to Tune."""

    def __init__(self, listener: Listener, store: Store, is_stopped: Callable[[], bool]) -> None:
        self._listener = listener
        self._store = store
        self._is_stopped = is_stopped

    def __getstate__(self) -> dict[str, Any]:
        """Nothing: Tune writes its callbacks to a file, for a restore that is never made."""
        return {}

    def on_step_begin(self, iteration: int, trials: Any, **info: Any) -> None:
        """Several times a second, once Tune listens to SIGUSR1: it then ends in good order."""
        if self._is_stopped():
            signal.raise_signal(signal.SIGUSR1)

    def on_trial_start(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
        self._listener.started(trial.config[TRIAL])

    def on_trial_result(
        self, iteration: int, trials: Any, trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        if "row" in result:
            self._listener.epoch_done(trial.config[TRIAL], result["row"])

    def on_trial_complete(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
        self._listener.ended(trial.config[TRIAL])

    def on_trial_recover(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
        logger.warning(
            "the worker of trial %s died; another takes it up from its last checkpoint",
            trial.config[TRIAL],
        )

    def on_trial_error(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
        kind, message = "worker_lost", f"its worker died {trial.num_failures} times"
        error = trial.get_pickled_error()
        if isinstance(error, RayTaskError):  # it lived to say why
            kind, message = "exception", f"{type(error.cause).__name__}: {error.cause}"
        self._store.trial(trial.config[TRIAL]).fail(kind, message, str(error))
        self._listener.ended(trial.config[TRIAL])
