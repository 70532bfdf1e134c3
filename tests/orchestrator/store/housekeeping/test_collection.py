"""Collection removes what nothing asks for, and nothing that anybody could tell the lack of."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.plan.manifest import write_manifest
from orchestrator.plan.plan import make_plan
from orchestrator.store import Attempt, LocalFiles, Store
from orchestrator.store.housekeeping.collection import UncertainError, remove, survey
from orchestrator.store.housekeeping.garbage import Garbage, GarbageKind
from orchestrator.store.housekeeping.membership import members, sweeps_by_trial
from orchestrator.store.leases.lease import create
from orchestrator.store.leases.records import About
from orchestrator.store.records.read_only import ReadOnly
from orchestrator.store.records.sealed import write_blob
from orchestrator.store.records.version import enter
from orchestrator.store.sweeps import orders
from orchestrator.store.sweeps.starts import begun as begun_sweep
from orchestrator.store.trials.records import Evaluated, Trained
from tests.orchestrator.finished import do_sweep, read_sweep
from tests.orchestrator.plain import read_plain, write_plain
from tests.orchestrator.working import contents
from trainer.config import Trial
from trainer.evaluation.outcomes import Outcomes
from trainer.weights.checkpoint import Checkpoint, Weights

MakeTrial = Callable[..., Trial]

SUITES = ("e1", "e2")
FALLING = {"schedule": [[0, 1], [0.5, 0.1]]}
"""Of the learning rate, so that no longer trial can go on from a shorter one."""


def collect(files: LocalFiles, *, unreferenced: bool = False) -> list[Garbage]:
    return list(remove(files, survey(files, unreferenced=unreferenced).garbage))


def by_kind(garbage: list[Garbage]) -> dict[GarbageKind, set[str]]:
    """The last part of the names of each kind."""
    return {
        kind: {Path(item.name).name for item in garbage if item.kind is kind}
        for kind in {item.kind for item in garbage}
    }


# --- attempts as they may be left, without training


def begun(store: Store, trial: Trial, number: int) -> Attempt:
    stored = store.trial(trial.id)
    stored.describe(trial)
    attempt = stored.begin(trial, number, lasts=600.0, about=About(start="sweeps/s/starts/000001"))
    assert attempt is not None
    return attempt


def checkpoint(epochs_done: int, value: float) -> Checkpoint:
    weight = {"weight": torch.tensor([value])}
    return Checkpoint(
        epochs_done=epochs_done, steps_done=0, model=weight, optimiser={}, weighting={}, epoch={}
    )


def outcomes(value: int) -> Outcomes:
    bits = np.array([bool(value >> n & 1) for n in range(4)])
    return Outcomes(natural=bits, robust={"pgd": bits[None]}, ladders={"pgd": (1,)})


def kill(files: LocalFiles, attempt: Attempt) -> None:
    """Let it be of a process that has ended without a word."""
    name = f"{attempt.folder}/lease.json"
    record = read_plain(files, name)
    assert record is not None
    write_plain(files, name, {**record, "owner": {**record["owner"], "started": "never"}})


def act(store: Store, trial: Trial, number: int, plan: dict[str, Any]) -> None:
    """One attempt: epochs, then perhaps weights, perhaps bits, then an end of some kind."""
    files = store.files.under
    assert isinstance(files, LocalFiles)
    attempt = begun(store, trial, number)
    with attempt.kept(lambda: None):
        for epoch in range(plan["from"] + 1, min(plan["to"], trial.training.epochs) + 1):
            attempt.keep_row({"epoch": epoch, "seconds": float(number)})
            attempt.keep_checkpoint(checkpoint(epoch, number))
    if plan["weights"] == "published":
        weights = Weights(trial={}, model={"weight": torch.tensor([float(number)])})
        attempt.publish(
            weights,
            Trained(epochs=trial.training.epochs, seconds=1.5),
            keeps_last=plan["keeps_last"],
        )
    elif plan["weights"] == "unpublished":
        write_blob(files, f"{attempt.folder}/weights.pt", b"of one who was killed")
    for suite in plan["suites"]:
        attempt.keep_outcomes(suite, outcomes(number), Evaluated(seconds=0.5))
    if plan["left"]:
        files.write(f"{attempt.folder}/outcomes/e3.npz.sha256", b"of bits that never came")
    if plan["damages"]:
        names = [it for it in files.sizes(attempt.folder) if it.endswith((".pt", ".npz"))]
        for name in names[: plan["damages"]]:
            files.write(name, b"damaged")
    if plan["end"] == "killed":
        kill(files, attempt)
    elif plan["end"] != "alive":
        attempt.end(plan["end"])


attempts = st.fixed_dictionaries(
    {
        "from": st.integers(0, 1),
        "to": st.integers(0, 4),
        "weights": st.sampled_from(["none", "published", "unpublished"]),
        "keeps_last": st.booleans(),
        "suites": st.lists(st.sampled_from(SUITES), unique=True),
        "left": st.booleans(),
        "damages": st.sampled_from([0, 0, 0, 1, 2]),
        "end": st.sampled_from(["done", "stopped", "lost", "killed", "alive"]),
    }
)


def said(files: LocalFiles, trial: Trial) -> dict[str, Any]:
    """All that the store says of a trial, in values that can be compared."""
    stored = Store(ReadOnly(files)).trial(trial.id)
    progress = {suite: stored.progress(suite) for suite in SUITES}
    if progress["e1"].trained:  # what checkpoints it has matters to longer trials alone
        progress = {k: replace(it, epochs_done=0, steps_done=0) for k, it in progress.items()}
    weights = stored.weights()
    bits = {suite: stored.outcomes(suite) for suite in SUITES}
    return {
        "progress": progress,
        "weights": weights and weights.model["weight"].tolist(),
        "bits": {suite: it and it.natural.tolist() for suite, it in bits.items()},
        "rows": stored.rows(),
        "resume": None if progress["e1"].trained else resume_of(files, trial),
        "attempts": stored.past_attempts(),
    }


def resume_of(files: LocalFiles, trial: Trial) -> Any:
    found, origin = Store(ReadOnly(files)).trial(trial.id).resume_point(trial)
    return found and (found.position, found.model["weight"].tolist(), origin)


@pytest.mark.slow
@settings(max_examples=40)
@given(plans=st.lists(attempts, min_size=1, max_size=4), is_constant=st.booleans())
def test_nothing_that_counts_is_removed(
    small_trial: MakeTrial, plans: list[dict[str, Any]], is_constant: bool
) -> None:
    optimiser = {} if is_constant else FALLING
    shorter, longer = (
        small_trial(training={"epochs": epochs, "optimiser": optimiser}) for epochs in (3, 5)
    )
    with tempfile.TemporaryDirectory() as folder:
        files = LocalFiles(Path(folder))
        enter(files)
        for number, plan in enumerate(plans, 1):
            act(Store(files), shorter, number, plan)
        sizes, before = files.sizes(""), (said(files, shorter), resume_of(files, longer))
        removed = collect(files)
        assert (said(files, shorter), resume_of(files, longer)) == before
        assert files.sizes("") == {k: n for k, n in sizes.items() if k not in names_of(removed)}
        assert not survey(files, unreferenced=False).garbage
        kept = [name for name in files.sizes("") if name.endswith((".pt", ".npz"))]
        if before[0]["progress"]["e1"].trained and plans[-1]["end"] != "alive":
            assert sum("/weights.pt" in name for name in kept) == 1
            assert sum("/checkpoints/" in name for name in kept) <= is_constant
            assert sum(name.endswith(".npz") for name in kept) <= len(SUITES)
        if plans[-1]["end"] == "alive":
            assert removed == []


def names_of(garbage: list[Garbage]) -> set[str]:
    return {item.name for item in garbage}


# --- one by one

DONE = {
    "from": 0,
    "to": 3,
    "weights": "published",
    "keeps_last": True,
    "suites": SUITES,
    "left": False,
    "damages": 0,
    "end": "done",
}


@pytest.fixture
def files(tmp_path: Path) -> LocalFiles:
    made = LocalFiles(tmp_path / "runs")
    enter(made)
    return made


def test_what_lost_is_superseded(files: LocalFiles, small_trial: MakeTrial) -> None:
    trial, store = small_trial(), Store(files)
    act(
        store,
        trial,
        1,
        {**DONE, "to": 2, "weights": "unpublished", "suites": ["e2"], "end": "killed"},
    )
    act(store, trial, 2, {**DONE, "suites": ["e1", "e2"]})
    act(store, trial, 3, {**DONE, "to": 2, "weights": "none", "suites": []})
    garbage = collect(files)
    assert by_kind(garbage) == {
        GarbageKind.SUPERSEDED: {"weights.pt", "weights.pt.sha256", "e2.npz", "e2.npz.sha256"},
        GarbageKind.CHECKPOINT: {
            f"00000{n}-000000.pt{end}" for n in (1, 2) for end in ("", ".sha256")
        },
        GarbageKind.BEAT: {"beat.json"},
    }
    assert {item.name.split("/")[3] for item in garbage if item.kind is GarbageKind.SUPERSEDED} == {
        "000001"
    }
    left = [name.partition("attempts/")[2] for name in files.sizes("trials")]
    assert "000003/lease.json" in left
    assert "000003/ended.json" in left
    assert "000001/beat.json" in left  # of one that was killed: how long it was at it


@pytest.mark.parametrize(("optimiser", "kept"), [({}, 1), (FALLING, 0)])
def test_checkpoint_for_a_longer_trial_stays(
    files: LocalFiles, small_trial: MakeTrial, optimiser: dict[str, Any], kept: int
) -> None:
    trial = small_trial(training={"optimiser": optimiser})
    act(Store(files), trial, 1, DONE)
    for epochs in (2, 3):
        name = f"trials/{trial.id}/attempts/000001/checkpoints/00000{epochs}-000000.pt"
        write_blob(files, name, checkpoint(epochs, 1.0).to_bytes())
    collect(files)
    found = [name for name in files.sizes("trials") if name.endswith("-000000.pt")]
    assert len(found) == kept
    assert all(name.endswith("000003-000000.pt") for name in found)


def test_checkpoint_that_is_damaged_does_not_stand_for_a_good_one(
    files: LocalFiles, small_trial: MakeTrial
) -> None:
    trial, longer = small_trial(), small_trial(training={"epochs": 5})
    act(Store(files), trial, 1, DONE)
    folder = f"trials/{trial.id}/attempts/000001/checkpoints"
    write_blob(files, f"{folder}/000002-000000.pt", checkpoint(2, 1.0).to_bytes())
    files.write(f"{folder}/000003-000000.pt", b"damaged")
    before = resume_of(files, longer)
    assert before[0] == (2, 0)
    collect(files)
    assert resume_of(files, longer) == before


def test_untrained_trial_keeps_all_it_may_need(files: LocalFiles, small_trial: MakeTrial) -> None:
    plan = {**DONE, "weights": "none", "suites": [], "end": "stopped"}
    for number in (1, 2):
        act(Store(files), small_trial(), number, plan)
    assert not survey(files, unreferenced=False).garbage


@pytest.mark.parametrize("weights", ["none", "published"])
def test_trial_at_work_is_left_alone(
    files: LocalFiles, small_trial: MakeTrial, weights: str
) -> None:
    trial = small_trial()
    act(Store(files), trial, 1, {**DONE, "weights": "unpublished", "left": True})
    act(Store(files), trial, 2, {**DONE, "weights": weights, "end": "alive"})
    files.write(f"trials/{trial.id}/result.json.damaged", b"")
    found = survey(files, unreferenced=False)
    assert (found.garbage, found.left_alone) == ((), (f"trials/{trial.id}",))


def test_trial_taken_up_after_the_survey_is_left_alone(
    files: LocalFiles, small_trial: MakeTrial
) -> None:
    trial = small_trial()
    act(Store(files), trial, 1, {**DONE, "weights": "unpublished"})
    act(Store(files), trial, 2, DONE)
    garbage = survey(files, unreferenced=False).garbage
    assert garbage
    begun(Store(files), trial, 3)
    before = contents(files.root)
    assert list(remove(files, garbage)) == []
    assert contents(files.root) == before


@pytest.mark.parametrize("hours", [0.9, 1.1])
def test_writes_are_given_an_hour(files: LocalFiles, small_trial: MakeTrial, hours: float) -> None:
    trial = small_trial()
    act(Store(files), trial, 1, DONE)
    collect(files)
    path = files.root / "trials" / trial.id / ".writing-0123"
    path.write_bytes(b"12345")
    os.utime(path, (time.time(), time.time() - 3600 * hours))
    garbage = collect(files)
    assert [(item.kind, item.bytes) for item in garbage] == [(GarbageKind.UNFINISHED, 5)] * (
        hours > 1
    )
    assert path.exists() == (hours < 1)


def test_what_was_set_aside_goes(files: LocalFiles, small_trial: MakeTrial) -> None:
    trial = small_trial()
    act(Store(files), trial, 1, {**DONE, "weights": "none", "suites": []})
    damaged = {
        "store.json.damaged",
        "sweeps/s/plan.json.damaged",
        f"trials/{trial.id}/attempts/000001/rows/000001.json.damaged",
    }
    for name in damaged:
        files.write(name, b"1234567")
    garbage = collect(files)
    assert {item.name for item in garbage} == damaged
    assert sum(item.bytes for item in garbage) == 21


def start(files: LocalFiles, number: int, *, joins: bool = False) -> Any:
    lease = create(
        files,
        "sweeps/s/starts",
        number,
        lasts=600.0,
        about=About(joins=joins),
        is_shared=True,
        direct=files,
    )
    assert lease is not None
    lease.renew()
    orders.give(files, lease.folder, stop=False, checkpoints=number)
    return lease


def test_orders_of_starts_that_are_over_go(files: LocalFiles, small_trial: MakeTrial) -> None:
    first, second = start(files, 1), start(files, 2, joins=True)
    assert survey(files, unreferenced=False).left_alone == ("sweeps/s",)
    second.end("over")
    assert not collect(files)
    first.end("over")
    act(Store(files), small_trial(), 1, {**DONE, "end": "alive"})  # for the first start
    assert names_of(collect(files)) == {"sweeps/s/starts/000002/orders.json"}
    act(Store(files), small_trial(), 2, DONE)
    assert "sweeps/s/starts/000001/orders.json" in names_of(collect(files))


def test_start_that_went_on_alone_shows_that_those_before_are_over(files: LocalFiles) -> None:
    start(files, 1)  # of another machine, say, that was lost
    start(files, 2).end("over")
    assert not survey(files, unreferenced=False).left_alone
    start(files, 3, joins=True).end("over")
    assert not survey(files, unreferenced=False).left_alone
    start(files, 4, joins=True)
    assert survey(files, unreferenced=False).left_alone == ("sweeps/s",)


def test_refused_start_shows_nothing_of_those_before(files: LocalFiles) -> None:
    start(files, 1)
    start(files, 2).end("refused")
    assert survey(files, unreferenced=False).left_alone == ("sweeps/s",)


# --- trials that no sweep names


OTHER = ("other", "methods={standard: {}}", "seeds=[0, 1]")
"""A sweep that has one of its two trials in common with `small`."""


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in whose storage `small` and `other` are done."""
    folder = tmp_path_factory.mktemp("unreferenced")
    do_sweep(read_sweep(folder))
    do_sweep(read_sweep(folder, *OTHER))
    return folder


