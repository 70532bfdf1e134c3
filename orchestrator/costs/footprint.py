"""Bytes that trials will take in the storage."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.plan.manifest import known_network_bytes
from orchestrator.plan.network_sizes import bytes_of_weights, network_id
from orchestrator.plan.planned_trial import PlannedTrial
from orchestrator.spec.policy import RetentionSettings
from orchestrator.store.files.contract import Files
from orchestrator.store.trials.attempt import KEPT_CHECKPOINTS
from orchestrator.store.trials.records import Evaluation
from orchestrator.terminal.units import size_text
from trainer.config import Trial
from trainer.data import DataSettings
from trainer.data.published import IMAGES
from trainer.evaluation.suite import Suite
from trainer.models import ModelSettings
from trainer.schedule import OptimiserSettings

BYTES_OF_RECORDS = 8_000
"""Bytes of a trial's records (description, attempts, result, evaluation): measured, rounded up."""

BYTES_OF_ROW = 1_000
"""Bytes of the row of one epoch: measured, rounded up."""

BYTES_A_BIT = 1 / 6
"""Bytes of a random outcome, stored as a byte and compressed; real ones take less."""


@dataclass(frozen=True, kw_only=True)
class Footprint:
    """Room that the trials of a sweep that are still to run need in the storage."""

    bytes: int | None  # at its largest; None: a network of them is not known yet
    free: int | None  # bytes in the storage; None: nobody can tell
    stored: int | None  # bytes in the storage already, where the budget counts them

    def warnings(self, storage: str, cap: float | None) -> list[str]:
        """Say what will not fit into the storage, nor under the budget's cap (10^9 bytes)."""
        needed = self.bytes
        if needed is None:
            return []
        found = []
        if self.free is not None and needed > self.free:
            found.append(
                f"the trials to run take about {size_text(needed)}, and {storage} has "
                f"{size_text(self.free)} free: make room, or give another storage"
            )
        if cap is not None and self.stored is not None and self.stored + needed > 1e9 * cap:
            found.append(
                f"budget.disk_gb is {cap:g}, {size_text(self.stored)} are used, and the trials to "
                f"run take about {size_text(needed)} more: the sweep will stop at the cap"
            )
        return found


def footprint(
    trials: Iterable[PlannedTrial],
    pending: Sequence[PlannedTrial],
    files: Files,
    *,
    suites: Sequence[Suite],
    retention: RetentionSettings,
    folder: str,
    at_once: int,
    stored: int | None,
) -> Footprint:
    """Estimate the bytes of a sweep's pending trials, `at_once` of them in training: weights,
    outcomes and rows of each, the last checkpoint where it is kept, and checkpoints of those in
    training.

    Networks are known by what trials of the sweep that are trained have left, or else by the
    sizes of their tensors, as the sweep's last start found them or as they are found here.

    Args:
        suites: that every trial is evaluated under: see `SweepSpec.suites`.
        folder: that of the sweep's files.
        stored: bytes in the storage already, where the budget counts them.
    """
    weights = _bytes_of_weights(trials, pending, files, folder)
    kept, largest = 0, 0
    for planned in pending:
        trial = planned.trial
        size = weights[trial.data, trial.model]
        if size is None:
            return Footprint(bytes=None, free=_free(files), stored=stored)
        left = suites_left(planned, suites)
        kept += sum(_bytes_of_outcomes(trial.data, suite) for suite in left)
        lacks_last, lacks_best = not planned.progress.trained, planned.needs_best
        kept += size * (lacks_last + lacks_best)
        if lacks_last or lacks_best:
            checkpoint = size * _states(trial, has_best=planned.best is not None)
            stays = _keeps_checkpoint(retention, trial)
            kept += checkpoint * stays + BYTES_OF_RECORDS
            kept += BYTES_OF_ROW * planned.epochs_left
            largest = max(largest, checkpoint)
    in_training = min(at_once, len(pending)) * KEPT_CHECKPOINTS * largest
    return Footprint(bytes=kept + in_training, free=_free(files), stored=stored)


def evaluations_by_suite(
    planned: PlannedTrial, suites: Sequence[Suite]
) -> list[tuple[Suite, Evaluation | None]]:
    """Return the evaluations of a trial with the sweep's suites, the one that is asked for last;
    then those of its best weights, where these are wanted."""
    *choice, own = suites
    its = planned.progress.best
    states = [(planned.validation, planned.evaluation)]
    if planned.best is not None and (planned.trains or its is not None):
        states.append((None, None) if its is None else (its.validation, its.evaluation))
    return [
        (suite, record)
        for validation, evaluation in states
        for suite, record in [*((suite, validation) for suite in choice), (own, evaluation)]
    ]


def suites_left(planned: PlannedTrial, suites: Sequence[Suite]) -> list[Suite]:
    """List the suites of the sweep under which a trial is still to be evaluated."""
    if planned.progress.is_evaluated:
        return []
    found = evaluations_by_suite(planned, suites)
    return [suite for suite, evaluation in found if evaluation is None]


def examples_evaluated(data: DataSettings, suite: Suite) -> int | None:
    """Images on which a suite tries a model; None where that is not known without reading them."""
    images = IMAGES.get(data.name)
    tested = data.test_examples or (images.tested if images else None)
    available = tested if suite.split == "test" else data.validation
    return None if available is None else min(suite.examples or available, available)


def _bytes_of_weights(
    trials: Iterable[PlannedTrial], pending: Iterable[PlannedTrial], files: Files, folder: str
) -> dict[tuple[DataSettings, ModelSettings], int | None]:
    sizes: dict[tuple[DataSettings, ModelSettings], int | None] = {
        (planned.trial.data, planned.trial.model): planned.progress.result.bytes
        for planned in trials
        if planned.progress.result is not None
    }
    networks = {(planned.trial.data, planned.trial.model): planned.trial for planned in pending}
    untrained = {key: trial for key, trial in networks.items() if key not in sizes}
    if untrained:
        found = known_network_bytes(files, folder)
        for key, trial in untrained.items():
            name = network_id(trial)
            sizes[key] = found[name] if name in found else bytes_of_weights(trial)
    return sizes


def bytes_stored(files: Files) -> int:
    """Bytes in the whole storage, all of whose files are listed for it."""
    return sum(files.sizes("").values())


def _states(trial: Trial, *, has_best: bool) -> int:
    """How many tensors a checkpoint has for each of the weights: itself, the optimiser's, the
    average of weights, the best state so far."""
    return 1 + _moments(trial.training.optimiser) + (trial.training.ema is not None) + has_best


def _moments(optimiser: OptimiserSettings) -> int:
    """How many tensors of the weights' size the optimiser keeps for each."""
    return 2 if optimiser.name == "adam" else int(optimiser.momentum > 0)


def _keeps_checkpoint(retention: RetentionSettings, trial: Trial) -> bool:
    return retention.checkpoints == "last" and trial.training.optimiser.is_constant


def _bytes_of_outcomes(data: DataSettings, suite: Suite) -> int:
    """Bytes of a trial's outcomes, small beside weights; 0 if the number of images is unknown."""
    examples = examples_evaluated(data, suite) or 0
    rungs = sum(len(category) for category in suite.categories.values())
    return int(BYTES_A_BIT * examples * (1 + rungs))


def _free(files: Files) -> int | None:
    if "://" in files.url:
        return None
    around = (Path(files.url), *Path(files.url).parents)
    place = next((each for each in around if each.exists()), None)
    return None if place is None else shutil.disk_usage(place).free
