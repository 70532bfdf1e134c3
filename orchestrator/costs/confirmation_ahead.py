"""What confirming a sweep will take at most, before it is known which cells are kept."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from orchestrator.plan.plan import Plan
from orchestrator.plan.planned_trial import NOTHING, PlannedTrial
from orchestrator.plan.search_progress import yet_to_come
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.terminal.units import count_text
from trainer.data.published import examples_trained
from trainer.training.passes_ahead import most_passes_of_training


@dataclass(frozen=True, kw_only=True)
class Ahead:
    """What confirming a sweep will take at most."""

    trials: int
    passes: int | None  # of training; None: not known beforehand

    def record(self) -> dict[str, Any]:
        """The same as values of JSON."""
        return {"most_trials": self.trials, "most_training_passes": self.passes}

    def __str__(self) -> str:
        passes = "" if self.passes is None else f", {count_text(self.passes)} passes of training"
        return f"that is {self.trials} trials at most{passes}"


def ahead(spec: SweepSpec, plan: Plan) -> Ahead | None:
    """Say what confirming a sweep will take at most; None where nothing of that is to come, or it
    is known already."""
    trials = list(to_confirm(spec, plan))
    if not trials:
        return None
    known: dict[int, int | None] = {}
    for planned in trials:
        trial = planned.trial
        if id(trial) not in known:
            examples = examples_trained(trial.data)
            passes = None if examples is None else most_passes_of_training(trial, examples)
            known[id(trial)] = None if passes is None else passes.total
    each = [known[id(planned.trial)] for planned in trials]
    whole = None if None in each else sum(passes for passes in each if passes is not None)
    return Ahead(trials=len(trials), passes=whole)


def all_to_come(spec: SweepSpec, plan: Plan) -> Iterator[PlannedTrial]:
    """Yield trials in the place of all that are still to be planned: by the sweep's search, and to
    confirm it."""
    return chain(yet_to_come(spec, plan), to_confirm(spec, plan))


def to_confirm(spec: SweepSpec, plan: Plan) -> Iterator[PlannedTrial]:
    """Yield trials in the place of those that are to confirm a sweep, as many as there can be: of
    each method as many cells as are kept, and those that others' may stand on."""
    if spec.confirm is None or spec.reevaluation is not None or plan.confirmation is not None:
        return
    cells: dict[tuple[str, str], PlannedTrial] = {}
    for planned in chain(plan.trials, yet_to_come(spec, plan)):
        key = planned.method, repr(sorted(planned.settings.items()))
        cells.setdefault(key, planned)
    there = Counter(method for method, _ in cells)
    kept = {method: min(count, spec.confirm.per_method) for method, count in there.items()}
    most = Counter(kept)
    for method, parents in _parent_methods(plan, cells.values()).items():
        for parent in parents:
            most[parent] += kept[method]
    left = {method: min(most[method], count) for method, count in there.items()}
    for planned in cells.values():
        if left[planned.method] > 0:
            left[planned.method] -= 1
            fresh = replace(planned, progress=NOTHING, sibling=None, pruning=None, again=None)
            yield from (fresh for _ in spec.confirm.seeds)


def _parent_methods(plan: Plan, cells: Iterable[PlannedTrial]) -> dict[str, set[str]]:
    """Return the methods on whose trials those of a method stand, by its label."""
    by_id = {planned.id: planned for planned in plan.trials}
    found: defaultdict[str, set[str]] = defaultdict(set)
    for planned in cells:
        waiting = list(planned.parents)
        while waiting:
            parent = by_id.get(waiting.pop())
            if parent is not None and parent.method not in found[planned.method]:
                found[planned.method].add(parent.method)
                waiting += parent.parents
    return dict(found)