@pytest.fixture
def shared(done: Path, tmp_path: Path) -> LocalFiles:
    """A copy of that storage."""
    shutil.copytree(done / "runs", tmp_path / "runs")
    return LocalFiles(tmp_path / "runs")


def told_of(trials: Iterable[str], files: LocalFiles) -> list[tuple[str, int, int]]:
    records = (read_plain(files, f"trials/{it}/trial.json") or {} for it in trials)
    trials = (record["trial"] for record in records if record)
    return sorted((it["method"]["method"], it["seed"], it["training"]["epochs"]) for it in trials)


def gone(shared: LocalFiles) -> list[tuple[str, int, int]]:
    """Method, seed and epochs of each trial that is removed."""
    before = told_of(shared.names("trials"), shared)
    garbage = collect(shared, unreferenced=True)
    assert {item.kind for item in garbage} <= {GarbageKind.UNREFERENCED, GarbageKind.BEAT}
    after = told_of(shared.names("trials"), shared)
    return [it for it in before if it not in after]


def test_named_trials_stay(shared: LocalFiles) -> None:
    assert gone(shared) == []


@pytest.mark.parametrize("listing", ["plan.json", "trials.csv"])
def test_unnamed_trials_go_with_all_that_is_said_of_them(
    shared: LocalFiles, tmp_path: Path, listing: str
) -> None:
    shutil.rmtree(shared.root / "sweeps" / "small")
    shared.remove(f"sweeps/other/{listing}")  # the other one has to do
    collect(shared)
    assert len(shared.names("trials")) == 3
    (unnamed,) = set(shared.names("trials")) - set(holders(shared))
    assert gone(shared) == [("adversarial", 0, 2)]
    assert not [path for path in shared.root.rglob("*") if unnamed in path.name]
    spec = read_sweep(tmp_path)
    epochs = {
        planned.title: planned.epochs_left for planned in make_plan(spec, Store(shared)).trials
    }
    assert epochs == {"standard seed=0": 0, "pgd seed=0": 2}


