"""Several starts at work in one storage: each trial is trained once, whoever dies meanwhile."""

from __future__ import annotations

import os
import signal
import socket
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest

from orchestrator.search import growth
from tests.integration.in_process import swept
from tests.integration.running import Finished, Place, Running, assert_nothing_left, wait_until
from tests.integration.stored import (
    attempts,
    ending,
    record,
    table,
    times_of,
    trial_folders,
    worker,
)
from tests.integration.undisturbed import (
    EPOCHS,
    NAME,
    SPEC,
    UNTRACKED,
    Undisturbed,
    assert_over,
    assert_tracked_once,
    assert_trained_once,
)
from tests.orchestrator.working import fork

pytestmark = pytest.mark.integration

SHORT_LEASE = (*UNTRACKED, "--set", "lease=4")


def starts(storage: Path) -> list[Path]:
    return sorted(storage.glob(f"sweeps/{NAME}/starts/*"))


def ended_well(*running: Running) -> list[Finished]:
    finished = [each.finished() for each in running]
    assert [each.code for each in finished] == [0] * len(finished), finished
    return finished


def test_two_starts_work_through_one_sweep_and_a_third_is_refused(
    own_place: Place, tmp_path: Path
) -> None:
    """The first start holds two of six trials until the second has taken up another two."""
    three = Undisturbed(spec=tmp_path / f"{NAME}.yaml", storage=tmp_path / "undisturbed")
    three.spec.write_text(SPEC.replace("seeds: [0, 1]", "seeds: [0, 1, 2]"))
    assert swept(three.spec, "--storage", three.storage, *UNTRACKED).code == 0

    storage = tmp_path / "runs"
    first, gate = three.held(own_place, storage)
    second = three.started(own_place, storage, "--join", gate=gate)
    wait_until(lambda: len(gate.workers()) == 3, of=second)
    refused = three.started(own_place, storage).finished()
    gate.open()
    assert refused.code == 4, refused
    (since,) = {record(starts(storage)[0] / "lease.json")["since"]}
    holder = f"process {first.id} on {socket.gethostname()} since {since}"
    assert holder in refused.stderr
    assert "--join" in refused.stderr

    ended_well(first, second)
    owners = {record(path / "lease.json")["about"]["start"] for path in all_attempts(storage)}
    assert len(owners) == 2, "one of the two found nothing to do"
    assert_over(three, storage, faults=0)


def all_attempts(storage: Path) -> list[Path]:
    return [attempt for trial in trial_folders(storage).values() for attempt in attempts(trial)]


def test_two_sweeps_that_share_trials_train_each_once(
    undisturbed: Undisturbed, own_place: Place, tmp_path: Path
) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(SPEC.replace("methods: {", "methods: {pgd: {}, "))
    running = (
        undisturbed.started(own_place, tmp_path),
        own_place.sweep(other, "--storage", tmp_path),
    )
    ended_well(*running)
    assert_nothing_left(own_place)
    undisturbed.assert_equalled_in(tmp_path)
    assert table(tmp_path, "other")["status"].tolist() == ["done"] * 6
    for trial in trial_folders(tmp_path).values():
        assert_trained_once(trial, EPOCHS, faults=0)
    for sweep in (NAME, "other"):
        assert_tracked_once(tmp_path, sweep)


def test_start_that_joined_brings_the_trials_of_a_killed_one_to_their_end(
    undisturbed: Undisturbed, own_place: Place, tmp_path: Path
) -> None:
    first, _ = undisturbed.held(own_place, tmp_path, *UNTRACKED)
    second = undisturbed.started(own_place, tmp_path, *UNTRACKED, "--join")
    wait_until(lambda: len(starts(tmp_path)) == 2, of=second)
    first.send(signal.SIGKILL)
    ended_well(second)
    assert_over(undisturbed, tmp_path, *UNTRACKED, faults=1)


def test_worker_that_stands_still_is_ended_and_replaced(
    undisturbed: Undisturbed, own_place: Place, tmp_path: Path
) -> None:
    running, gate = undisturbed.held(own_place, tmp_path, *SHORT_LEASE)
    (stopped,) = attempts(tmp_path / "trials" / undisturbed.long_trials[0])
    os.kill(worker(stopped), signal.SIGSTOP)
    gate.open()
    (finished,) = ended_well(running)
    assert f"process {worker(stopped)} on {socket.gethostname()}, at work" in finished.stderr
    assert ending(stopped) is None
    assert_over(undisturbed, tmp_path, *SHORT_LEASE, faults=1)


