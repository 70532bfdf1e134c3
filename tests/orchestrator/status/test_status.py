"""How a sweep stands, asked from outside: what is told, and that nothing is touched."""

from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import pytest
from typer.testing import CliRunner

from orchestrator.pareto.front import extract_front
from orchestrator.plan.manifest import write_manifest
from orchestrator.plan.plan import make_plan
from orchestrator.plan.planned_trial import PlannedTrial
from orchestrator.report.front_files import front_record
from orchestrator.results.shown import record_shown
from orchestrator.results.trials_table import trials_table, validation_table
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.status.__main__ import app
from orchestrator.status.trial_story import REMEDIES, matching
from orchestrator.store import FailureKind, LocalFiles, Store
from orchestrator.store.leases.lease import Lease
from orchestrator.store.leases.records import About
from orchestrator.store.records.version import enter
from orchestrator.store.sweeps.orders import pause
from orchestrator.store.sweeps.starts import begun
from orchestrator.terminal.units import count_text
from orchestrator.worker.trial import Ending
from tests.orchestrator.conftest import Begin, Finish, Read
from tests.orchestrator.disks import unwritable
from tests.orchestrator.plain import read_plain, write_plain
from tests.orchestrator.working import contents, fork, run
from trainer.weights.checkpoint import Checkpoint

SWEEP = """\
data: {name: digits, train_examples: 160}
training: {epochs: 2, batch_size: 32}
methods: {pareto: {vary: {rho: [0.2, 0.4]}}}
evaluation: {pgd: {ladder: [1, 2]}, flow: null, rt: null, examples: 40}
"""
NARROW = {"COLUMNS": "200"}


