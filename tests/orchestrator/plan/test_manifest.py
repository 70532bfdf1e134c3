"""What those know of a sweep who do not look: as much as a start found, and nothing damaged."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from orchestrator.plan.manifest import Manifest, read_manifest, write_manifest
from orchestrator.plan.plan import Plan, make_plan, refreshed
from orchestrator.results.trials_table import trials_table
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store import LocalFiles, Progress, Store
from tests.orchestrator.conftest import Finish, Read
from trainer.data import DataSettings, fingerprint
from trainer.input.problems import BadInput

SWEEP = """\
data: digits
training: {epochs: 4}
methods: {pareto: {vary: {rho: [0.2, 0.4]}}}
evaluation: {pgd: {ladder: [1, 2]}, flow: null, rt: null}
seeds: [0, 1]
"""
MNIST = """\
data: {name: mnist, root: images}
methods: {pgd: {vary: {pgd.epsilon: [0.1, 0.2]}}}
"""
NATURAL, ROBUST = [1, 1, 0, 1], {"pgd": [[1, 1, 0, 0], [1, 0, 0, 0]]}
IDX = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")


class Counting(LocalFiles):
    """Real files, and how often each verb was used on trials."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.asked: list[tuple[str, str]] = []

    def read(self, name: str) -> bytes | None:
        self.asked.append(("read", name))
        return super().read(name)

    def names(self, folder: str) -> list[str]:
        self.asked.append(("names", folder))
        return super().names(folder)

    def sizes(self, folder: str) -> dict[str, int]:
        self.asked.append(("sizes", folder))
        return super().sizes(folder)


def images(folder: Path, content: bytes = b"pixels") -> Path:
    """Files that are there as MNIST's are; a fingerprint looks no deeper."""
    raw = folder / "images" / "MNIST" / "raw"
    raw.mkdir(parents=True, exist_ok=True)
    for name in IDX:
        (raw / f"{name}-ubyte").write_bytes(content)
    return raw


