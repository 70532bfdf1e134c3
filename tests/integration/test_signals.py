"""Signals: a sweep stops in good order, within its epochs, or writes checkpoints at once."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from tests.integration.running import Place, assert_nothing_left, wait_until
from tests.integration.stored import attempts, checkpoints, ending, epochs_kept, table
from tests.integration.undisturbed import (
    NAME,
    UNTRACKED,
    Undisturbed,
    assert_results,
    assert_undisturbed,
    working,
)

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

GRACE_SECONDS = 30.0
"""From a signal to the end: what a service manager would wait."""


def within_epochs(trial: Path) -> set[tuple[int, int]]:
    return {(epochs, steps) for epochs, steps in checkpoints(trial) if steps}


def test_signals_stop_a_sweep_within_the_epoch_and_it_goes_on(
    undisturbed: Undisturbed, own_place: Place, tmp_path: Path
) -> None:
    trial = tmp_path / "trials" / undisturbed.long_trials[0]
    stops = 0
    for number, code in ((signal.SIGTERM, 143), (signal.SIGINT, 130)):
        running = undisturbed.started(own_place, tmp_path)
        wait_until(lambda count=stops: len(attempts(trial)) > count, of=running, seconds=120)
        if number == signal.SIGINT:
            running.send_to_group(number)
        else:
            running.send(number)
        finished = running.finished(GRACE_SECONDS)
        assert finished.code == code, finished
        assert "the same command goes on from here" in finished.stdout
        assert "Traceback" not in finished.stderr
        assert_nothing_left(own_place)
        stops += 1
        assert [ending(attempt) for attempt in attempts(trial)] == ["stopped"] * stops
        assert max(checkpoints(trial)) in within_epochs(trial)
        statuses = table(tmp_path, NAME).set_index("trial_id")["status"]
        assert statuses[trial.name] == "stopped"
        assert (tmp_path / "sweeps" / NAME / "front.json").exists()
    finished = assert_undisturbed(undisturbed, own_place, tmp_path, faults=stops)
    assert finished.stderr == ""


def test_signal_before_the_first_trial_stops_a_sweep_as_well(
    undisturbed: Undisturbed, own_place: Place, tmp_path: Path
) -> None:
    running = undisturbed.started(own_place, tmp_path, *UNTRACKED)
    wait_until(own_place.sessions, of=running, seconds=60)
    running.send(signal.SIGTERM)
    finished = running.finished(GRACE_SECONDS)
    assert finished.code == 143, finished
    assert "the sweep broke off" not in finished.stderr
    assert set(table(tmp_path, NAME)["status"]) == {"pending"}
    assert_nothing_left(own_place)


def test_sigusr1_asks_for_checkpoints_now_and_a_second_signal_ends_at_once(
    undisturbed: Undisturbed, own_place: Place, tmp_path: Path
) -> None:
    running = undisturbed.started(own_place, tmp_path, *UNTRACKED)
    trial = tmp_path / "trials" / undisturbed.long_trials[0]
    wait_until(lambda: epochs_kept(trial) >= 1, of=running, seconds=120)
    assert not within_epochs(trial)
    running.send(signal.SIGUSR1)
    wait_until(lambda: within_epochs(trial), of=running, seconds=GRACE_SECONDS)
    ((epochs, _),) = within_epochs(trial)
    wait_until(lambda: epochs_kept(trial) > epochs, of=running, seconds=GRACE_SECONDS)

    running.send(signal.SIGTERM)
    time.sleep(0.2)  # else both are there at once, in no order
    running.send(signal.SIGINT)
    assert running.finished(1).code == 130
    wait_until(lambda: not working(own_place), of=None, seconds=GRACE_SECONDS)
    assert_undisturbed(undisturbed, own_place, tmp_path, *UNTRACKED, faults=1)


def test_trials_wait_for_no_start_that_stands_still(
    undisturbed: Undisturbed, own_place: Place, tmp_path: Path
) -> None:
    running = undisturbed.started(own_place, tmp_path, *UNTRACKED)
    trials = [tmp_path / "trials" / trial_id for trial_id in undisturbed.long_trials]
    wait_until(lambda: all(map(attempts, trials)), of=running, seconds=120)
    running.send(signal.SIGSTOP)  # as Ctrl-Z does
    cut_off = [attempts(trial)[0] for trial in trials]
    wait_until(lambda: all(map(ending, cut_off)), of=running, seconds=120)
    running.send(signal.SIGCONT)
    assert running.finished().code == 0
    assert_results(undisturbed, tmp_path, faults=0)
