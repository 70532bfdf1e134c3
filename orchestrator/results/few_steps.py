"""How much of each category's number in a sweep comes from rungs of few steps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.plan.plan import Plan
from orchestrator.plan.planned_trial import PlannedTrial
from orchestrator.results.images import Images
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store import Store
from trainer.evaluation.few_steps import few_steps_text, shares_of_few_steps
from trainer.evaluation.suite import Suite

MOST_READ = 50
"""Most trials whose bits are read: each is a file of its own, maybe far away."""


@dataclass(frozen=True, kw_only=True)
class FewSteps:
    """Which share of each category's mean over its ladder rungs of few steps make."""

    shares: Mapping[str, float]  # by category
    trials: int  # over which they were taken

    def lines(self) -> Iterator[tuple[str, str]]:
        """Yield the shares for people: what the line is about, and what it says."""
        if said := few_steps_text(dict(self.shares)):
            yield "few steps", f"{said} (over {self.trials} trials)"

    def record(self) -> dict[str, Any]:
        """The shares as values of JSON, as `front.json` has them under `few_steps`."""
        return {"shares": dict(self.shares), "trials": self.trials}


def few_steps(spec: SweepSpec, plan: Plan, store: Store, images: Images) -> FewSteps:
    """Take the shares over trials that are done, the references left out: on the very images whose
    numbers people are shown, of validation images those that pick, and of the weights that fronts
    stand on. Of more than `MOST_READ` some are read, evenly spread over the plan."""
    suite = spec.suite
    if images != "suite" and spec.choice_suite is not None:
        suite = spec.choice_suite
    done = [it for it in plan.trials if it.status == "done" and not it.is_reference]
    count = min(len(done), MOST_READ)
    chosen = [done[place * len(done) // count] for place in range(count)]
    read = [
        _of_bits(planned, suite, store) if images == "suite" else _picking(planned, suite, store)
        for planned in chosen
    ]
    found = list(filter(None, read))
    return FewSteps(shares=shares_of_few_steps(suite, found), trials=len(found))


Withstood = Mapping[str, tuple[int, ...]]
"""By category, how many images withstand each rung."""


def _picking(planned: PlannedTrial, suite: Suite, store: Store) -> Withstood | None:
    best = planned.progress.best
    evaluation = planned.validation if best is None else best.validation
    if evaluation is None or evaluation.halves is None:  # not told apart: all of them pick
        return _of_bits(planned, suite, store)
    return evaluation.halves.picking.withstood


def _of_bits(planned: PlannedTrial, suite: Suite, store: Store) -> Withstood | None:
    outcomes = store.trial(planned.id).outcomes(suite.id, best=planned.best)
    return None if outcomes is None else outcomes.withstood()
