"""How far a planned trial is, with the weights that its sweep wants of it."""

from __future__ import annotations

from dataclasses import replace

from orchestrator.plan.planned_trial import PlannedTrial
from orchestrator.store import Progress, StoredTrial


def progress_of(
    planned: PlannedTrial, stored: StoredTrial, suite_id: str, validation_id: str | None
) -> Progress:
    """Read how far a trial is, under the suites that are asked for. Where nothing is trained, best
    weights that are not there are not missed.

    Args:
        suite_id: as of `StoredTrial.progress`.
        validation_id: likewise.
    """
    progress = stored.progress(suite_id, validation_id, best=planned.best)
    its = progress.best
    if planned.trains or its is None or its.evaluation is not None:
        return progress
    return progress if stored.has_weights(best=its.key) else replace(progress, best=None)


def as_settled(planned: PlannedTrial, progress: Progress | None) -> PlannedTrial:
    """Return a trial with the progress that is known of it, if that says all that is wanted.

    Args:
        progress: of a trial that was done when it was recorded; None: nothing is known.
    """
    if progress is None:
        return planned
    if planned.best is None:
        return replace(planned, progress=replace(progress, best=None))
    is_enough = progress.best is not None and progress.best.key == planned.best
    return replace(planned, progress=progress) if is_enough else planned
