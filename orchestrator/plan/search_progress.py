"""How far a sweep's search is: what of its trials is proposed, and what the others will be like."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from orchestrator.plan.plan import Plan
from orchestrator.plan.planned_trial import NOTHING, PlannedTrial
from orchestrator.plan.proposed import trials_left, trials_proposed
from orchestrator.spec.search import StrategyName
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store.sweeps.records import Proposal


@dataclass(frozen=True, kw_only=True)
class SearchProgress:
    """How far a search is. The standard references are not counted."""

    strategy: StrategyName
    seed: int
    trials: int  # asked for
    proposed: int  # and recorded
    foreseen: int  # which a start would propose now
    to_come: int  # later, as results come
    by_method: dict[str, int]  # of the trials proposed or foreseen

    def record(self) -> dict[str, Any]:
        """The progress as values of JSON."""
        return asdict(self)

    def __str__(self) -> str:
        said = f"{self.strategy}: {self.proposed} of {self.trials} trials proposed"
        if self.foreseen:
            said = f"{said}, {self.foreseen} would be now"
        if self.by_method:
            methods = ", ".join(f"{count} {method}" for method, count in self.by_method.items())
            said = f"{said} ({methods})"
        return f"{said}, {self.to_come} to come" if self.to_come else said


def search_progress(
    spec: SweepSpec, plan: Plan, *, recorded: Sequence[Proposal] | None = None
) -> SearchProgress | None:
    """Count what a sweep's search has proposed by a plan; None where it is a grid. A sweep that is
    tried under another suite proposes nothing more.

    Args:
        recorded: those of the plan's proposals that the store has; None: all of them.
    """
    if spec.search.trials is None:
        return None
    proposed = trials_proposed(spec, plan.proposals if recorded is None else recorded)
    methods = (planned.method for planned in plan.trials if not planned.is_reference)
    return SearchProgress(
        strategy=spec.search.strategy,
        seed=spec.search.seed,
        trials=spec.search.trials,
        proposed=proposed,
        foreseen=trials_proposed(spec, plan.proposals) - proposed,
        to_come=_count_to_come(spec, plan),
        by_method=dict(Counter(methods)),
    )


def yet_to_come(spec: SweepSpec, plan: Plan) -> Iterator[PlannedTrial]:
    """Yield trials in the place of those that a search is still to propose, to foresee what these
    will take: at the lowest and the highest point of each method in turn."""
    count = _count_to_come(spec, plan)
    drawn = [method for method in spec.space.methods.values() if method.size != 1]
    ends = [(method, point) for method in drawn for point in (method.lowest, method.highest)]
    for method, point in itertools.islice(itertools.cycle(ends), count):
        cell = spec.space.cell(method, point)
        yield PlannedTrial(
            id=cell.id,
            trial=cell.trial,
            method=cell.method,
            settings=cell.settings,
            is_reference=False,
            progress=NOTHING,
            sibling=None,
            trains=True,
            left_out=None,
        )


def _count_to_come(spec: SweepSpec, plan: Plan) -> int:
    return 0 if spec.reevaluation is not None else trials_left(spec, plan.proposals)
