"""Restores files of trials that were begun and have lost some, at the start of a sweep.

Weights, bits and results are made by attempts alone. Restored is what says whose they are: a
trial's description, its place among its siblings, and the end of an attempt that did its work.
"""

from __future__ import annotations

from orchestrator.plan.plan import Plan
from orchestrator.store import Store
from orchestrator.store.records.layout import FAMILIES, FileKind


def mend(plan: Plan, store: Store) -> None:
    """Restore lost files of every trial of the plan that has any. What is there stays as it is, so
    that several starts may do so at once."""
    siblings = {it["trial"] for it in map(FileKind.MEMBER.match, store.files.sizes(FAMILIES)) if it}
    for planned in plan.every:
        progress = planned.progress
        if progress.has_begun or progress.lease is not None or not progress.is_described:
            store.trial(planned.id).mend(planned.trial, progress, has_family=planned.id in siblings)
