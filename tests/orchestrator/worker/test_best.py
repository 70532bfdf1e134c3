"""The best weights of trials on real digits: kept beside the last ones, evaluated once, found again
by training where nobody watched for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from orchestrator.spec.policy import Policy
from orchestrator.store import Attempt, LocalFiles, Store
from orchestrator.store.housekeeping.collection import survey
from orchestrator.store.housekeeping.damage import FaultKind
from orchestrator.store.housekeeping.verification import contents, verify
from orchestrator.store.records.layout import TrialFolder
from orchestrator.store.records.version import enter
from orchestrator.store.trials.result import give_up_weights
from orchestrator.worker.parents import start_of
from orchestrator.worker.trial import Ending
from tests.orchestrator.working import MakeTrial, mission, on_digits, result_of, run, small_suite
from trainer.config import Start, Trial
from trainer.evaluation.suite import Suite
from trainer.training.loop import EpochRow
from trainer.weights.checkpoint import Weights

pytestmark = pytest.mark.slow

BEST = mission(Policy.model_validate({"lease": 600.0, "weights": "best"}))


@pytest.fixture(scope="module")
def suite() -> Suite:
    return small_suite(examples=24)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return entered(tmp_path / "runs")


def entered(folder: Path) -> Store:
    files = LocalFiles(folder)
    enter(files)
    return Store(files)


@pytest.fixture
def trial(small_trial: MakeTrial) -> Trial:
    """Its best epoch is not its last one."""
    optimiser = {"learning_rate": 0.03}
    return on_digits(small_trial, seed=1, training={"ema": 0.95, "optimiser": optimiser})


def files_of(store: Store) -> dict[str, bytes | None]:
    files = store.files
    return {name: files.read(name) for name in contents(files)}


def written(store: Store, before: dict[str, bytes | None]) -> list[str]:
    """Files of other content than before, without what each attempt says of itself."""
    own = ("lease.json", "beat.json", "ended.json")
    after = files_of(store)
    return [name for name in after if after[name] != before.get(name) and not name.endswith(own)]


def best_of(trial: Trial, store: Store) -> Weights:
    weights = store.trial(trial.id).weights(best=trial.validation_id)
    assert weights is not None
    return weights


def bits(weights: Weights) -> dict[str, bytes]:
    return {name: tensor.numpy().tobytes() for name, tensor in weights.model.items()}


def everything(trial: Trial, suite: Suite, store: Store) -> dict[str, Any]:
    stored, key = store.trial(trial.id), trial.validation_id
    outcomes = stored.outcomes(suite.id, best=key)
    assert outcomes is not None
    best = best_of(trial, store)
    found = {"best": bits(best), "epoch": best.best, "natural": outcomes.natural.tobytes()}
    return result_of(trial, suite, store) | found


def test_both_states_are_kept_and_evaluated_on_both_splits_once(
    trial: Trial, suite: Suite, store: Store
) -> None:
    assert run(trial, suite, store, BEST) == (Ending.DONE, [1, 2, 3])
    stored, key = store.trial(trial.id), trial.validation_id
    best, last = best_of(trial, store), stored.weights()
    assert best.best is not None
    assert last is not None
    assert best.best.epoch < 3
    assert bits(best) != bits(last)
    progress = stored.progress(suite.id, suite.on("validation").id, best=key)
    assert progress.is_evaluated
    assert progress.best is not None
    assert progress.best.result is not None
    assert progress.best.result.best_epoch == best.best.epoch
    assert progress.best.result.best_score == best.best.score
    for its, own in (
        (progress.best.evaluation, progress.evaluation),
        (progress.best.validation, progress.validation),
    ):
        assert its is not None
        assert own is not None
        assert its.accuracies != own.accuracies
        assert its.suite == own.suite
    row = stored.rows()[best.best.epoch - 1]
    worst = [v for name, v in row.items() if name.startswith("validation/robust_accuracy_")]
    assert sum(worst) / len(worst) == best.best.score
    before = files_of(store)
    assert run(trial, suite, store, BEST) == (Ending.DONE, [])
    assert written(store, before) == []
    assert list(verify(store.files, contents(store.files), dry_run=True, on_read=str)) == []
    kinds = {item.kind for item in survey(store.files, unreferenced=False).garbage}
    assert kinds <= {"beat", "checkpoint"}


def test_a_killed_trial_goes_on_to_the_same_best_weights(
    trial: Trial, suite: Suite, store: Store, tmp_path: Path
) -> None:
    """Right after its best epoch, and before it."""
    run(trial, suite, store, BEST)
    best = best_of(trial, store).best
    assert best is not None
    for after in {1, best.epoch}:
        broken = entered(tmp_path / f"broken after {after}")

        def be_killed(row: EpochRow, after: int = after) -> None:
            if row["epoch"] == after:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run(trial, suite, broken, BEST, report=be_killed)
        torch.manual_seed(3)
        assert run(trial, suite, broken, BEST) == (Ending.DONE, [*range(after + 1, 4)])
        assert everything(trial, suite, broken) == everything(trial, suite, store)


def test_a_trial_whose_epochs_nobody_watched_is_trained_again_for_its_best_weights_alone(
    trial: Trial, suite: Suite, store: Store, tmp_path: Path
) -> None:
    """The last epoch's are the same, and not written twice; nor is their evaluation."""
    run(trial, suite, store)
    before = files_of(store)
    stored, key = store.trial(trial.id), trial.validation_id
    assert stored.progress(suite.id, best=key).lacks_best
    assert run(trial, suite, store, BEST) == (Ending.DONE, [1, 2, 3])
    new = written(store, before)
    assert all("/attempts/000002/" in name or f"/best/{key}/" in name for name in new)
    assert not [name for name in new if name.endswith("000002/weights.pt")]
    assert not [name for name in new if "/000002/outcomes/" in name]
    whole = entered(tmp_path / "whole")
    run(trial, suite, whole, BEST)
    assert everything(trial, suite, whole) == everything(trial, suite, store)


