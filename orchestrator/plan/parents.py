"""Trials that start from the weights of others, their parents: whose, and what they wait for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from orchestrator.plan.planned_trial import PlannedTrial
from orchestrator.spec.space import Cell
from trainer.config import Start
from trainer.data import DataSettings


class Parents:
    """Names the trials from whose weights others start: of the parent's cell, with their seed."""

    def __init__(self, fingerprint_of: Callable[[DataSettings], str]) -> None:
        """Name trials on data of these fingerprints."""
        self._fingerprint_of = fingerprint_of
        self._known: dict[tuple[str, int], str] = {}

    def start(self, cell: Cell, seed: int) -> Start | None:
        """Return from whose weights the trial of a cell starts with a seed; None for no other's."""
        if cell.start is None or cell.trial.start is None:
            return None
        place = (cell.trial.start.trial, seed)
        if place not in self._known:
            parent = cell.start
            changed = {
                "fingerprint": self._fingerprint_of(parent.trial.data),
                "seed": seed,
                "start": self.start(parent, seed),
            }
            self._known[place] = parent.trial.model_copy(update=changed).id
        return Start(trial=self._known[place])


def with_parents(trials: Sequence[PlannedTrial]) -> tuple[PlannedTrial, ...]:
    """Say of each trial which parents it waits for. Where one of them is pruned, so is the trial:
    it has nothing to start from while the rule holds.

    Args:
        trials: as the store has them, none before its parents.
    """
    known: dict[str, PlannedTrial] = {}
    for planned in trials:
        parents = [known[it] for it in planned.parents if it in known]
        known[planned.id] = _beside(planned, parents) if parents else planned
    return tuple(known.values())


def _beside(planned: PlannedTrial, parents: Iterable[PlannedTrial]) -> PlannedTrial:
    needs = replace(planned, trains=True).needs_parents  # or would, if this start trained anything
    awaited = [it for it in parents if not it.progress.trained] if needs else []
    pruning = None if planned.progress.pruned is None else planned.pruning  # its own
    for parent in awaited:
        if parent.status == "pruned" and parent.pruning is not None and pruning is None:
            reason = f"its parent {parent.id} is pruned: {parent.pruning.reason}"
            pruning = replace(parent.pruning, reason=reason)
    waits_for = tuple(it.id for it in awaited) if planned.trains else ()
    return replace(planned, waits_for=waits_for, pruning=pruning)


def within_reach(trials: Iterable[PlannedTrial]) -> tuple[PlannedTrial, ...]:
    """Return those of the trials to work on whose parents are trained or among these, too.

    Args:
        trials: none before its parents.
    """
    found: dict[str, PlannedTrial] = {}
    for planned in trials:
        if found.keys() >= set(planned.waits_for):
            found[planned.id] = planned
    return tuple(found.values())
