"""Trials that are trained once more: their weights were given up, and others stand on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from orchestrator.plan.parents import with_parents
from orchestrator.plan.planned_trial import PlannedTrial
from orchestrator.store import Store


def with_weights_again(
    trials: Sequence[PlannedTrial], store: Store, suite_id: str
) -> tuple[PlannedTrial, ...]:
    """Plan each trial as untrained whose weights are gone while one that is left to do needs them,
    and say why. Its evaluations stay in the store, and count again once it is trained.

    Args:
        trials: as the store has them, none before its parents.
    """
    heirs: dict[str, str] = {}  # by a parent's id: a trial that needs its weights
    found = []
    for planned in reversed(trials):
        heir = heirs.get(planned.id)
        each = planned if heir is None else _again(planned, heir, store, suite_id)
        found.append(each)
        if each.needs_parents and each.is_taken_up and each.status != "running":
            heirs |= dict.fromkeys(each.parents, each.id)
    return with_parents(found[::-1]) if heirs else tuple(trials)


def _again(planned: PlannedTrial, heir: str, store: Store, suite_id: str) -> PlannedTrial:
    stored = store.trial(planned.id)
    if not planned.progress.trained or stored.has_weights():
        return planned
    progress = stored.progress(suite_id, best=planned.best)
    if not progress.trained:  # a manifest may call done what a person has deleted
        return replace(planned, progress=progress)
    reason = f"its weights were given up, and {heir} needs them"
    return replace(planned, progress=replace(progress, result=None, evaluation=None), again=reason)
