"""The work on one trial, wherever it runs: train what is not trained, evaluate what is not.

No word of Ray: a cluster only decides where this is called.
"""

from __future__ import annotations

import logging
import os
import platform
import socket
import time
import traceback
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import torch

from orchestrator.store import Attempt, Store, StoredTrial
from trainer.checkpoint import Checkpoint, Weights
from trainer.config import Trial
from trainer.data import Dataset, DataSettings, MissingData, fingerprint, load
from trainer.evaluation import Suite, evaluate
from trainer.training import DivergedError, EpochRow, Reporter, new_model, train

logger = logging.getLogger(__name__)

Report = Callable[[EpochRow], None]


def carry_out(
    trial: Trial, suite: Suite, store: Store, *, device: torch.device, report: Report
) -> bool:
    """Bring a trial to its evaluation, from wherever the store has it; whether that worked.

    What goes wrong within the trial (NaN, an exception, no memory) is recorded in the store and
    ends this trial alone. `report` is told each epoch's row.
    """
    stored = store.trial(trial.id)
    stored.describe(trial.record(), provenance(device))
    stored.forget_failure()
    try:
        dataset = _dataset(trial.data, trial.fingerprint, device)
        model = _trained(trial, stored, dataset, device, report)
        if stored.evaluation(suite.id) is None:
            started = time.perf_counter()
            outcomes = evaluate(model, suite, dataset, progress=None)
            facts = {
                "suite": suite.record(),
                "reach": {
                    label: rungs.attack.reach(dataset.image_shape)
                    for label, rungs in suite.categories.items()
                },
                "examples": len(outcomes.natural),
                "seconds": time.perf_counter() - started,
                "accuracies": outcomes.accuracies(),
            }
            stored.save_outcomes(suite.id, outcomes, facts)
    except Exception as error:
        kind = _failure_kind(error)
        logger.warning("trial %s failed (%s): %s", trial.id, kind, error)
        stored.fail(kind, f"{type(error).__name__}: {error}", traceback.format_exc())
        return False
    return True


def provenance(device: torch.device) -> dict[str, Any]:
    """Where and with what a trial runs: not part of what it is."""
    return {
        "host": socket.gethostname(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "process": os.getpid(),
    }


def _trained(
    trial: Trial,
    stored: StoredTrial,
    dataset: Dataset,
    device: torch.device,
    report: Report,
) -> torch.nn.Module:
    weights = stored.weights()
    if weights is not None:
        model = new_model(trial, dataset, device)
        model.load_state_dict(weights.model)
        return model
    attempt = stored.begin()
    reporter = _AttemptReporter(attempt, report)
    model = train(trial, dataset, device=device, reporter=reporter, resume=attempt.resume)
    facts = {
        "epochs": trial.training.epochs,
        "seconds": sum(row["seconds"] for row in attempt.rows),
        "collapsed": bool(attempt.rows[-1]["validation/collapsed"]),
        "provenance": provenance(device),
    }
    if attempt.publish(Weights(trial=trial.record(), model=model.state_dict()), facts):
        return model
    return _trained(trial, stored, dataset, device, report)  # another was first: its model counts


class _AttemptReporter(Reporter):
    """Keeps each epoch in the store before anybody else is told of it."""

    def __init__(self, attempt: Attempt, report: Report) -> None:
        self._attempt = attempt
        self._report = report

    def epoch_done(self, row: EpochRow, checkpoint: Callable[[], Checkpoint]) -> None:
        self._attempt.epoch_done(row, checkpoint)
        self._report(row)


@lru_cache(maxsize=1)
def _dataset(settings: DataSettings, expected: str, device: torch.device) -> Dataset:
    """The data, once for all trials of a worker process that share them."""
    found = fingerprint(settings)
    if found != expected:
        raise MissingData(
            f"the files of {settings.name!r} under {settings.root_folder} on "
            f"{socket.gethostname()} must be those that the sweep was planned on "
            f"(fingerprint {expected[:12]}), got {found[:12]}; put the same files on every machine"
        )
    return load(settings, device)


def _failure_kind(error: BaseException) -> str:
    if isinstance(error, DivergedError):
        return "diverged"
    is_memory = isinstance(error, (torch.OutOfMemoryError, MemoryError))
    if is_memory or "can't allocate memory" in str(error):  # torch's RuntimeError on the CPU
        return "out_of_memory"
    return "data" if isinstance(error, MissingData) else "exception"