def remove(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


def known_plan(spec: SweepSpec, store: Store) -> Plan:
    known = read_manifest(store.files, spec)
    return make_plan(spec, store, fingerprint_of=known.fingerprint, settled=known.settled)


def ids(plan: Plan) -> list[str]:
    return [planned.id for planned in plan.trials]


def finished(read: Read, finish: Finish, store: Store) -> tuple[SweepSpec, Plan]:
    """A sweep of which all but the last trial are done."""
    spec = read(SWEEP)
    for planned in make_plan(spec, store).trials[:-1]:
        finish(planned.trial, spec.suite, NATURAL, ROBUST)
    plan = make_plan(spec, store)
    write_manifest(store.files, spec.folder, plan)
    return spec, plan


def test_table_from_the_manifest_is_the_stores(read: Read, finish: Finish, store: Store) -> None:
    spec, plan = finished(read, finish, store)
    known = known_plan(spec, store)
    assert known.counts() == {"done": 5, "pending": 1}
    for images in ("suite", "picking"):
        tables = (trials_table(spec, each, images) for each in (known, plan))
        pd.testing.assert_frame_equal(*tables)


def test_trials_that_are_done_are_not_looked_at(
    read: Read, finish: Finish, store: Store, tmp_path: Path
) -> None:
    spec, _ = finished(read, finish, store)
    files = Counting(tmp_path / "runs")
    known_plan(spec, Store(files))
    assert ("names", "trials") in files.asked
    assert not [name for _, name in files.asked if name.startswith("trials/")]


def test_start_looks_at_all(read: Read, finish: Finish, store: Store, tmp_path: Path) -> None:
    """The damage of a trial that the manifest says is done is found."""
    spec, plan = finished(read, finish, store)
    result = tmp_path / "runs" / "trials" / plan.trials[0].id / "result.json"
    result.write_bytes(result.read_bytes()[:-9])
    assert make_plan(spec, store).trials[0].status != "done"
    assert known_plan(spec, store).trials[0].status == "done"


def test_thousand_pending_trials_take_one_look(read: Read, tmp_path: Path) -> None:
    spec = read(SWEEP.replace("[0, 1]", str(list(range(334)))))
    files = Counting(tmp_path / "runs")
    plan = make_plan(spec, Store(files))
    assert plan.counts() == {"pending": 1002}
    assert [verb for verb, name in files.asked if name.startswith("trials")] == ["names"]


@pytest.mark.slow
def test_thousand_done_trials_come_back_as_they_were(
    read: Read, finish: Finish, store: Store
) -> None:
    spec = read(SWEEP.replace("[0, 1]", str(list(range(334)))))
    fresh = make_plan(spec, store)
    finish(fresh.trials[0].trial, spec.suite, NATURAL, ROBUST)
    like = refreshed(fresh, store, spec).trials[0].progress
    done = tuple(replace(planned, progress=like) for planned in fresh.trials)
    write_manifest(store.files, spec.folder, replace(fresh, trials=done))
    plan = known_plan(spec, store)
    assert ids(plan) == ids(fresh)
    assert plan.counts() == {"done": 1002}
    assert {planned.progress.epochs_done for planned in plan.trials} == {4}


def test_edited_sweep_has_its_new_trials_pending(read: Read, finish: Finish, store: Store) -> None:
    finished(read, finish, store)
    edited = read(SWEEP.replace("[0.2, 0.4]", "[0.2, 0.3, 0.4]"))
    plan = known_plan(edited, store)
    assert plan.counts() == {"done": 5, "pending": 3}
    assert ids(plan) == ids(make_plan(edited, store))


def test_other_suite_makes_nothing_settled(read: Read, finish: Finish, store: Store) -> None:
    finished(read, finish, store)
    stronger = read(SWEEP, "evaluation.pgd.ladder=[1, 2, 50]")
    known = read_manifest(store.files, stronger)
    assert known.settled == {}
    assert known.fingerprints
    assert known_plan(stronger, store).counts() == {"stopped": 5, "pending": 1}


@pytest.mark.parametrize("damage", [lambda data: data[:-30], lambda _: b"", lambda d: d[::-1]])
def test_damaged_manifest_is_as_good_as_none(
    read: Read, finish: Finish, store: Store, tmp_path: Path, damage: Any
) -> None:
    spec, plan = finished(read, finish, store)
    path = tmp_path / "runs" / "sweeps" / "sweep" / "plan.json"
    path.write_bytes(damage(path.read_bytes()))
    assert read_manifest(store.files, spec) == Manifest()
    assert known_plan(spec, store).counts() == plan.counts()


def test_of_two_writers_one_wins_whole(read: Read, finish: Finish, store: Store) -> None:
    spec, plan = finished(read, finish, store)
    fewer = replace(plan, trials=plan.trials[:2])

    def write(its: Plan) -> None:
        for _ in range(20):
            write_manifest(store.files, spec.folder, its)

    writers = [threading.Thread(target=write, args=(each,)) for each in (plan, fewer)]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        assert len(read_manifest(store.files, spec).settled) in {2, 5}
    assert store.files.read("sweeps/sweep/plan.json.damaged") is None


def test_trials_are_named_where_the_data_are_not(read: Read, store: Store, tmp_path: Path) -> None:
    raw = images(tmp_path)
    spec = read(MNIST)
    wanted = ids(make_plan(spec, store))
    edited_wanted = ids(make_plan(read(MNIST.replace("0.2]", "0.3]")), store))
    write_manifest(store.files, spec.folder, make_plan(spec, store))
    remove(raw)
    with pytest.raises(BadInput, match="needs what is missing"):
        make_plan(spec, store)
    assert ids(known_plan(spec, store)) == wanted
    assert ids(known_plan(read(MNIST.replace("0.2]", "0.3]")), store)) == edited_wanted


def test_folder_of_the_data_does_not_matter(read: Read, store: Store, tmp_path: Path) -> None:
    images(tmp_path)
    write_manifest(store.files, read(MNIST).folder, make_plan(read(MNIST), store))
    elsewhere = read(MNIST, "data.root=elsewhere")
    assert ids(known_plan(elsewhere, store)) == ids(make_plan(read(MNIST), store))


def test_nothing_is_downloaded_to_say_what_is_known(
    read: Read, store: Store, tmp_path: Path
) -> None:
    images(tmp_path)
    spec = read(MNIST)
    write_manifest(store.files, spec.folder, make_plan(spec, store))
    known = read_manifest(store.files, spec)
    settings = spec.cells[0].trial.data
    away: DataSettings = settings.model_copy(
        update={"root": str(tmp_path / "away"), "download": True}
    )
    assert known.fingerprint(away) == fingerprint(settings)
    with pytest.raises(ValueError, match="needs what is missing"):
        Manifest().fingerprint(away)
    assert not (tmp_path / "away").exists()


def test_progress_of_a_settled_trial_is_what_a_table_needs(
    read: Read, finish: Finish, store: Store
) -> None:
    spec, plan = finished(read, finish, store)
    first = plan.trials[0]
    settled: Progress = read_manifest(store.files, spec).settled[first.id]
    assert settled.result == first.progress.result
    assert settled.evaluation == first.progress.evaluation
    assert settled.failure is None
    assert not settled.is_held