def test_under_other_settings_of_validation_there_are_other_best_weights(
    trial: Trial, suite: Suite, store: Store
) -> None:
    run(trial, suite, store, BEST)
    every = trial.validation.model_copy(update={"every": 2})
    other = trial.model_copy(update={"validation": every})
    assert other.validation_id != trial.validation_id
    assert other.id == trial.id
    run(other, suite, store, BEST)
    best = best_of(other, store).best
    assert best is not None
    assert best.epoch in {2, 3}
    stored = store.trial(trial.id)
    assert stored.weights(best=trial.validation_id) is not None
    result = stored.progress("").result
    assert result is not None
    assert result.attempt == 1, "the last weights are the same, and not published again"
    assert measured(stored.rows()) == measured(stored.rows(trial.validation_id)) == [1, 2, 3]
    assert measured(stored.rows(other.validation_id)) == [2, 3], "of the attempt that watched"
    assert measured(stored.rows("v0000000000000000")) == []


def measured(rows: list[EpochRow]) -> list[int]:
    """Epochs after which anything was measured in validation."""
    return [int(row["epoch"]) for row in rows if "validation/natural_accuracy" in row]


def test_best_weights_that_are_damaged_are_found_named_and_made_again(
    trial: Trial, suite: Suite, store: Store
) -> None:
    """Their record alone is made again from whole weights; the last epoch's are left alone."""
    run(trial, suite, store, BEST)
    whole = everything(trial, suite, store)
    key, files = trial.validation_id, store.files
    place = TrialFolder.of(trial.id, key)
    files.remove(place.result)
    assert run(trial, suite, store, BEST) == (Ending.DONE, [])
    assert everything(trial, suite, store) == whole

    def damaged() -> list[str]:
        found = [name for name in contents(files) if name.endswith(f"best/{key}/weights.pt")]
        for name in found:
            files.write(name, b"damaged")
        findings = list(verify(files, contents(files), dry_run=False, on_read=str))
        assert {it.kind for it in findings if it.is_damage} == {FaultKind.TRUNCATED}
        assert store.trial(trial.id).weights() is not None
        assert store.trial(trial.id).progress(suite.id, best=key).lacks_best
        return found

    assert len(damaged()) == 2
    assert run(trial, suite, store, BEST) == (Ending.DONE, []), "the last checkpoint has the state"
    assert everything(trial, suite, store) == whole
    assert len(damaged()) == 1
    for name in contents(files):
        if "/checkpoints/" in name:
            files.remove(name)
    assert run(trial, suite, store, BEST) == (Ending.DONE, [1, 2, 3])
    assert everything(trial, suite, store) == whole


def test_best_weights_are_given_up_with_the_last_ones(
    trial: Trial, suite: Suite, store: Store
) -> None:
    run(trial, suite, store, BEST)
    files, key = store.files, trial.validation_id
    assert give_up_weights(files, TrialFolder.of(trial.id))
    assert not [name for name in contents(files) if name.endswith((".pt", ".pt.sha256"))]
    stored = store.trial(trial.id)
    assert not stored.has_weights(best=key)
    assert stored.progress(suite.id, suite.on("validation").id, best=key).is_evaluated
    assert give_up_weights(files, TrialFolder.of(trial.id))
    assert list(verify(files, contents(files), dry_run=True, on_read=str)) == []


def test_what_is_killed_between_the_two_files_is_completed_without_training(
    trial: Trial, suite: Suite, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = entered(tmp_path / "broken")

    def be_killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Attempt, "publish", be_killed)
        run(trial, suite, broken, BEST)
    assert broken.trial(trial.id).has_weights(best=trial.validation_id)
    assert not broken.trial(trial.id).has_weights()
    assert run(trial, suite, broken, BEST) == (Ending.DONE, [])
    run(trial, suite, store, BEST)
    assert everything(trial, suite, broken) == everything(trial, suite, store)


@pytest.mark.parametrize(("epochs", "trained"), [(2, [3, 4]), (3, [1, 2, 3, 4])])
def test_a_longer_trial_goes_on_from_a_shorter_one_that_looked_at_the_same_epochs(
    small_trial: MakeTrial, suite: Suite, store: Store, epochs: int, trained: list[int]
) -> None:
    """Validation is after every second epoch, and after a trial's last one: what the shorter one
    saw after its third is not what the longer one would."""

    def of(epochs: int) -> Trial:
        training = {"epochs": epochs, "optimiser": {"learning_rate": 0.03}}
        return on_digits(small_trial, seed=1, training=training, validation={"every": 2})

    shorter, longer = of(epochs), of(4)
    run(shorter, suite, store, BEST)
    assert run(longer, suite, store, BEST) == (Ending.DONE, trained)
    whole = entered(Path(store.files.url).with_name("whole"))
    run(longer, suite, whole, BEST)
    ours, theirs = (everything(longer, suite, it) for it in (store, whole))
    for found in (ours, theirs):
        del found["rows"]
    assert ours == theirs


def test_a_trial_that_starts_from_another_takes_its_last_weights(
    trial: Trial, small_trial: MakeTrial, suite: Suite, store: Store
) -> None:
    run(trial, suite, store, BEST)
    child = on_digits(small_trial, "pgd", training={"epochs": 1}).model_copy(
        update={"start": Start(trial=trial.id)}
    )
    start = start_of(child, store)
    last = store.trial(trial.id).weights()
    assert start is not None
    assert last is not None
    assert bits(start) == bits(last) != bits(best_of(trial, store))
