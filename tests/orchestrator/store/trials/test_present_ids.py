"""Trials of a store of before, under the ids that they have now, wherever they lie."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from orchestrator.store import LocalFiles, Store, StoredTrial
from orchestrator.store.files.contract import Files
from orchestrator.store.housekeeping.inventory import inventory
from orchestrator.store.housekeeping.verification import contents, verify
from orchestrator.store.leases.records import About
from orchestrator.store.records import version
from orchestrator.store.records.layout import EARLIER, TRIALS, TrialFolder
from orchestrator.store.records.read_only import ReadOnly
from orchestrator.store.records.version import VERSION, enter, version_of
from orchestrator.store.trials.present_ids import ChangedError
from orchestrator.store.trials.records import Trained
from trainer.config import Start, Trial
from trainer.weights.checkpoint import Checkpoint, Weights

MakeTrial = Callable[..., Trial]

OTHERWISE = {"every": 2, "examples": 7}
"""Other settings of validation."""


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalFiles:
    """A store of the version before."""
    files = LocalFiles(tmp_path / "runs")
    with monkeypatch.context() as before:
        before.setattr(version, "VERSION", 2)
        enter(files)
    return files


def put(files: Files, trial: Trial, *, epochs: int = 0, is_trained: bool = False) -> str:
    """Put a trial into a store under the id that it had before, and return that."""
    stored = StoredTrial(files, trial.earlier_id, files)
    stored.describe(trial)
    attempt = stored.begin(trial, 1, lasts=60.0, about=About())
    assert attempt is not None
    for epoch in range(1, epochs + 1):
        attempt.keep_row({"epoch": epoch, "seconds": 1.0})
        attempt.keep_checkpoint(
            Checkpoint(
                epochs_done=epoch,
                steps_done=0,
                model={"w": torch.zeros(2)},
                optimiser={},
                weighting={},
                epoch={},
                passes={},
            )
        )
    if is_trained:
        weights = Weights(trial=trial.record(), model={"w": torch.zeros(2)})
        trained = Trained(epochs=1, seconds=1.0, parents=trial.parents or None)
        attempt.publish(weights, trained, keeps_last=False)
    attempt.end("done" if is_trained else "stopped")
    return stored.id


def started_from(parent: str, trial: Trial) -> Trial:
    return trial.model_copy(update={"start": Start(trial=parent)})


def by_path(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def test_a_trial_of_before_is_read_and_written_where_it_lies(
    files: LocalFiles, small_trial: MakeTrial
) -> None:
    parent = small_trial(training={"epochs": 1})
    earlier = put(files, parent, epochs=1, is_trained=True)
    of_child = put(files, started_from(earlier, parent), epochs=1)
    child = started_from(parent.id, parent)
    before = by_path(files.root)

    store = Store(ReadOnly(files))
    assert store.ids.present(earlier) == parent.id
    assert store.ids.present(of_child) == child.id, "with its parent's id of now in its own"
    assert store.ids.folder(child.id) == of_child
    assert store.ids.validation_before(child.id) == parent.validation_id
    assert store.trial(parent.id).progress("").trained
    assert store.trial(earlier).id == parent.id
    assert sorted(store.files.names(TRIALS)) == sorted([parent.id, child.id])
    assert {it.id for it in inventory(store.files, sweep=None)} == {parent.id, child.id}
    assert not list(verify(store.files, contents(store.files), dry_run=True, on_read=len))
    about = json.loads(store.files.read(TrialFolder.of(child.id).description) or b"")
    assert about["record"]["trial"]["start"] == {"trial": parent.id}
    assert by_path(files.root) == before, "nothing was written"

    Store(files).ids.keep()
    assert version_of(files) == VERSION
    attempt = Store(files).trial(child.id).begin(child, 2, lasts=60.0, about=About())
    assert attempt is not None
    attempt.keep_row({"epoch": 2, "seconds": 1.0})
    assert files.names(f"{TRIALS}/{of_child}/attempts") == ["000001", "000002"]
    assert sorted(files.names(TRIALS)) == sorted([earlier, of_child])
    assert [row["epoch"] for row in Store(files).trial(child.id).rows()] == [1]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0)])
def test_of_several_that_are_one_now_the_furthest_is_used(
    files: LocalFiles, small_trial: MakeTrial, order: Sequence[int]
) -> None:
    same = [small_trial(validation={"examples": 5 + count}) for count in range(3)]
    how: list[dict[str, Any]] = [{"epochs": 2}, {"epochs": 1, "is_trained": True}, {"epochs": 3}]
    earlier = {at: put(files, same[at], **how[at]) for at in order}
    ids = Store(files).ids
    assert {ids.present(each) for each in earlier.values()} == {same[0].id}
    assert ids.folder(same[0].id) == earlier[1], "which is trained"
    assert ids.validation_before(same[0].id) == same[1].validation_id
    ids.keep()
    kept = Store(files)
    assert kept.ids.folder(same[0].id) == earlier[1]
    assert set(kept.files.names(TRIALS)) == {same[0].id, earlier[0], earlier[2]}, "none is lost"
    assert kept.trial(earlier[2]).progress("").trained


def test_to_keep_ids_is_broken_off_and_done_again(
    files: LocalFiles, small_trial: MakeTrial, monkeypatch: pytest.MonkeyPatch
) -> None:
    trials = [small_trial(seed=seed) for seed in range(3)]
    earlier = [put(files, trial) for trial in trials]
    create, left = LocalFiles.create, [2]

    def killed(self: LocalFiles, name: str, data: bytes) -> bool:
        if name.startswith(EARLIER) and not left.pop():
            raise KeyboardInterrupt
        left.append(0)
        return create(self, name, data)

    with monkeypatch.context() as kill:
        kill.setattr(LocalFiles, "create", killed)
        with pytest.raises(KeyboardInterrupt):
            Store(files).ids.keep()
    assert version_of(files) == 2
    for _ in range(2):
        Store(files).ids.keep()
        assert len(files.names(EARLIER)) == 3
        assert [Store(files).ids.present(each) for each in earlier] == [it.id for it in trials]


def test_who_works_on_it_meanwhile_is_not_passed_over(
    files: LocalFiles, small_trial: MakeTrial
) -> None:
    put(files, small_trial())
    ids = Store(files).ids
    assert ids.any()
    put(files, small_trial(seed=5))  # by the version before
    with pytest.raises(ChangedError, match="give the same command again"):
        ids.keep()
    assert version_of(files) == 2


def test_code_that_a_store_names_is_not_imported_for_its_ids(
    files: LocalFiles, small_trial: MakeTrial, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is known which trial it is once the user's own sweep file has had it imported."""
    (tmp_path / "grey_of_mine.py").write_text(
        "from trainer.attacks import Attack\n\n\nclass Grey(Attack):\n    version = 2\n\n"
        "    def search(self, model, images, labels, keys):\n        return images\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    grey = {"attacks": {"grey": {"attack": "grey_of_mine:Grey"}}}
    own = {"method": {"method": "adversarial", "attack": "grey"}, "training": grey}
    trial = small_trial(**own)
    earlier, trial_id = put(files, trial, epochs=1), trial.id
    del sys.modules["grey_of_mine"]
    Store(files).ids.keep()
    assert "grey_of_mine" not in sys.modules
    assert files.names(EARLIER) == [f"unknown-{earlier}"]
    assert Store(files).ids.present(earlier) == earlier
    small_trial(**own)
    for _ in range(2):
        assert Store(files).ids.present(earlier) == trial_id
        Store(files).ids.keep()
        assert files.names(EARLIER) == [f"{trial_id}-{earlier}-{trial.validation_id}"]
    del sys.modules["grey_of_mine"]


def test_a_trial_that_is_there_under_its_id_now_is_not_hidden(
    files: LocalFiles, small_trial: MakeTrial
) -> None:
    trial = small_trial()
    earlier = put(files, trial, is_trained=True)
    files.write(f"{TRIALS}/{trial.id}/trial.json", b"{}")
    Store(files).ids.keep()
    assert Store(files).ids.folder(trial.id) == trial.id
    assert sorted(Store(files).files.names(TRIALS)) == sorted([trial.id, earlier])
