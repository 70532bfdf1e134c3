"""Trials that stand on others, their parents: whose weights they start from, whose schedules they
replay, and what they wait for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from orchestrator.plan.planned_trial import PlannedTrial
from orchestrator.spec.space import Cell
from trainer.config import Start
from trainer.data import DataSettings


def replayed_seed(seed: int, seeds: Sequence[int]) -> int:
    """Return the seed whose schedule the trial of a seed replays: the one before it in the list,
    and the second for the first. So a seed that is added at the end changes no other's."""
    place = seeds.index(seed)
    return seeds[place - 1 if place else 1]


class Parents:
    """Names the trials from whose weights others start: of the parent's cell, with their seed; and
    those whose schedules others replay: of that one's cell, with another seed."""

    def __init__(
        self, fingerprint_of: Callable[[DataSettings], str], *, seeds: Sequence[int]
    ) -> None:
        """Name trials on data of these fingerprints, with seeds of this list."""
        self._fingerprint_of = fingerprint_of
        self._seeds = seeds
        self._known: dict[tuple[str, int, bool], str] = {}

    def of(self, cell: Cell, seed: int, *, earlier: bool = False) -> dict[str, Any]:
        """Return what the trial of a cell with a seed has of other trials: the fields `start` and
        `replay`, where it has them.

        Args:
            earlier: whether the ids that parents had before are wanted: see `Trial.earlier_id`.
        """
        found: dict[str, Any] = {}
        if cell.start is not None:
            found["start"] = Start(trial=self._id(cell.start, seed, earlier))
        if cell.replayed is not None and cell.trial.replay is not None:
            parent = self._id(cell.replayed, replayed_seed(seed, self._seeds), earlier)
            found["replay"] = cell.trial.replay.model_copy(update={"trial": parent})
        return found

    def _id(self, cell: Cell, seed: int, earlier: bool) -> str:
        place = (cell.id, seed, earlier)
        if place not in self._known:
            fingerprint = self._fingerprint_of(cell.trial.data)
            own = self.of(cell, seed, earlier=earlier)
            trial = cell.trial.model_copy(update={"fingerprint": fingerprint, "seed": seed, **own})
            self._known[place] = trial.earlier_id if earlier else trial.id
        return self._known[place]


def in_turn(trials: Iterable[PlannedTrial]) -> tuple[PlannedTrial, ...]:
    """Return the trials in their order, except that none is before its parents: what replays the
    schedule of a later seed's trial stands right after that."""
    trials = tuple(trials)
    to_come = {planned.id for planned in trials}
    found: list[PlannedTrial] = []
    waiting: list[PlannedTrial] = []
    for planned in trials:
        waiting.append(planned)
        while ready := [it for it in waiting if to_come.isdisjoint(it.parents)]:
            found += ready
            to_come -= {it.id for it in ready}
            waiting = [it for it in waiting if it.id in to_come]
    assert not waiting, "trials wait for one another in a circle"
    return tuple(found)


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
    pruning = planned.own_pruning
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