CONFIRMED = """\
data: {name: digits, train_examples: 256}
training: {epochs: 3, batch_size: 32, attacks: {pgd: {num_steps: 1}}}
validation: {examples: 16, attacks: {pgd: {num_steps: 1}, flow: null, rt: null}}
methods: {pgd: {natural_weight: 0.6}}
evaluation: {examples: 64, pgd: {epsilon: 0.2, ladder: [1]}, flow: null, rt: null}
seeds: [0]
weights: best
confirm: {keep: {per_method: 1}, seeds: 2}
"""


def test_two_starts_confirm_the_sweep_of_one_that_was_killed_before_its_cells_were_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both keep cells at the same moment, and share the trials with fresh seeds."""
    spec = tmp_path / "confirmed.yaml"
    spec.write_text(CONFIRMED)
    recorded, kept, both = growth.record_kept, growth.kept, fork.Barrier(2)

    def started(*options: str) -> BaseProcess:
        words = (spec, "--storage", tmp_path, *UNTRACKED, *options)
        process = fork.Process(target=lambda: os._exit(swept(*words).code))
        process.start()
        return process

    def killed(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(growth, "record_kept", killed)
    (first := started()).join()
    assert first.exitcode == -signal.SIGKILL
    own = set(trial_folders(tmp_path))
    assert len(own) == 2, "nothing is begun before it is recorded"

    def kept_at_once(*arguments: Any) -> Any:
        found = kept(*arguments)
        both.wait(60)
        return found

    monkeypatch.setattr(growth, "record_kept", recorded)
    monkeypatch.setattr(growth, "kept", kept_at_once)
    two = [started("--join"), started("--join")]
    for each in two:
        each.join()
    assert [each.exitcode for each in two] == [0, 0]
    fresh = table(tmp_path, "confirmed", "confirmed.csv")
    assert fresh["status"].eq("done").all()
    assert len(fresh) == 2 * 2
    folders = trial_folders(tmp_path)
    assert set(folders) == own | set(fresh["trial_id"]), "one choice of cells for both"
    for trial in folders.values():
        assert_trained_once(trial, 3, faults=0)
    owners = {
        lease["about"]["start"]
        for name in fresh["trial_id"]
        for lease in [record(attempts(folders[name])[0] / "lease.json")]
    }
    assert len(owners) == 2, "one of the two found nothing to do"
    assert set(fresh["split"]) == {"test"}
    assert fresh["best_union_accuracy"].notna().all()


@pytest.mark.long
def test_machine_that_stood_still_overwrites_nothing_of_its_successor(
    undisturbed: Undisturbed, own_place: Place, place: Place, tmp_path: Path
) -> None:
    first, gate = undisturbed.held(own_place, tmp_path, *SHORT_LEASE)
    trials = [tmp_path / "trials" / trial_id for trial_id in undisturbed.long_trials]
    machine = own_place.processes()
    for process in machine:
        os.kill(process, signal.SIGSTOP)
    ended_well(undisturbed.started(place, tmp_path, *SHORT_LEASE, "--join"))
    cut_off = [attempts(trial)[0] for trial in trials]
    assert [ending(attempts(trial)[1]) for trial in trials] == ["done", "done"]
    times = times_of(tmp_path / "trials")

    gate.open()
    for attempt in cut_off:
        os.kill(worker(attempt), signal.SIGCONT)
    wait_until(lambda: all(map(ending, cut_off)), of=None)
    assert [ending(attempt) for attempt in cut_off] == ["lost", "lost"]
    for process in machine:
        os.kill(process, signal.SIGCONT)
    ended_well(first)
    since = times_of(tmp_path / "trials").items() - times.items()
    lost = {f"{trial.name}/attempts/000001/ended.json" for trial in trials}
    assert {name for name, _ in since} == lost
    assert_over(undisturbed, tmp_path, *SHORT_LEASE, faults=1)
