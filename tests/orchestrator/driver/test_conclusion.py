"""What a start leaves at its end, whatever of its trials is done."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.driver.conclusion import conclude
from orchestrator.plan.manifest import read_manifest
from orchestrator.plan.plan import make_plan
from orchestrator.results.reevaluation import plan_start, reevaluated
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store import Store
from orchestrator.store.records.layout import TrialFolder
from orchestrator.store.sweeps.ledger import reads_by_sweep
from orchestrator.store.trials.result import published
from tests.orchestrator.conftest import Finish, Read
from tests.orchestrator.driver.test_tracked_trials import SPEC, Recorder
from trainer.config import Trial

pytestmark = pytest.mark.slow  # figures are drawn


class Full(Recorder):
    """Does not take everything."""

    def close(self) -> bool:
        return False


@pytest.fixture
def spec(read: Read) -> SweepSpec:
    """Three trials: `standard` and two of `pareto`."""
    return read(SPEC, "retention.weights=front")


def do(spec: SweepSpec, store: Store, finish: Finish, *, count: int = 3) -> list[Trial]:
    """Finish the first trials, of which the second is dominated by all others."""
    trials = [planned.trial for planned in make_plan(spec, store).trials]
    bits = [([1, 1], [[0, 0]]), ([0, 0], [[0, 0]]), ([1, 0], [[1, 0]])]
    for trial, (natural, robust) in zip(trials[:count], bits, strict=False):
        finish(trial, spec.suite, natural, {"pgd": robust})
    return trials


def have_weights(store: Store, trials: list[Trial]) -> list[bool]:
    return [published(store.files, TrialFolder.of(trial.id)) is not None for trial in trials]


def test_results_are_written_tracked_and_only_wanted_weights_stay(
    spec: SweepSpec, store: Store, finish: Finish
) -> None:
    trials = do(spec, store, finish)
    tracker = Recorder()
    plan = make_plan(spec, store)
    results, is_tracked = conclude(spec, plan, store, tracker, start="sweeps/sweep/starts/000001")
    assert is_tracked
    assert set(results.front.points["trial_id"]) == {trials[0].id, trials[2].id}
    names = {path.name for path in results.staged}
    assert {"trials.csv", "validation.csv", "front.csv", "front.json"} <= names
    for name in names:
        assert store.files.read(f"{spec.folder}/{name}"), name
    assert not any(path.exists() for path in results.staged), "the staging folder is gone"
    front = json.loads(store.files.read(f"{spec.folder}/front.json") or b"")
    assert front["hypervolume"] == pytest.approx(results.front.hypervolume)
    assert front["selection"]["by"] == "validation"
    assert front["splits"] == ["test"]
    assert results.comparison.contrasts.chosen_on == "validation", "the best other method"
    assert len(reads_by_sweep(store.files, spec.name)) == 1
    assert set(read_manifest(store.files, spec).settled) == {trial.id for trial in trials}
    assert [each.id for each in tracker.trials] == [trial.id for trial in trials]
    ((metrics, _),) = tracker.fronts
    assert metrics == {"hypervolume": results.front.hypervolume, "front_size": 2.0}
    assert have_weights(store, trials) == [True, False, True]


def test_half_done_sweep_keeps_all_weights_and_says_if_the_tracker_lacks_some(
    spec: SweepSpec, store: Store, finish: Finish
) -> None:
    trials = do(spec, store, finish, count=2)
    tracker = Full()
    results, is_tracked = conclude(spec, make_plan(spec, store), store, tracker, start="")
    assert not is_tracked
    ((metrics, _),) = tracker.fronts
    assert metrics.keys() == {"validation_hypervolume", "validation_front_size"}
    assert set(results.front.measured["split"]) == {"validation"}
    assert not reads_by_sweep(store.files, spec.name), "test numbers wait"
    assert have_weights(store, trials) == [True, True, False]


def test_under_another_suite_all_lies_beside_and_no_weights_are_dropped(
    spec: SweepSpec, store: Store, finish: Finish, tmp_path: Path
) -> None:
    trials = do(spec, store, finish)
    (tmp_path / "weak.yaml").write_text("{pgd: {epsilon: 0.1, ladder: [1]}, flow: null, rt: null}")
    other = reevaluated(spec, "weak.yaml", only_front=False)
    results, _ = conclude(other, plan_start(other, store), store, Recorder(), start="")
    assert len(results.front.points) == 0, "nothing is evaluated under it"
    assert results.comparison.contrasts.chosen_on == "validation", "under the sweep's own suite"
    assert store.files.read(f"{other.folder}/trials.csv")
    assert store.files.read(f"{spec.folder}/trials.csv") is None
    assert have_weights(store, trials) == [True] * 3
