"""How trials are run, apart from what they are: nothing here changes a result or an id."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from orchestrator.table.columns import WeightsName
from trainer.input.settings import Count, NonNegative, Positive, Settings, Whole


def _share_or_whole(gpus: float) -> float:
    if gpus > 1 and gpus % 1:
        raise ValueError("must be a share of one GPU or a whole number of them")
    return gpus


class Resources(Settings):
    """What one trial occupies while it runs."""

    cpu: Positive = Field(1.0, description="cores a trial; its threads, rounded up")
    gpu: Annotated[NonNegative, AfterValidator(_share_or_whole)] = Field(
        0.0, description="GPUs a trial; 0.5 lets two trials share one"
    )

    @property
    def threads(self) -> int:
        """Threads of a trial: its cores, rounded up; whole cores are never oversubscribed."""
        return math.ceil(self.cpu)


class CheckpointSettings(Settings):
    """How often a trial in training is saved."""

    epochs: Count = Field(1, description="epochs between checkpoints; the last epoch has one")
    minutes: Positive = Field(10.0, description="at most so long between two, within epochs too")


class RetentionSettings(Settings):
    """What stays in the storage once a trial or the sweep is done."""

    checkpoints: Literal["last", "until_done"] = Field(
        "last",
        description="last: of a trial that a longer one could go on from, the last one stays",
    )
    weights: Literal["all", "front"] = Field(
        "all", description="front: when all is done, those of the front and the reference stay"
    )


class LimitSettings(Settings):
    """Limits at which a trial is given up."""

    silent_minutes: Positive = Field(30.0, description="without a step, or a batch evaluated")
    hours: Positive | None = Field(None, description="of its own time, over all attempts")


class BudgetSettings(Settings):
    """What a sweep may use, over all its starts; at a cap it stops, until the cap is raised."""

    gpu_hours: Positive | None = Field(None, description="GPUs a trial times its hours, summed")
    core_hours: Positive | None = Field(None, description="cores a trial times its hours, summed")
    hours: Positive | None = Field(None, description="in which any start of the sweep ran")
    disk_gb: Positive | None = Field(None, description="of the whole storage, 10^9 bytes")


class Policy(Settings):
    """The keys of a sweep file that say how its trials are run."""

    resources: Resources = Resources()
    checkpoints: CheckpointSettings = CheckpointSettings()
    retention: RetentionSettings = RetentionSettings()
    limits: LimitSettings = LimitSettings()
    budget: BudgetSettings = BudgetSettings()
    stopping: dict[str, Any] = Field({}, description="rules that end trials early, by label")
    """Rules as written, or as `orchestrator.search.stopping.recorded` has them."""
    retries: Annotated[Whole, Field(ge=0)] = Field(
        2, description="of a trial whose worker died, hung or had no memory, in one start"
    )
    halve_batch: bool = Field(
        False, description="retry for want of memory with each batch in twice as many parts"
    )
    lease: Positive = Field(
        60.0, description="seconds of silence after which another may take a worker's trial"
    )
    weights: WeightsName = Field(
        "last",
        description="that fronts stand on; best: those best in validation, the last ones beside",
    )
    """Weights that fronts, selection and contrasts stand on. Under `best` those that did best in
    validation are kept and evaluated beside the last epoch's; under `last` these alone are."""
