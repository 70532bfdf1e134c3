"""Deletes weights that a sweep does not keep once it is done: `retention: {weights: front}`."""

from __future__ import annotations

import logging
from collections.abc import Set

import yaml

from orchestrator.plan.plan import Plan
from orchestrator.spec.space import REFERENCE
from orchestrator.store import Files, Store
from orchestrator.store.housekeeping.activity import at_work
from orchestrator.store.housekeeping.membership import Member, all_sweeps, members
from orchestrator.store.records.layout import SweepFolder, TrialFolder
from orchestrator.store.trials.result import give_up_weights
from orchestrator.table.columns import SELECTED
from orchestrator.table.plain_rows import plain_rows
from orchestrator.table.status import FINISHED

logger = logging.getLogger(__name__)


def keep_front_alone(
    store: Store, plan: Plan, *, sweep: str, kept: Set[str], others: Set[str]
) -> None:
    """Delete the weights of a sweep's own trials that are neither on its front, nor of a selected
    cell, nor references, once nothing is left to do of any; what confirms it stays. While other
    starts run the sweep none go: they may have been given more trials, which start from these
    weights. The last one deletes them, or the next.

    Args:
        kept: ids of the trials on the front under the sweep's own suite, and of selected cells.
        others: folders of the sweep's other starts that still run.
    """
    if others:
        logger.info("no weights are dropped yet: the sweep is also run by %s", sorted(others))
        return
    if all(planned.status in FINISHED for planned in plan.every):
        references = {planned.id for planned in plan.trials if planned.is_reference}
        candidates = {planned.id for planned in plan.trials}
        drop_weights(store, sweep=sweep, keep=references | kept, candidates=candidates)


def drop_weights(
    store: Store, *, sweep: str, keep: Set[str], candidates: Set[str]
) -> frozenset[str]:
    """Delete the weights and checkpoints of candidates that neither this sweep nor another keeps,
    and say of which. Their results, rows and evaluations stay, and so does the trial as trained.

    A trial at which somebody may be at work is left alone. Broken off and called again, it comes
    to the same.

    Args:
        sweep: the one that asks for it, all of whose trials are done.
        keep: ids of the trials whose weights it keeps: of its front, of what is selected, and its
            references.
        candidates: ids of the sweep's trials.
    """
    files = store.files
    unwanted = candidates - keep
    for other in all_sweeps(files):
        if other == sweep or not unwanted:
            continue
        found = members(files, other)
        if found is None:
            logger.info("no weights are dropped: sweep %r does not say what it holds", other)
            return frozenset()
        unwanted -= _kept(files, other, found)
    idle = (trial_id for trial_id in sorted(unwanted) if at_work(files, trial_id) is None)
    return frozenset(it for it in idle if give_up_weights(files, TrialFolder.of(it)))


def _kept(files: Files, sweep: str, found: dict[str, Member]) -> Set[str]:
    """Return the trials whose weights a sweep keeps: all, or those of its front, of what is
    selected, its references, and what confirms it if it is done and asks for these alone."""
    front = files.read(SweepFolder.of(sweep).front_table)
    points = None if front is None else plain_rows(front)
    is_done = all(member.is_finished for member in found.values())
    if points is None or not is_done or not _keeps_front_alone(files, sweep):
        return found.keys()
    on_front = {row["trial_id"] for row in points}
    table = files.read(SweepFolder.of(sweep).trials_table)
    rows = [] if table is None else plain_rows(table)
    if rows is None:
        return found.keys()
    on_front |= found.keys() - {row["trial_id"] for row in rows}  # which confirm the sweep
    on_front |= {row["trial_id"] for row in rows if row.get(SELECTED) == "True"}
    return on_front | {it for it, member in found.items() if member.method == REFERENCE}


def _keeps_front_alone(files: Files, sweep: str) -> bool:
    try:
        spec = yaml.safe_load(files.read(SweepFolder.of(sweep).spec) or b"")
        return bool(spec["retention"]["weights"] == "front")
    except (yaml.YAMLError, TypeError, KeyError):  # damaged, or of a version without
        return False
