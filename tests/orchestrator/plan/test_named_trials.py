"""Names by which a store has what came of a sweep's trials, and what they depend on."""

from __future__ import annotations

from collections.abc import Callable

from orchestrator.plan.confirmation import confirmation_id
from orchestrator.plan.plan import Plan, make_plan
from orchestrator.plan.proposed import search_id
from orchestrator.results.shown import question
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store import Store

Read = Callable[..., SweepSpec]

SWEEP = """\
data: {name: digits, validation: 180}
training:
  epochs: 2
  attacks: &attacks
    pgd: {epsilon: 0.2, num_steps: 1}
    flow: {epsilon: 0.15, num_steps: 1}
    rt: {epsilon: 0.25, num_steps: 1}
validation: {attacks: *attacks}
methods:
  standard: {}
  pareto: {vary: {rho: [0.4]}}
  tuned: {method: pgd, start: {from: {method: pareto}}}
  replay: {of: pareto}
seeds: [3, 0]
evaluation:
  pgd: {epsilon: 0.2, step_size: 0.05, ladder: [1]}
  flow: {epsilon: 0.15, step_size: 0.05, ladder: [1]}
  rt: {epsilon: 0.25, step_size: 0.05, ladder: [1]}
confirm: {keep: {per_method: 2, by: validation}, seeds: 5}
tracking: none
"""

NAMES = ("r57d6ab7044cb5089", "confirm-53a15d8332755397", "s255c90742f89bbe6")
"""Golden: by which a store has what was shown of the sweep, what was kept of it, and what its
search proposed. Under others nothing of that would be found."""


def named(spec: SweepSpec, plan: Plan) -> tuple[str, str, str]:
    return question(spec, plan), confirmation_id(spec, plan.trials), search_id(spec)


def test_names_have_what_validation_looks_at_and_the_ids_of_trials_do_not(
    read: Read, store: Store
) -> None:
    ids = {}
    for more in ((), ("validation.examples=7",)):
        spec = read(SWEEP, *more)
        plan = make_plan(spec, store, fingerprint_of=lambda data: "made up")
        before = {planned.id: planned.earlier_id for planned in plan.trials}
        for planned in plan.trials:
            trial = planned.trial
            own = {"start": trial.start, "replay": trial.replay}
            parents = {
                key: it.model_copy(update={"trial": before[it.trial]})
                for key, it in own.items()
                if it is not None
            }
            assert planned.earlier_id == trial.model_copy(update=parents).earlier_id
            assert planned.earlier_id != planned.id
            assert planned.validation_id == trial.validation_id
        assert (named(spec, plan) == NAMES) == (not more)
        ids[more] = [planned.id for planned in plan.trials]
    first, second = ids.values()
    assert first == second