def holders(files: LocalFiles) -> dict[str, list[str]]:
    return sweeps_by_trial({sweep: members(files, sweep) for sweep in files.names("sweeps")})


def test_trials_of_nobody_go_where_no_sweep_is_left(shared: LocalFiles) -> None:
    shutil.rmtree(shared.root / "sweeps")
    assert len(gone(shared)) == 3
    assert not shared.sizes("trials")
    assert not shared.sizes("families")


def empty(files: LocalFiles, name: str) -> None:
    files.write(name, b"")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda files: [
            files.remove(f"sweeps/small/{name}") for name in ("plan.json", "trials.csv")
        ],
        lambda files: empty(files, "sweeps/small/plan.json"),
        lambda files: [
            files.remove("sweeps/small/plan.json"),
            empty(files, "sweeps/small/trials.csv"),
        ],
        lambda files: [
            files.remove("sweeps/small/plan.json"),
            files.write(
                "sweeps/small/trials.csv", (files.read("sweeps/small/trials.csv") or b"")[:-3]
            ),
        ],
    ],
    ids=["neither", "plan damaged", "table emptied", "table cut"],
)
def test_nothing_is_unnamed_while_a_sweep_does_not_say(
    shared: LocalFiles, spoil: Callable[[LocalFiles], object]
) -> None:
    spoil(shared)
    before = contents(shared.root)
    with pytest.raises(UncertainError, match="sweep 'small' must say what it names"):
        survey(shared, unreferenced=True)
    assert contents(shared.root) == before


