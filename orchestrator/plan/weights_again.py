"""Trials that are trained once more: their weights were given up, and others stand on them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from orchestrator.plan.parents import with_parents
from orchestrator.plan.planned_trial import PlannedTrial
from orchestrator.store import Store
from orchestrator.store.files.looks import mapped


def with_weights_again(
    trials: Sequence[PlannedTrial], store: Store, suite_id: str, *, retry_failed: bool
) -> tuple[PlannedTrial, ...]:
    """Plan each trial as untrained whose weights are gone while one that is left to do needs them,
    and say why. Its evaluations stay in the store, and count again once it is trained.

    A generation is looked at at once, its own parents after it.

    Args:
        trials: as the store has them, none before its parents.
        retry_failed: whether one that failed is left to do, too, whatever its failure was.
    """
    found = {planned.id: planned for planned in trials}
    heirs: dict[str, str] = {}  # by a parent's id: the first trial that needs its weights

    def look(parent: str) -> PlannedTrial:
        return _again(found[parent], heirs[parent], store, suite_id)

    generation = tuple(trials)
    while generation:
        needed = _heirs(generation, retry_failed=retry_failed)
        fresh = [parent for parent in needed if parent in found and parent not in heirs]
        heirs = needed | heirs
        generation = mapped(look, fresh, store.files)
        found |= {planned.id: planned for planned in generation}
    return with_parents(tuple(found.values())) if heirs else tuple(trials)


def _heirs(trials: Iterable[PlannedTrial], *, retry_failed: bool) -> dict[str, str]:
    """Return by a parent's id the first trial that needs its weights, of those left to do."""
    heirs: dict[str, str] = {}
    for planned in trials:
        is_retried = retry_failed and planned.status == "failed"
        is_left = planned.is_taken_up and planned.status != "running"
        if planned.needs_parents and (is_left or is_retried):
            heirs = dict.fromkeys(planned.parents, planned.id) | heirs
    return heirs


def _again(planned: PlannedTrial, heir: str, store: Store, suite_id: str) -> PlannedTrial:
    stored = store.trial(planned.id)
    if not planned.progress.trained or stored.has_weights():
        return planned
    progress = stored.progress(suite_id, best=planned.best)
    if not progress.trained:  # a manifest may call done what a person has deleted
        return replace(planned, progress=progress)
    reason = f"its weights were given up, and {heir} needs them"
    return replace(planned, progress=replace(progress, result=None, evaluation=None), again=reason)