def ask(*arguments: str) -> Any:
    """What the command says as JSON."""
    result = CliRunner().invoke(app, ["sweep.yaml", *arguments, "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def read_out(*arguments: str) -> str:
    """What the command says to people."""
    result = CliRunner().invoke(app, ["sweep.yaml", *arguments], env=NARROW)
    assert result.exit_code == 0, result.output
    return result.stdout


def trials(spec: SweepSpec, store: Store) -> tuple[PlannedTrial, ...]:
    enter(store.files)
    return make_plan(spec, store).trials


def checkpoint(epochs_done: int, steps_done: int = 0) -> Checkpoint:
    return Checkpoint(
        epochs_done=epochs_done,
        steps_done=steps_done,
        model={},
        optimiser={},
        weighting={},
        epoch={},
    )


def edit(files: LocalFiles, name: str, change: Callable[[dict[str, Any]], object]) -> None:
    record = read_plain(files, name)
    assert record is not None
    change(record)
    write_plain(files, name, record)


def elsewhere(record: dict[str, Any]) -> None:
    record["owner"].update(machine="another", host="far")


def hours_from_now(hours: float) -> str:
    return (datetime.now(UTC) + timedelta(hours=hours)).isoformat(timespec="seconds")


def steady(told: dict[str, Any]) -> dict[str, Any]:
    """What was told, but for the time and the room on the disk, which others use too."""
    return {**told, "at": None, "left": {**told["left"], "free_bytes": None}}


def everything(folder: Path) -> dict[str, tuple[int, int]]:
    """When each file and folder was last changed, and how large it is."""
    return {str(p): (p.stat().st_mtime_ns, p.stat().st_size) for p in [folder, *folder.rglob("*")]}


@pytest.fixture
def spec(read: Read) -> SweepSpec:
    return read(SWEEP)


@pytest.fixture
def files(store: Store) -> LocalFiles:
    assert isinstance(store.files.under, LocalFiles)
    return store.files.under


@contextmanager
def start_of(files: LocalFiles, *, joins: bool = False) -> Iterator[Lease]:
    """A start of the sweep, by this process."""
    enter(files)
    with begun(files, files, "sweep", joins=joins, lasts=60.0, on_tick=lambda _: None) as lease:
        yield lease


# --- what is told


def test_before_the_first_start_all_is_pending(spec: SweepSpec, tmp_path: Path) -> None:
    told = ask()
    assert (told["name"], told["counts"], told["starts"]) == ("sweep", {"pending": 3}, [])
    assert told["left"]["core_hours"] is None
    assert "nobody runs it" in read_out()
    assert [path.name for path in tmp_path.iterdir()] == ["sweep.yaml"]


@pytest.mark.slow
def test_finished_sweep_is_told_as_its_table_has_it(
    spec: SweepSpec, store: Store, tmp_path: Path
) -> None:
    for planned in trials(spec, store):
        assert run(planned.trial, spec.suite, store)[0] is Ending.DONE
    plan = make_plan(spec, store)
    assert ask()["front"]["splits"] == ["validation"], "until a start has recorded a read"
    table = trials_table(spec, plan, record_shown(spec, plan, store.files))
    front = extract_front(
        table,
        objectives=spec.objectives,
        reference_point=spec.reference_point,
        keep_collapsed=False,
    )
    told = ask()
    assert told["counts"] == {"done": 3}
    assert told["front"].pop("selection")["by"] == "validation"
    assert told["front"] == front_record(front)
    assert told["missing"] == ""
    assert told["left"]["trials"] == told["left"]["core_hours"] == 0
    weights = sum(size for name, size in store.files.sizes("").items() if name.endswith("s.pt"))
    assert weights < told["used"]["bytes"] < weights + 3 * 4_000
    for row, planned in zip(told["trials"], plan.trials, strict=True):
        assert (row["trial_id"], row["status"]) == (planned.id, "done")
        assert (row["epochs_done"], row["epochs"], row["attempts"]) == (2, 2, 1)
        assert row["settings"] == dict(planned.settings)
        assert row["host"] == os.uname().nodename
        assert 0 < row["seconds"] < 60
    passes = {  # of both evaluations; the table has that of its own images
        "training_passes": table["training_passes"].tolist(),
        "evaluation_passes": (
            table["evaluation_passes"] + validation_table(spec, plan, "suite")["evaluation_passes"]
        ).tolist(),
    }
    for name, expected in passes.items():
        kinds = [row[name] for row in told["trials"]]
        assert [sum(each.values()) for each in kinds] == expected
        assert told["used"][name] == sum(expected) > 0
    shown = read_out()
    assert f"{count_text(sum(map(sum, passes.values())))} passes" in shown
    assert "sweep: 3 done; 6 of 6 epochs; nobody runs it" in shown
    assert f"hypervolume {front.hypervolume:.6g}" in shown


def test_collapsed_trial_is_told_so(spec: SweepSpec, store: Store, finish: Finish) -> None:
    standard, pareto, _ = trials(spec, store)
    finish(standard.trial, spec.suite, [1, 1], {"pgd": [[1, 0], [0, 0]]})
    finish(pareto.trial, spec.suite, [1, 0], {"pgd": [[1, 0], [1, 0]]}, collapsed=True)
    told, said = ask(), read_out()
    assert told["front"]["collapsed"] == [pareto.id]
    assert told["front"]["trials"]["dropped"]["collapsed"] == 1
    assert "done, collapsed" in said
    assert (
        f"collapsed   1 of 2 right on one class at most: {pareto.id} (pareto rho=0.2 seed=0)"
        in said
    )


def test_manifest_tells_the_same_as_the_store(spec: SweepSpec, store: Store) -> None:
    first = trials(spec, store)[0]
    run(first.trial, spec.suite, store)
    before = ask()
    write_manifest(store.files, spec.folder, make_plan(spec, store))
    assert steady(ask()) == steady(before)


def test_trial_at_work_is_told_with_its_host_and_epoch(
    spec: SweepSpec, store: Store, begin: Begin
) -> None:
    first, second, _ = trials(spec, store)
    attempt, evaluating = begin(first.trial), begin(second.trial)
    attempt.note(epoch=1)
    evaluating.note(evaluated=0.25)
    with attempt.kept(lambda: None), evaluating.kept(lambda: None):
        told = ask()
        row, other, third = told["trials"]
        assert told["counts"] == {"running": 2, "pending": 1}
        assert (row["status"], row["epochs_done"]) == ("running", 1)
        assert row["host"] == os.uname().nodename
        assert row["silent_since"] is None
        assert (other["evaluated"], third["host"], third["attempts"]) == (0.25, None, 0)
        assert "running, 25% evaluated" in read_out()
    attempt.end("stopped")


def test_trial_that_rests_is_told_so(spec: SweepSpec, store: Store, begin: Begin) -> None:
    attempt = begin(trials(spec, store)[0].trial)
    attempt.note(paused=True)
    with attempt.kept(lambda: None):
        assert ask()["trials"][0]["is_resting"]
        assert "running, paused" in read_out()


def hold(root: Path, trial: Any, is_held: Any) -> None:
    stored = Store(LocalFiles(root)).trial(trial.id)
    attempt = stored.begin(trial, 1, lasts=60.0, about=About())
    assert attempt is not None
    with attempt.kept(lambda: None):
        attempt.keep_checkpoint(checkpoint(1))
        is_held.set()
        time.sleep(60)


def test_killed_worker_is_not_taken_to_run(
    spec: SweepSpec, store: Store, files: LocalFiles
) -> None:
    first = trials(spec, store)[0]
    is_held = fork.Event()
    worker = fork.Process(target=hold, args=(files.root, first.trial, is_held), daemon=True)
    worker.start()
    assert is_held.wait(20)
    assert ask()["trials"][0]["status"] == "running"
    worker.kill()
    worker.join()
    (row, *_) = ask()["trials"]
    assert (row["status"], row["epochs_done"]) == ("stopped", 1)


@pytest.mark.parametrize(("hours", "is_silent"), [(-1, True), (0, False), (1, False)])
def test_clock_an_hour_off_changes_no_more_than_a_word(
    spec: SweepSpec, begin: Begin, files: LocalFiles, *, hours: float, is_silent: bool
) -> None:
    first = trials(spec, Store(files))[0]
    attempt = begin(first.trial)
    with attempt.kept(lambda: None):
        pass
    edit(files, f"{attempt.folder}/lease.json", elsewhere)
    at = hours_from_now(hours)
    edit(files, f"{attempt.folder}/beat.json", lambda beat: beat.update(at=at))
    told = ask()
    assert told["counts"] == {"running": 1, "pending": 2}
    assert told["trials"][0]["silent_since"] == (at if is_silent else None)
    assert (f"silent since {at}" in read_out()) is is_silent


def test_seconds_are_those_of_all_attempts(
    spec: SweepSpec, store: Store, begin: Begin, files: LocalFiles
) -> None:
    first = trials(spec, store)[0]
    for seconds in (20.0, 3.0):
        attempt = begin(first.trial)
        attempt.keep_checkpoint(checkpoint(1, 2))
        attempt.end("stopped")
        edit(files, f"{attempt.folder}/ended.json", lambda end, s=seconds: end.update(elapsed=s))
    row = ask()["trials"][0]
    assert (row["seconds"], row["attempts"], row["epochs_done"]) == (23.0, 2, 1)


def test_starts_are_told(spec: SweepSpec, store: Store, files: LocalFiles) -> None:
    with start_of(files) as lease:
        lease.note(core_hours=1.5, gpu_hours=0.5)
        lease.renew()
        with start_of(files, joins=True):
            told = ask()
            mine = {"host": os.uname().nodename, "process": os.getpid(), "silent_since": None}
            assert [{k: s[k] for k in mine} for s in told["starts"]] == [mine, mine]
            assert [start["joined"] for start in told["starts"]] == [False, True]
            assert (told["used"]["core_hours"], told["used"]["gpu_hours"]) == (1.5, 0.5)
            shown = read_out("--set", "budget.core_hours=9")
            assert "2 starts at work" in shown
            assert "used        1.5 of 9 core-hours, 0.5 GPU-hours" in shown
    assert ask()["starts"] == []
    assert f"last start  process {os.getpid()} on " in read_out()


def test_start_on_a_machine_that_fell_silent_is_told_so(
    spec: SweepSpec, store: Store, files: LocalFiles
) -> None:
    with start_of(files) as lease:
        pass
    files.remove(f"{lease.folder}/ended.json")
    edit(files, f"{lease.folder}/lease.json", elsewhere)
    at = hours_from_now(-1)
    edit(files, f"{lease.folder}/beat.json", lambda beat: beat.update(at=at))
    assert ask()["starts"][0]["silent_since"] == at
    shown = read_out()
    assert "nobody runs it, 1 silent" in shown
    assert f"silent since {at}" in next(x for x in shown.splitlines() if x.startswith("run by"))


def test_pause_is_told_with_who_asked(spec: SweepSpec, store: Store, files: LocalFiles) -> None:
    enter(files)
    pause(files, "sweep")
    assert ask()["paused"]["by"]["process"] == os.getpid()
    assert f"paused      by process {os.getpid()} on " in read_out()


def test_of_many_trials_those_come_first_that_are_not_simply_done_or_pending(
    read: Read, store: Store
) -> None:
    spec = read(SWEEP + f"seeds: {list(range(20))}\n")
    planned = trials(spec, store)
    assert len(planned) == 60
    store.trial(planned[-1].id).record_failure("hung", "no step for 1800 s", "")
    rows = [line for line in read_out().splitlines() if line.startswith("t") and "pareto" in line]
    assert rows[0].split()[0] == planned[-1].id
    assert rows[0].split()[-1] == "hung"
    shown = read_out()
    assert sum(planned.id in shown for planned in planned) == 40
    assert "trials      and 20 more: python -m orchestrator.status sweep.yaml --json" in shown
    assert len(ask()["trials"]) == 60


# --- the story of one trial


def test_story_of_a_trial_that_diverged(read: Read, store: Store) -> None:
    spec = read(SWEEP, "training.optimiser.learning_rate=1e30")
    first = trials(spec, store)[0]
    assert run(first.trial, spec.suite, store)[0] is Ending.FAILED
    arguments = ("--set", "training.optimiser.learning_rate=1e30", "--why", first.id[:9])
    story = ask(*arguments)
    assert (story["trial_id"], story["status"]) == (first.id, "failed")
    assert story["failure"]["kind"] == "diverged"
    assert story["failure"]["message"].startswith("DivergedError: losses and weights of epoch 1")
    assert "Traceback" in story["failure"]["details"]
    assert Path(story["last_steps"]).read_text().count("\n") == 5
    assert story["attempts"][0]["how"] == "failed: diverged"
    assert story["attempts"][0]["origin"] == "from the beginning"
    assert story["next"][-1] == "the next start of the sweep runs it again with --retry-failed"
    shown = read_out(*arguments)
    assert "last steps  " in shown
    assert "next        lower training.optimiser.learning_rate" in shown


@pytest.mark.slow
def test_story_of_attempts(spec: SweepSpec, store: Store) -> None:
    """Killed after the first epoch, gone on with, then evaluated under another suite."""
    first = trials(spec, store)[0]

    def killed(row: dict[str, float]) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(first.trial, spec.suite, store, report=killed)
    assert run(first.trial, spec.suite, store)[1] == [2]
    other = spec.suite.model_copy(update={"examples": 20})
    run(first.trial, other, store)
    story = ask("--why", first.id)
    assert [attempt["number"] for attempt in story["attempts"]] == [1, 2, 3]
    assert [attempt["how"] for attempt in story["attempts"]] == [
        "taken over for want of a sign of life",
        "done",
        "done",
    ]
    assert [attempt["origin"] for attempt in story["attempts"]] == [
        "from the beginning",
        "from attempt 1 with 1 epochs done",
        "to evaluate what was trained",
    ]
    assert story["next"] == ["nothing is left to do"]
    assert f"attempt 2   process {os.getpid()} on " in read_out("--why", first.id)


@pytest.mark.slow
def test_story_of_a_trial_that_went_on_from_a_sibling(read: Read, store: Store) -> None:
    constant = "training.optimiser.schedule=[[0, 1]]"
    spec = read(SWEEP, constant)
    shorter = trials(spec, store)[0]
    run(shorter.trial, spec.suite, store)
    longer = read(SWEEP, constant, "training.epochs=3")
    planned = trials(longer, store)[0]
    assert run(planned.trial, longer.suite, store)[1] == [3]
    story = ask("--set", constant, "--set", "training.epochs=3", "--why", planned.id)
    (attempt,) = story["attempts"]
    assert attempt["origin"] == (
        f"from attempt 1 of {shorter.id}, a shorter sibling, with 2 epochs done"
    )


def test_story_of_a_trial_that_waits(spec: SweepSpec, store: Store, files: LocalFiles) -> None:
    last = trials(spec, store)[-1]
    budget = ("--set", "budget.core_hours=1")
    with start_of(files) as lease:
        lease.note(core_hours=2.0)
        lease.renew()
        pause(files, "sweep")
        story = ask("--why", last.id, *budget)
        assert story["attempts"] == []
        todo, before, paused, budget_reached = story["next"]
        assert todo == "to do: 2 epochs, evaluation"
        assert before == "before it in the order: 2 others"
        assert paused.startswith("the sweep is paused since 20")
        assert budget_reached == "budget.core_hours is 1, and 2 are used: raise it"
    assert (
        "nobody runs the sweep now: python -m orchestrator.sweep sweep.yaml"
        in ask("--why", last.id)["next"]
    )


def test_story_of_a_trial_at_work(spec: SweepSpec, store: Store, begin: Begin) -> None:
    first = trials(spec, store)[0]
    with begin(first.trial).kept(lambda: None):
        story = ask("--why", first.id)
    assert story["attempts"][0]["how"] == "at work"
    assert story["next"] == [f"held by process {os.getpid()} on {os.uname().nodename}: wait for it"]


def test_every_kind_of_failure_has_a_remedy() -> None:
    assert set(REMEDIES) == set(get_args(FailureKind))


@pytest.mark.parametrize("prefix", ["t", "nothing", ""])
def test_trial_that_is_none_or_many_is_bad_input(
    spec: SweepSpec, store: Store, prefix: str
) -> None:
    found = matching(trials(spec, store), prefix, store.ids)
    result = CliRunner().invoke(app, ["sweep.yaml", "--why", prefix])
    assert result.exit_code == 2
    assert "--why: must be the id of one trial of the sweep, or how one alone" in result.stderr
    assert f"got '{prefix}'; that begin so: " in result.stderr
    assert all(planned.id in result.stderr for planned in found)


# --- nothing is written


def damaged_store(spec: SweepSpec, store: Store, files: LocalFiles, begin: Begin) -> set[str]:
    """A store with something of everything; returns the names of what is damaged in it."""
    first, second, third = trials(spec, store)
    run(first.trial, spec.suite, store)
    run(second.trial, spec.suite, store)
    begin(third.trial).end("stopped")
    with start_of(files):
        pass
    write_manifest(files, spec.folder, make_plan(spec, store))
    pause(files, "sweep")
    names = {
        "sweeps/sweep/plan.json",
        f"trials/{first.id}/result.json",
        f"trials/{second.id}/evaluations/{spec.suite.id}.json",
    }
    for name in names:
        path = files.root / name
        path.write_bytes(path.read_bytes()[:-7])
    return names


@pytest.mark.slow
def test_nothing_is_touched_whatever_is_asked(
    spec: SweepSpec, store: Store, files: LocalFiles, begin: Begin, tmp_path: Path
) -> None:
    names = damaged_store(spec, store, files, begin)
    before, bytes_before = everything(tmp_path), contents(tmp_path)
    told = ask()
    assert set(told["damaged"]) == names
    assert [row["status"] for row in told["trials"]] == ["stopped", "stopped", "pending"]
    third = told["trials"][2]["trial_id"]
    for arguments in ((), ("--why", third), ("--why", third, "--json")):
        result = CliRunner().invoke(app, ["sweep.yaml", *arguments])
        assert result.exit_code == 0, result.output
        assert result.stderr == ""
    assert "damaged     sweeps/sweep/plan.json: the next start sets it aside" in read_out()
    assert everything(tmp_path) == before
    assert contents(tmp_path) == bytes_before


@pytest.mark.slow
def test_storage_that_cannot_be_written_is_told_all_the_same(
    spec: SweepSpec, store: Store, files: LocalFiles, begin: Begin
) -> None:
    damaged_store(spec, store, files, begin)
    before = ask()
    with unwritable(files.root):
        assert steady(ask()) == steady(before)
        assert "hypervolume" in read_out()


# --- looking again


@pytest.mark.slow
def test_watch_of_a_finished_sweep_ends_at_once(spec: SweepSpec, store: Store) -> None:
    for planned in trials(spec, store):
        run(planned.trial, spec.suite, store)
    (line,) = read_out("--watch").splitlines()
    assert line.endswith("3 done; 6 of 6 epochs; nobody runs it")


@pytest.mark.slow
def test_watch_tells_what_changes_until_the_start_is_over(
    spec: SweepSpec, store: Store, files: LocalFiles
) -> None:
    first = trials(spec, store)[0]

    def work() -> None:
        with start_of(files):
            is_begun.set()
            time.sleep(1.0)
            run(first.trial, spec.suite, store)
            time.sleep(3.0)

    is_begun = threading.Event()
    worker = threading.Thread(target=work)
    worker.start()
    assert is_begun.wait(20)
    lines = read_out("--watch").splitlines()
    worker.join()
    states = [line.partition(" ")[2] for line in lines]
    assert states[0] == "3 pending; 0 of 6 epochs; 1 start at work"
    assert states[-1] == "1 done, 2 pending; 2 of 6 epochs; nobody runs it"
    assert len(set(states)) == len(states)


@pytest.mark.slow
def test_watch_ends_with_130_on_interrupt(spec: SweepSpec, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "orchestrator.status", "sweep.yaml", "--watch"]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    assert process.stdout is not None
    assert "3 pending" in process.stdout.readline()  # it waits for a first start
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (130, "")


def test_watch_stands_alone(spec: SweepSpec) -> None:
    result = CliRunner().invoke(app, ["sweep.yaml", "--watch", "--json"])
    assert result.exit_code == 2
    assert result.stderr == "error: --watch: must stand without --json and --why\n"


# --- where the data are not


def write_mnist(folder: Path) -> None:
    """Sixty images a split, in MNIST's own format."""
    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for split in ("train", "t10k"):
        labels = bytes(index % 10 for index in range(60))
        pixels = bytes(index * 7 % 251 for index in range(60 * 28 * 28))
        header = struct.pack(">IIII", 0x803, 60, 28, 28)
        (raw / f"{split}-images-idx3-ubyte").write_bytes(header + pixels)
        (raw / f"{split}-labels-idx1-ubyte").write_bytes(struct.pack(">II", 0x801, 60) + labels)


MNIST = """\
data: {name: mnist, root: images, validation: 10}
model: {name: cnn, channels: [4], hidden: 8}
training: {epochs: 1, batch_size: 25}
validation: {examples: 5, attacks: {pgd: {num_steps: 1}, flow: null, rt: null}}
methods: {pgd: {}}
evaluation: {pgd: {ladder: [1]}, flow: null, rt: null}
"""


@pytest.mark.slow
def test_another_process_without_the_data_is_told_the_same(
    read: Read, store: Store, tmp_path: Path
) -> None:
    write_mnist(tmp_path / "images")
    spec = read(MNIST)
    first, second = trials(spec, store)
    assert run(first.trial, spec.suite, store)[0] is Ending.DONE
    write_manifest(store.files, spec.folder, make_plan(spec, store))
    with_data = ask()
    (tmp_path / "images").rename(tmp_path / "away")
    command = [sys.executable, "-m", "orchestrator.status", "sweep.yaml", "--json"]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    without = json.loads(done.stdout)
    assert steady(without) == steady(with_data)
    assert [row["status"] for row in without["trials"]] == ["done", "pending"]
    assert without["trials"][1]["trial_id"] == second.id


def test_nothing_there_yet_is_no_mistake(read: Read, tmp_path: Path) -> None:
    read(MNIST)
    assert ask()["trials"] == []
    shown = read_out()
    assert (
        f"sweep: nothing in {tmp_path}/runs yet; python -m orchestrator.sweep sweep.yaml" in shown
    )
    assert [path.name for path in tmp_path.iterdir()] == ["sweep.yaml"]


def test_started_sweep_without_manifest_and_data_cannot_be_told(
    read: Read, files: LocalFiles
) -> None:
    read(MNIST)
    with start_of(files):
        pass
    result = CliRunner().invoke(app, ["sweep.yaml"])
    assert result.exit_code == 2
    assert "sweep.yaml:1: data.name: 'mnist' needs what is missing" in result.stderr


def test_what_is_no_store_is_refused(spec: SweepSpec, files: LocalFiles) -> None:
    files.write("trials/of/another", b"")
    result = CliRunner().invoke(app, ["sweep.yaml"])
    assert result.exit_code == 2
    assert "storage: must be a store of this project: " in result.stderr
