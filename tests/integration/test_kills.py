"""Drivers, workers and Ray killed in mid-sweep: the same command goes on, and nothing is lost but
the epoch under way."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest

from tests.integration.running import Place, Running, assert_nothing_left, wait_until
from tests.integration.stored import attempts, rows, trial_folders, worker
from tests.integration.undisturbed import (
    EPOCHS,
    UNTRACKED,
    Undisturbed,
    assert_goes_on,
    assert_over,
    working,
)

pytestmark = pytest.mark.integration


def facts(storage: Path) -> int:
    """Records of the trials, which only grow in number: how far a sweep is, whatever the load."""
    return sum(len(list(trial.rglob("*.json"))) for trial in trial_folders(storage).values())


def results(storage: Path) -> int:
    return len(list(storage.glob("trials/*/result.json")))


def kill(running: Running) -> None:
    running.send(signal.SIGKILL)
    assert running.finished().code == -signal.SIGKILL


def test_driver_killed_before_its_first_trial(
    undisturbed: Undisturbed, own_place: Place, tmp_path: Path
) -> None:
    running = undisturbed.started(own_place, tmp_path)
    wait_until(own_place.sessions, of=running)
    kill(running)
    assert_goes_on(undisturbed, own_place, tmp_path, faults=1)
    assert_nothing_left(own_place)


@pytest.mark.long
@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_driver_killed_at_a_random_point(
    undisturbed: Undisturbed, own_place: Place, tmp_path: Path, seed: int
) -> None:
    point = random.Random(seed).randrange(1, facts(undisturbed.storage))
    running = undisturbed.started(own_place, tmp_path, *UNTRACKED)
    wait_until(lambda: facts(tmp_path) >= point, of=running)
    kill(running)
    assert_goes_on(undisturbed, own_place, tmp_path, *UNTRACKED, faults=1)


def test_driver_killed_while_its_trials_train(
    undisturbed: Undisturbed, own_place: Place, tmp_path: Path
) -> None:
    running, _ = undisturbed.held(own_place, tmp_path, *UNTRACKED)
    kill(running)
    assert_goes_on(undisturbed, own_place, tmp_path, *UNTRACKED, faults=1)


@pytest.mark.long
def test_driver_killed_during_the_last_evaluation(
    undisturbed: Undisturbed, own_place: Place, tmp_path: Path
) -> None:
    running = undisturbed.started(own_place, tmp_path)
    wait_until(lambda: results(tmp_path) == 4, of=running)
    kill(running)
    assert_goes_on(undisturbed, own_place, tmp_path, faults=1)


@pytest.mark.long
def test_driver_killed_again_and_again_until_the_sweep_is_over(
    undisturbed: Undisturbed, own_place: Place, tmp_path: Path
) -> None:
    numbers = random.Random(3)
    whole, kills = facts(undisturbed.storage), 0
    while (point := facts(tmp_path) + numbers.randrange(8, 16)) < whole:
        running = undisturbed.started(own_place, tmp_path)
        wait_until(lambda least=point: facts(tmp_path) >= least, of=running)
        kill(running)
        kills += 1
    assert kills >= 3
    assert_goes_on(undisturbed, own_place, tmp_path, faults=kills)


def test_killed_worker_is_replaced_and_goes_on_from_its_checkpoint(
    undisturbed: Undisturbed, own_place: Place, tmp_path: Path
) -> None:
    running, gate = undisturbed.held(own_place, tmp_path, after=2.5)
    trial = tmp_path / "trials" / undisturbed.long_trials[0]
    (first,) = attempts(trial)
    assert worker(first) in own_place.processes()
    killed_at = time.time()
    os.kill(worker(first), signal.SIGKILL)
    gate.open()

    finished = running.finished()
    assert finished.code == 0, finished
    assert finished.stderr == (
        f"WARNING: the worker of trial {trial.name} died; another takes it up from its last "
        f"checkpoint\n"
    )
    first, second = attempts(trial)
    resumed_at = sum(row["time"] < killed_at for row in rows(second))
    assert resumed_at == len(rows(first)) == 2
    assert rows(second)[:resumed_at] == rows(first)[:resumed_at]
    assert [row["epoch"] for row in rows(second)] == list(range(1, EPOCHS + 1))
    assert_over(undisturbed, tmp_path, faults=1)


def test_lost_cluster_is_told_by_the_exit_code(
    undisturbed: Undisturbed, own_place: Place, tmp_path: Path
) -> None:
    running, _ = undisturbed.held(own_place, tmp_path, *UNTRACKED)
    (raylet,) = (id for id, title in own_place.processes().items() if "/raylet " in title)
    os.kill(raylet, signal.SIGKILL)
    finished = running.finished()
    assert finished.code == 3, finished
    assert "the Ray cluster is lost" in finished.stderr
    wait_until(lambda: not working(own_place), of=None)
    assert_goes_on(undisturbed, own_place, tmp_path, *UNTRACKED, faults=1)
