"""What a start makes again of trials that it finds begun, where files of theirs were lost.

Weights, bits and results are made by attempts, as ever. Here it is what says whose they are: a
trial's description, its place among its siblings, and the end of an attempt that did its work.
"""

from __future__ import annotations

from orchestrator.plan.plan import Plan
from orchestrator.store import Store
from orchestrator.store.trials.stored_trial import FAMILIES


def mend(plan: Plan, store: Store) -> None:
    """Look at each trial of the plan of which anything is there. Nothing that is there changes,
    and several starts may do so at once."""
    siblings = {name.rpartition("-")[2] for name in store.files.sizes(FAMILIES)}
    for planned in plan.trials:
        progress = planned.progress
        if progress.has_begun or progress.lease is not None or not progress.is_described:
            store.trial(planned.id).mend(planned.trial, progress, has_family=planned.id in siblings)
