"""Which cells of a sweep are kept to be confirmed: of each method those that hold most together.

Each cell stands where the means over its seeds do, on the images that pick. A method's are the
subset with the largest hypervolume of the strict front, union against natural accuracy, up to the
largest acceptable sacrifice: what methods are compared by later, on other seeds and other images.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd

from orchestrator.pareto.best_subset import best_subset
from orchestrator.pareto.eligibility import is_collapsed, takes_part
from orchestrator.plan.confirmation import Kept, confirmation_id
from orchestrator.plan.plan import Plan
from orchestrator.plan.planned_trial import PlannedTrial
from orchestrator.plan.proposed import planned_anyway
from orchestrator.results.trials_table import table_on
from orchestrator.spec.space import REFERENCE, Cell
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store.sweeps.records import Proposal
from orchestrator.table.best_weights import standing_on
from orchestrator.table.objectives import parse_objectives

STRICT = parse_objectives(["union_accuracy", "natural_accuracy"])


def kept(spec: SweepSpec, plan: Plan) -> Kept:
    """Choose the cells that are confirmed, by the plan as it stands; nothing is recorded.

    The standard reference is confirmed whatever it comes to, and takes a place of its method. A
    cell of which a trial has no result, collapsed, or has no numbers on these images is passed
    over.
    """
    assert spec.confirm is not None
    table = table_on(spec, plan, "suite" if spec.confirm.by == "test" else "picking")
    rows: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for at, planned in enumerate(plan.trials):
        rows[_key(planned)].append(at)
    natural = table["natural_accuracy"].to_numpy(float)  # of the last weights, as in any table
    reference = natural[[planned.is_reference for planned in plan.trials]]
    table = standing_on(table, spec.policy.weights)
    why = _why_not(table)
    passed_over: Counter[str] = Counter()
    candidates: defaultdict[str, list[tuple[Proposal, list[int]]]] = defaultdict(list)
    for proposal, cell in _candidates(spec, plan):
        its_rows = rows.get(_key(cell), [])
        reasons = [reason for reason in why[its_rows] if reason]
        if reasons:
            passed_over[reasons[0]] += 1
        elif its_rows:
            candidates[proposal.method].append((proposal, its_rows))
    found: list[Proposal] = []
    for method, its_cells in candidates.items():
        size = spec.confirm.per_method - (method == REFERENCE)
        if size < 1:
            continue
        points = _points(table, [its_rows for _, its_rows in its_cells], reference)
        end = [0.0, spec.contrasts.largest_sacrifice]
        found += [its_cells[at][0] for at in best_subset(points, end, size=size)]
    return Kept(
        id=confirmation_id(spec, plan.trials),
        cells=tuple(found),
        passed_over=dict(passed_over),
    )


def _candidates(spec: SweepSpec, plan: Plan) -> Iterator[tuple[Proposal, Cell]]:
    """Yield the cells of a plan in its order, the reference apart, as they would be proposed."""
    assert spec.confirm is not None
    seeds = spec.confirm.seeds
    for cell in planned_anyway(spec)[1:]:
        point = spec.space.methods[cell.method].lowest  # the only one
        yield Proposal(method=cell.method, point=point, seeds=seeds), cell
    for proposal in plan.proposals:
        method = spec.space.methods[proposal.method]
        cell = spec.space.cell(method, dict(proposal.point))
        yield proposal.model_copy(update={"seeds": seeds}), cell


def _key(item: PlannedTrial | Cell) -> tuple[str, str]:
    """Name a cell by what tells it from all others of the sweep."""
    return item.method, repr(sorted(item.settings.items()))


def _why_not(table: pd.DataFrame) -> npt.NDArray[np.object_]:
    """Say of each row why its cell cannot be kept; empty where nothing is against it."""
    reasons = np.full(len(table), "", dtype=object)
    known = np.isfinite(table[["union_accuracy", "natural_accuracy"]].to_numpy(float)).all(axis=1)
    reasons[~known] = "without numbers on the images that pick"
    reasons[is_collapsed(table, STRICT).to_numpy()] = "collapsed"
    is_done = table["status"].eq("done").to_numpy(bool)
    reasons[~is_done] = table.loc[~is_done, "status"]
    return reasons


def _points(
    table: pd.DataFrame, cells: list[list[int]], reference: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return where the cells (N, 2) stand, both minimised: minus the union, and what natural
    accuracy is sacrificed of the standard trials', or of the best cell's where none is done. What
    a constant classifier does as well holds nothing."""
    means = table[["union_accuracy", "natural_accuracy"]].to_numpy(float)
    part = takes_part(table, STRICT, keep_collapsed=False).to_numpy()
    union, natural = np.array([means[its_rows].mean(axis=0) for its_rows in cells]).T
    union = np.where([part[its_rows].all() for its_rows in cells], union, 0.0)
    standard = np.nanmean(reference) if np.isfinite(reference).any() else natural.max()
    return np.stack([-union, np.maximum(standard - natural, 0.0)], axis=1)