def test_nothing_is_unnamed_while_a_sweep_is_run(shared: LocalFiles) -> None:
    with begun_sweep(shared, shared, "other", joins=False, lasts=60.0, on_tick=lambda lease: None):
        with pytest.raises(UncertainError, match="sweep 'other' must be over"):
            survey(shared, unreferenced=True)
        assert survey(shared, unreferenced=False).left_alone == ("sweeps/other",)
    survey(shared, unreferenced=True)


@pytest.mark.parametrize(
    ("schedule", "expected"), [("[[0, 1]]", []), ("[[0, 1], [0.5, 0.1]]", [2])]
)
def test_what_a_planned_trial_would_go_on_from_stays(
    tmp_path: Path, schedule: str, expected: list[int]
) -> None:
    one = ("methods={standard: {}}", f"training.optimiser.schedule={schedule}")
    do_sweep(read_sweep(tmp_path, "growing", *one))
    longer = read_sweep(tmp_path, "growing", *one, "training.epochs=4")
    files = LocalFiles(tmp_path / "runs")
    write_manifest(
        files, longer.folder, make_plan(longer, Store(files))
    )  # as a start that was stopped
    files.remove("sweeps/growing/trials.csv")
    assert [epochs for _, _, epochs in gone(files)] == expected
    if not expected:
        (planned,) = make_plan(longer, Store(files)).trials
        assert planned.epochs_left == 2
        do_sweep(longer)
        assert gone(files) == [("standard", 0, 2)]


