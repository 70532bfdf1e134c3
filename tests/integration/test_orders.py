"""What a sweep is asked while it runs: to rest, to keep within a budget."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.integration.gate import Gate
from tests.integration.running import Place, assert_nothing_left, wait_until
from tests.integration.stored import attempts, beat, ending, record, times_of, trial_folders
from tests.integration.undisturbed import (
    EPOCHS,
    HEARING_SECONDS,
    NAME,
    STEPS,
    UNTRACKED,
    Undisturbed,
    assert_goes_on,
    assert_over,
)

pytestmark = pytest.mark.integration

DAWDLING_SECONDS = 1.0
"""Of each step of trials that reach a budget."""


def work_of(storage: Path) -> dict[str, int]:
    """Times of all that trials have made: their signs of life go on while they rest."""
    times = times_of(storage / "trials")
    return {name: time for name, time in times.items() if not name.endswith("/beat.json")}


def at_work(storage: Path) -> list[Path]:
    begun = [attempts(trial)[-1] for trial in trial_folders(storage).values()]
    return [attempt for attempt in begun if ending(attempt) is None]


def test_paused_sweep_rests_until_it_is_resumed(
    undisturbed: Undisturbed, own_place: Place, tmp_path: Path
) -> None:
    def ask(door: str) -> str:
        asked = own_place.start(f"orchestrator.{door}", undisturbed.spec, "--storage", tmp_path)
        finished = asked.finished()
        assert finished.code == 0, finished
        return finished.stdout

    def rests(attempt: Path) -> bool:
        return beat(attempt).get("paused") is True

    running, gate = undisturbed.held(own_place, tmp_path, seconds=HEARING_SECONDS)
    assert f"{NAME} is paused" in ask("pause")
    wait_until(lambda: all(map(rests, at_work(tmp_path))), of=running)
    resting, work = at_work(tmp_path), work_of(tmp_path)
    assert resting
    assert f"{NAME} was paused before" in ask("pause")  # takes seconds
    assert work_of(tmp_path) == work
    assert not running.is_over

    gate.open()
    assert f"{NAME} goes on" in ask("resume")
    finished = running.finished()
    assert finished.code == 0, finished
    assert all(ending(attempt) == "done" for attempt in resting)
    assert_over(undisturbed, tmp_path, faults=0)


def test_budget_stops_a_sweep_until_it_is_raised(
    undisturbed: Undisturbed, own_place: Place, tmp_path: Path
) -> None:
    """The first cap is less than the trials that dawdle at a gate take on any machine, the second
    half of what was then used; the other trials are done, however slow the machine."""
    shutil.copytree(undisturbed.storage, tmp_path, dirs_exist_ok=True)
    for folder in ("sweeps", *(f"trials/{trial_id}" for trial_id in undisturbed.long_trials)):
        shutil.rmtree(tmp_path / folder)
    gate = Gate(file=own_place.folder / "gate", steps=0, seconds=DAWDLING_SECONDS)
    cap = EPOCHS * STEPS * DAWDLING_SECONDS / 8 / 3600
    options = (*UNTRACKED, "--set", f"budget.core_hours={cap}")
    stopped = undisturbed.started(own_place, tmp_path, *options, gate=gate).finished()
    (used,) = (record(path)["elapsed"] for path in tmp_path.glob("sweeps/*/starts/*/ended.json"))
    options = (*UNTRACKED, "--set", f"budget.hours={used / 2 / 3600}")
    again = undisturbed.started(own_place, tmp_path, *options).finished()
    for name, finished in (("core_hours", stopped), ("hours", again)):
        assert finished.code == 5, finished
        assert f"budget.{name} is 0.00" in finished.stdout
        assert "raise it, and the same command goes on" in " ".join(finished.stdout.split())
    assert_nothing_left(own_place)
    assert len(own_place.sessions()) == 1, "the second cap was reached before the start"
    ends = {
        ending(attempt) for each in trial_folders(tmp_path).values() for attempt in attempts(each)
    }
    assert ends == {"done", "stopped"}
    options = (*UNTRACKED, "--set", "budget={core_hours: 1, hours: 1}")
    assert_goes_on(undisturbed, own_place, tmp_path, *options, faults=1)
