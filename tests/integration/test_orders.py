"""What a sweep is asked while it runs: to rest, to keep within a budget."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.running import Place, assert_nothing_left, wait_until
from tests.integration.stored import attempts, beat, ending, epochs_kept, times_of, trial_folders
from tests.integration.undisturbed import NAME, UNTRACKED, Undisturbed, assert_undisturbed

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]


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

    running = undisturbed.started(own_place, tmp_path)
    trial = tmp_path / "trials" / undisturbed.long_trials[0]
    wait_until(lambda: epochs_kept(trial) >= 1, of=running, seconds=120)
    assert f"{NAME} is paused" in ask("pause")
    wait_until(lambda: all(map(rests, at_work(tmp_path))), of=running, seconds=60)
    resting, work = at_work(tmp_path), work_of(tmp_path)
    assert resting
    assert f"{NAME} was paused before" in ask("pause")  # takes seconds
    assert work_of(tmp_path) == work
    assert not running.is_over

    assert f"{NAME} goes on" in ask("resume")
    finished = running.finished()
    assert finished.code == 0, finished
    assert all(ending(attempt) == "done" for attempt in resting)
    assert_undisturbed(undisturbed, own_place, tmp_path, faults=0)


def test_budget_stops_a_sweep_until_it_is_raised(
    undisturbed: Undisturbed, own_place: Place, tmp_path: Path
) -> None:
    for cap, value in (("core_hours", 0.0005), ("hours", 0.001)):
        options = (*UNTRACKED, "--set", f"budget.{cap}={value}")
        finished = undisturbed.started(own_place, tmp_path, *options).finished()
        assert finished.code == 5, finished
        assert f"budget.{cap} is {value}, and " in finished.stdout
        assert "raise it, and the same command goes on" in " ".join(finished.stdout.split())
        assert_nothing_left(own_place)
    assert len(own_place.sessions()) == 1, "the second cap was reached before the start"
    ends = [
        ending(attempt) for each in trial_folders(tmp_path).values() for attempt in attempts(each)
    ]
    assert set(ends) == {"done", "stopped"}
    options = (*UNTRACKED, "--set", "budget={core_hours: 1, hours: 1}")
    assert_undisturbed(undisturbed, own_place, tmp_path, *options, faults=1)
