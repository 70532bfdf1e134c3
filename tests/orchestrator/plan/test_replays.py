"""Plans with replays: whose schedule each trial has, and that none stands before its parents."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.plan.parents import replayed_seed
from orchestrator.plan.plan import make_plan
from orchestrator.plan.planned_trial import PlannedTrial
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store import Store

Read = Callable[..., SweepSpec]

SWEEP = """\
data: digits
methods:
  replay: {of: pareto, vary: {rho: [0.4]}}
  pareto: {vary: {rho: [0.2, 0.4]}}
seeds: [3, 0, 7]
tracking: none
"""

SEEDS = st.lists(st.integers(0, 99), unique=True, min_size=2, max_size=6)


@given(seeds=SEEDS)
def test_a_seed_replays_another_and_more_seeds_change_none(seeds: list[int]) -> None:
    found = {seed: replayed_seed(seed, seeds) for seed in seeds}
    assert all(seed != other and other in seeds for seed, other in found.items())
    assert {seed: replayed_seed(seed, [*seeds, 100]) for seed in seeds} == found


def by_name(read: Read, store: Store, *assignments: str) -> dict[tuple[str, int], PlannedTrial]:
    """The plan's trials in its order, of the cells at rho 0.4."""
    plan = make_plan(read(SWEEP, *assignments), store, fingerprint_of=lambda data: "made up")
    ids = [planned.id for planned in plan.trials]
    for planned in plan.trials:
        assert planned.id == planned.trial.id
        assert all(ids.index(parent) < ids.index(planned.id) for parent in planned.parents)
    return {
        (it.method, it.trial.seed): it for it in plan.trials if it.settings["rho"] in {None, 0.4}
    }


def test_each_trial_replays_the_seed_before_it(read: Read, store: Store) -> None:
    trials = by_name(read, store)
    for seed, other in ((3, 0), (0, 3), (7, 0)):
        planned = trials["replay", seed]
        assert planned.parents == (trials["pareto", other].id,)
        assert planned.waits_for == planned.parents
        assert planned.todo == (
            f"waits for {planned.parents[0]}, then 15 epochs under the schedule of "
            f"{planned.parents[0]}, evaluation"
        )
    names = list(trials)
    assert names.index(("replay", 3)) == names.index(("pareto", 0)) + 1, "right after its parent"
    more = by_name(read, store, "seeds=[3, 0, 7, 1]")
    assert {key: it.id for key, it in more.items() if key in trials} == {
        key: it.id for key, it in trials.items()
    }
