"""How far a sweep's search is: how many of its trials are proposed, of which methods."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

from orchestrator.plan.plan import Plan
from orchestrator.plan.proposed import trials_proposed
from orchestrator.spec.search import StrategyName
from orchestrator.spec.sweep_spec import SweepSpec


@dataclass(frozen=True, kw_only=True)
class SearchStanding:
    """How far a search is. The standard references are not counted."""

    strategy: StrategyName
    seed: int
    trials: int  # asked for
    proposed: int
    by_method: dict[str, int]  # of the trials proposed

    def record(self) -> dict[str, Any]:
        """The standing as values of JSON."""
        return asdict(self)

    def __str__(self) -> str:
        said = f"{self.strategy}: {self.proposed} of {self.trials} trials proposed"
        if self.by_method:
            methods = ", ".join(f"{count} {method}" for method, count in self.by_method.items())
            said = f"{said} ({methods})"
        rest = self.trials - self.proposed
        return f"{said}; {rest} to come, which no forecast counts" if rest else said


def search_standing(spec: SweepSpec, plan: Plan) -> SearchStanding | None:
    """Count what a sweep's search has proposed by a plan; None where it is a grid."""
    if spec.search.trials is None:
        return None
    methods = (planned.method for planned in plan.trials if not planned.is_reference)
    return SearchStanding(
        strategy=spec.search.strategy,
        seed=spec.search.seed,
        trials=spec.search.trials,
        proposed=trials_proposed(spec, plan.proposals),
        by_method=dict(Counter(methods)),
    )