def test_what_a_person_keeps_among_the_trials_stays(shared: LocalFiles) -> None:
    shutil.rmtree(shared.root / "sweeps")
    mine = {"trials/notes.txt", "trials/old/weights.pt", "mlflow.db", "mlflow-artifacts/0/x"}
    for name in mine:
        shared.write(name, b"mine")
    gone(shared)
    assert shared.sizes("").keys() == {*mine, "store.json", "store.json.copy"}


def test_removal_broken_off_anywhere_leaves_no_trial_that_seems_done(
    shared: LocalFiles, tmp_path: Path
) -> None:
    shutil.rmtree(shared.root / "sweeps" / "small")
    suite_id = read_sweep(tmp_path).suite.id
    (unnamed,) = set(shared.names("trials")) - set(holders(shared))
    garbage = survey(shared, unreferenced=True).garbage
    weights = f"trials/{unnamed}/attempts/000001/weights.pt"
    for count, _ in enumerate(remove(shared, garbage), 1):
        has_weights = weights in shared.sizes("trials")
        progress = Store(ReadOnly(shared)).trial(unnamed).progress(suite_id)
        assert has_weights or not progress.trained
        again = names_of(list(survey(shared, unreferenced=True).garbage))
        assert again == names_of(list(garbage)) - {
            item.name for item in garbage if shared.read(item.name) is None
        }, count
