"""By which rule a trial is ended, under a sweep's rules and what it looks at in validation.

A rule decides by what was measured. So a trial that was ended while validation looked at something
else is not ended by that here: rules are asked anew, and are shown nothing of it.
"""

from __future__ import annotations

from orchestrator.search.stopping import Pruning, Rules, decide, pruning_in_force
from orchestrator.store import Progress, StoredTrial
from orchestrator.store.leases.lease import LeaseState
from orchestrator.store.trials.records import steering
from trainer.config import Trial


def pruning_of(
    rules: Rules, stored: StoredTrial, progress: Progress, trial: Trial
) -> Pruning | None:
    """Return by which rule a trial is ended under these rules; None where it is to go on, or is
    trained.

    Args:
        stored: the trial in the store.
        progress: how far that is.
        trial: as the sweep has it, with what it looks at.
    """
    if progress.trained or progress.lease is None:
        return None
    attempt = _that_counts(stored, progress.lease, trial)
    ended = attempt.ended
    if ended is None or ended.how != "pruned" or ended.pruned is None:
        return None
    if stored.looked_at(attempt) not in {None, trial.validation_id}:
        rows = stored.rows(trial.validation_id) if rules else []
        return decide(rules, rows, steering(stored.evaluations()))
    return pruning_in_force(
        rules,
        Pruning(**dict(ended.pruned)),
        lambda: stored.rows(trial.validation_id),
        lambda: steering(stored.evaluations()),
    )


def _that_counts(stored: StoredTrial, newest: LeaseState, trial: Trial) -> LeaseState:
    """Return the newest attempt that looked at the same, or else the newest one."""
    if newest.number == 1 or stored.looked_at(newest) in {None, trial.validation_id}:
        return newest
    past = reversed(stored.past_attempts())
    return next((it for it in past if stored.looked_at(it) == trial.validation_id), newest)
