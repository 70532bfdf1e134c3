"""Signals: a sweep stops in good order, within its epochs, or writes checkpoints at once."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from tests.integration.running import Place, assert_nothing_left, wait_until
from tests.integration.stored import attempts, checkpoints, ending, epochs_kept, table
from tests.integration.undisturbed import (
    HEARING_SECONDS,
    NAME,
    UNTRACKED,
    Undisturbed,
    assert_goes_on,
    assert_over,
    working,
)

pytestmark = pytest.mark.integration

AT_ONCE_SECONDS = 3.0
"""In which a command ends that waits neither for its trials nor for Ray's end: a tenth of that on a
fast machine."""


def within_epochs(trial: Path) -> set[tuple[int, int]]:
    return {(epochs, steps) for epochs, steps in checkpoints(trial) if steps}


def test_signals_stop_a_sweep_within_the_epoch_and_it_goes_on(
    undisturbed: Undisturbed, own_place: Place, tmp_path: Path
) -> None:
    trials = [tmp_path / "trials" / trial_id for trial_id in undisturbed.long_trials]
    stops = 0
    for number, code in ((signal.SIGTERM, 143), (signal.SIGINT, 130)):
        running, _ = undisturbed.held(own_place, tmp_path, after=0.5, seconds=HEARING_SECONDS)
        if number == signal.SIGINT:
            running.send_to_group(number)
        else:
            running.send(number)
        finished = running.finished()
        assert finished.code == code, finished
        assert "the same command goes on from here" in finished.stdout
        assert "Traceback" not in finished.stderr
        assert_nothing_left(own_place)
        stops += 1
        statuses = table(tmp_path, NAME).set_index("trial_id")["status"]
        for trial in trials:
            assert [ending(attempt) for attempt in attempts(trial)] == ["stopped"] * stops
            assert max(checkpoints(trial)) in within_epochs(trial)
            assert statuses[trial.name] == "stopped"
        assert (tmp_path / "sweeps" / NAME / "front.json").exists()
    finished = assert_goes_on(undisturbed, own_place, tmp_path, faults=stops)
    assert finished.stderr == ""


def test_signal_before_the_first_trial_stops_a_sweep_as_well(
    undisturbed: Undisturbed, own_place: Place, tmp_path: Path
) -> None:
    running = undisturbed.started(own_place, tmp_path, *UNTRACKED)
    wait_until(own_place.sessions, of=running)
    running.send(signal.SIGTERM)
    finished = running.finished()
    assert finished.code == 143, finished
    assert "the sweep broke off" not in finished.stderr
    assert set(table(tmp_path, NAME)["status"]) == {"pending"}
    assert_nothing_left(own_place)


def test_sigusr1_asks_for_checkpoints_now_and_a_second_signal_ends_at_once(
    undisturbed: Undisturbed, own_place: Place, tmp_path: Path
) -> None:
    running, _ = undisturbed.held(own_place, tmp_path, *UNTRACKED, seconds=HEARING_SECONDS)
    trial = tmp_path / "trials" / undisturbed.long_trials[0]
    assert not within_epochs(trial)
    running.send(signal.SIGUSR1)
    wait_until(lambda: within_epochs(trial), of=running)
    ((epochs, _),) = within_epochs(trial)
    wait_until(lambda: epochs_kept(trial) > epochs, of=running)

    running.send(signal.SIGTERM)
    time.sleep(0.2)  # else both are there at once, in no order
    running.send(signal.SIGINT)
    sent = time.monotonic()
    assert running.finished().code == 130
    assert time.monotonic() - sent < AT_ONCE_SECONDS
    wait_until(lambda: not working(own_place), of=None)
    assert_goes_on(undisturbed, own_place, tmp_path, *UNTRACKED, faults=1)


def test_trials_wait_for_no_start_that_stands_still(
    undisturbed: Undisturbed, own_place: Place, tmp_path: Path
) -> None:
    running, gate = undisturbed.held(own_place, tmp_path, *UNTRACKED)
    trials = [tmp_path / "trials" / trial_id for trial_id in undisturbed.long_trials]
    running.send(signal.SIGSTOP)  # as Ctrl-Z does
    gate.open()
    cut_off = [attempts(trial)[0] for trial in trials]
    wait_until(lambda: all(map(ending, cut_off)), of=running)
    running.send(signal.SIGCONT)
    assert running.finished().code == 0
    assert_over(undisturbed, tmp_path, *UNTRACKED, faults=0)
