"""How a sweep's plan grows: a strategy is asked, and what it proposes is recorded in the store; and
once nothing is left to do of all that, so is what is kept of it, to be confirmed.

The record comes first. Whichever of several starts records its proposals first has chosen for all;
the others take theirs up, and ask again when these are not enough.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import pandas as pd

from orchestrator.plan.confirmation import record_kept
from orchestrator.plan.plan import Plan, grown, with_confirmation
from orchestrator.plan.proposed import (
    cells_with_seeds,
    known_of,
    planned_anyway,
    search_id,
    trials_left,
    wanted,
)
from orchestrator.results.images import is_to_confirm
from orchestrator.results.trials_table import table_on
from orchestrator.search.keeping import kept
from orchestrator.search.strategies import STRATEGIES
from orchestrator.search.strategies.strategy import Known, KnownTrial
from orchestrator.spec.objectives import columns_of_numbers
from orchestrator.spec.space import Cell
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store import Store
from orchestrator.store.sweeps.proposals import read_proposals, record_proposals
from orchestrator.store.sweeps.records import Proposal
from trainer.data import DataSettings


def observe(spec: SweepSpec, plan: Plan) -> Known:
    """Gather what a strategy may know of a sweep, from its plan as it stands: numbers of the half
    of the validation images that steers, so that the other half picks among what it led to, and
    nothing is led by the test set."""
    names = columns_of_numbers(
        spec.suite,
        (*spec.cells, *spec.probes),
        spec.settings,
        has_best=spec.policy.weights == "best",
    )
    rows = table_on(spec, plan, "steering")[names].to_dict("records")
    trials = [
        KnownTrial(
            method=planned.method,
            settings=planned.settings,
            seed=planned.trial.seed,
            status=planned.status,
            values={name: float(row[name]) for name in names if pd.notna(row[name])},
        )
        for planned, row in zip(plan.trials, rows, strict=True)
    ]
    return known_of(spec, [cell for cell, _ in _cells(spec, plan)], trials)


def proposed(spec: SweepSpec, plan: Plan) -> tuple[Proposal, ...]:
    """Ask a sweep's strategy what comes next; nothing is recorded.

    Raises:
        BadInput: it proposes what is no trial.
    """
    most = trials_left(spec, plan.proposals)
    if not most or spec.reevaluation is not None:
        return ()
    chosen = STRATEGIES[spec.search.strategy](observe(spec, plan), most=most)
    chosen = wanted(spec, (*plan.proposals, *chosen))[len(plan.proposals) :]
    there = {(cell.id, seed) for cell, seeds in _cells(spec, plan) for seed in seeds}
    fresh = []
    for proposal, (cell, seeds) in zip(chosen, cells_with_seeds(spec, chosen), strict=True):
        its_trials = {(cell.id, seed) for seed in seeds}
        if not its_trials <= there:
            fresh.append(proposal)
            there |= its_trials
    return tuple(fresh)


def grow(spec: SweepSpec, plan: Plan, store: Store, *, retry_failed: bool = False) -> Plan:
    """Return a plan with what comes next, proposed and recorded by this start, or by another that
    was faster; the same plan where nothing does.

    Args:
        retry_failed: whether failed trials are to be tried again before anything is kept.

    Raises:
        BadInput: a strategy proposes what is no trial, or the data of one are not there.
    """
    if spec.reevaluation is not None:
        return plan
    if is_to_confirm(spec, plan, retry_failed=retry_failed):
        return with_confirmation(
            plan, spec, store, record_kept(spec, kept(spec, plan), store.files)
        )
    if not trials_left(spec, plan.proposals):
        return plan
    files, search = store.files, search_id(spec)
    while True:
        there = read_proposals(files, spec.name, search)
        of_others = wanted(spec, there.made)[len(plan.proposals) :]
        if of_others:
            return grown(plan, spec, store, of_others)
        ours = proposed(spec, plan)
        if not ours or record_proposals(files, spec.name, search, there.next_number, ours):
            return grown(plan, spec, store, ours)


def foreseen(
    spec: SweepSpec,
    plan: Plan,
    store: Store,
    *,
    retry_failed: bool,
    fingerprint_of: Callable[[DataSettings], str],
) -> Plan:
    """Return a plan with what `grow_to_work` would propose now; nothing is recorded.

    Args:
        fingerprint_of: gives a data set's fingerprint, from its settings.

    Raises:
        BadInput: a strategy proposes what is no trial, or the data of one are not there.
    """

    def step(plan: Plan) -> Plan:
        if is_to_confirm(spec, plan, retry_failed=retry_failed):
            its = kept(spec, plan)
            return with_confirmation(plan, spec, store, its, fingerprint_of=fingerprint_of)
        return grown(plan, spec, store, proposed(spec, plan), fingerprint_of=fingerprint_of)

    return _until_there_is_work(step, plan, retry_failed=retry_failed)


def grow_to_work(
    spec: SweepSpec, plan: Plan, store: Store, *, retry_failed: bool, has_retried: bool = False
) -> Plan:
    """Return a plan with what comes next, as `grow` does, and again where all of that is done
    already: trials are shared with other sweeps.

    Args:
        retry_failed: whether failed trials are worked on, too.
        has_retried: whether those that are not at work have been, so that nothing waits for them.

    Raises:
        BadInput: a strategy proposes what is no trial, or the data of one are not there.
    """
    step = partial(grow, spec, store=store, retry_failed=retry_failed and not has_retried)
    return _until_there_is_work(step, plan, retry_failed=retry_failed)


def _until_there_is_work(step: Callable[[Plan], Plan], plan: Plan, *, retry_failed: bool) -> Plan:
    while True:
        before = {planned.id for planned in plan.every}
        larger = step(plan)
        if larger is plan or any(
            planned.id not in before for planned in larger.pending(retry_failed=retry_failed)
        ):
            return larger
        plan = larger


def _cells(spec: SweepSpec, plan: Plan) -> Iterator[tuple[Cell, tuple[int, ...]]]:
    """Yield the cells of a plan with their seeds."""
    yield from ((cell, spec.seeds) for cell in planned_anyway(spec))
    yield from cells_with_seeds(spec, plan.proposals)
