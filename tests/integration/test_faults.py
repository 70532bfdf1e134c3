"""Workers, drivers and users' own code that fail in mid-sweep, and what the same command makes of
it afterwards: nothing is lost but the epoch under way, and results are equal bit for bit."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.running import (
    Place,
    Running,
    assert_nothing_left,
    new_place,
    wait_until,
)
from tests.integration.stored import (
    assert_same_result,
    attempts,
    epochs_kept,
    record,
    rows,
    table,
    times_of,
    trial_folders,
)

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

EPOCHS = 6
GRACE_SECONDS = 30.0
"""From a signal to the end: what a service manager would wait."""

LONG = f"""\
data: {{name: digits, train_examples: 640}}
training: {{epochs: {EPOCHS}}}
validation: {{examples: 32}}
methods: {{pareto: {{rho: 0.4}}}}
evaluation:
  examples: 48
  pgd: {{epsilon: 0.2, ladder: [1, 2]}}
  flow: null
  rt: {{epsilon: 0.25, ladder: [1, 2]}}
tracking: none
"""
SHORT = """\
data: {name: digits, train_examples: 128}
training: {epochs: 1}
validation: {examples: 32}
methods: METHODS
evaluation:
  examples: 48
  pgd: {attack: ATTACK, epsilon: 0.2, ladder: [1, 2]}
  flow: null
  rt: null
tracking: none
"""


@dataclass(frozen=True, kw_only=True)
class Undisturbed:
    """The long sweep, run once with no fault but a second start that came too early."""

    spec: Path
    storage: Path
    running: int
    second_start: str
    second_code: int

    @property
    def pareto(self) -> str:
        """The id of the trial that faults are aimed at."""
        trials = table(self.storage, "long")
        (trial_id,) = trials["trial_id"][trials["method"] == "pareto"]
        return str(trial_id)

    def assert_equalled_in(self, storage: Path) -> None:
        """The sweep in another storage has the same trials, with the same results."""
        ours, theirs = table(self.storage, "long"), table(storage, "long")
        timeless = [column for column in ours if column != "seconds"]
        assert ours[timeless].equals(theirs[timeless])
        for trial_id in ours["trial_id"]:
            trials = (self.storage / "trials", storage / "trials")
            assert_same_result(*(folder / trial_id for folder in trials))


@pytest.fixture(scope="module")
def undisturbed(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    folder = tmp_path_factory.mktemp("undisturbed")
    spec, storage = folder / "long.yaml", folder / "runs"
    spec.write_text(LONG)
    running = place.sweep(spec, "--storage", storage)
    held = storage / "sweeps" / "long" / "held.json"
    wait_until(held.exists, of=running, seconds=60)
    second = place.swept(spec, "--storage", storage)
    assert not running.is_over, "the second start came too late to be one"
    finished = running.finished()
    assert finished.code == 0, finished
    return Undisturbed(
        spec=spec,
        storage=storage,
        running=running.id,
        second_start=second.stderr,
        second_code=second.code,
    )


@pytest.fixture
def own_place() -> Iterator[Place]:
    """A place of the test's own, where it can tell whether anything is left running."""
    with new_place() as found:
        yield found


def started(place: Place, spec: Path, storage: Path) -> Running:
    return place.sweep(spec, "--storage", storage)


def working(place: Place) -> list[str]:
    """Processes but Ray's agents, which idle for a minute when their node was killed."""
    return [title for title in place.processes().values() if not title.endswith("Agent")]


def wait_for_epochs(running: Running, trial: Path, epochs: int) -> None:
    wait_until(lambda: epochs_kept(trial) >= epochs, of=running, seconds=120)


def test_second_start_is_refused_by_name_of_host_and_process(undisturbed: Undisturbed) -> None:
    assert undisturbed.second_code == 4
    assert f"process {undisturbed.running} on {socket.gethostname()}" in undisturbed.second_start


def test_killed_worker_is_replaced_and_goes_on_from_its_checkpoint(
    undisturbed: Undisturbed, own_place: Place, tmp_path: Path
) -> None:
    running = started(own_place, undisturbed.spec, tmp_path)
    trial = tmp_path / "trials" / undisturbed.pareto
    wait_for_epochs(running, trial, 2)
    worker = record(trial / "trial.json")["provenance"]["process"]
    assert worker in own_place.processes()
    killed_at = time.time()
    os.kill(worker, signal.SIGKILL)

    finished = running.finished()
    assert finished.code == 0, finished
    assert_nothing_left(own_place)
    first, second = (rows(attempt) for attempt in attempts(trial))
    resumed_at = sum(row["time"] < killed_at for row in second)
    assert 2 <= resumed_at <= len(first) < EPOCHS
    assert second[:resumed_at] == first[:resumed_at]
    assert [row["epoch"] for row in second] == list(range(1, EPOCHS + 1))
    undisturbed.assert_equalled_in(tmp_path)
    assert finished.stderr == (
        f"WARNING: the worker of trial {trial.name} died; another takes it up from its last "
        f"checkpoint\n"
    )


def test_killed_driver_leaves_nothing_running_and_is_succeeded(
    undisturbed: Undisturbed, own_place: Place, tmp_path: Path
) -> None:
    running = started(own_place, undisturbed.spec, tmp_path)
    trial = tmp_path / "trials" / undisturbed.pareto
    wait_for_epochs(running, trial, 2)
    assert working(own_place)
    running.send(signal.SIGKILL)
    assert running.finished().code == -signal.SIGKILL
    wait_until(lambda: not working(own_place), of=None, seconds=GRACE_SECONDS)

    finished = started(own_place, undisturbed.spec, tmp_path).finished()
    assert finished.code == 0, finished
    assert len(attempts(trial)) == 2
    assert_nothing_left(own_place, seconds=120)
    undisturbed.assert_equalled_in(tmp_path)


def test_lost_cluster_is_told_by_the_exit_code(own_place: Place, tmp_path: Path) -> None:
    spec, storage = tmp_path / "long.yaml", tmp_path / "runs"
    spec.write_text(LONG.replace(f"epochs: {EPOCHS}", "epochs: 1000"))
    running = started(own_place, spec, storage)
    wait_until(
        lambda: any(epochs_kept(trial) for trial in trial_folders(storage).values()),
        of=running,
        seconds=120,
    )
    (raylet,) = (id for id, title in own_place.processes().items() if "/raylet " in title)
    os.kill(raylet, signal.SIGKILL)
    finished = running.finished(GRACE_SECONDS)
    assert finished.code == 3, finished
    assert "the Ray cluster is lost" in finished.stderr
    wait_until(lambda: not working(own_place), of=None, seconds=GRACE_SECONDS)

    plan = own_place.swept(spec, "--storage", storage, "--dry-run", "--json")
    assert "stopped" in json.loads(plan.stdout)["counts"]


def test_signals_stop_a_sweep_in_good_order_and_it_goes_on(
    undisturbed: Undisturbed, own_place: Place, tmp_path: Path
) -> None:
    trial = tmp_path / "trials" / undisturbed.pareto
    for epochs, number, code in ((1, signal.SIGTERM, 143), (3, signal.SIGINT, 130)):
        running = started(own_place, undisturbed.spec, tmp_path)
        wait_for_epochs(running, trial, epochs)
        if number == signal.SIGINT:
            running.send_to_group(number)
        else:
            running.send(number)
        finished = running.finished(GRACE_SECONDS)
        assert finished.code == code, finished
        assert "the same command goes on from here" in finished.stdout
        assert "Traceback" not in finished.stderr
        assert_nothing_left(own_place)
        statuses = table(tmp_path, "long").set_index("trial_id")["status"]
        assert statuses[undisturbed.pareto] == "stopped"
        assert (tmp_path / "sweeps" / "long" / "front.json").exists()

    finished = started(own_place, undisturbed.spec, tmp_path).finished()
    assert finished.code == 0, finished
    assert len(attempts(trial)) == 3
    undisturbed.assert_equalled_in(tmp_path)


def test_signal_before_the_first_trial_stops_a_sweep_as_well(
    undisturbed: Undisturbed, own_place: Place, tmp_path: Path
) -> None:
    running = started(own_place, undisturbed.spec, tmp_path)
    wait_until(own_place.sessions, of=running, seconds=60)
    running.send(signal.SIGTERM)
    finished = running.finished(GRACE_SECONDS)
    assert finished.code == 143, finished
    assert "the sweep broke off" not in finished.stderr
    assert set(table(tmp_path, "long")["status"]) == {"pending"}
    assert_nothing_left(own_place)


def test_failing_method_is_recorded_and_rerun_on_request_alone(
    place: Place, tmp_path: Path
) -> None:
    spec, storage = tmp_path / "short.yaml", tmp_path / "runs"
    methods = "{pgd: {}, own: {method: 'faulty:Raising'}}"
    spec.write_text(SHORT.replace("METHODS", methods).replace("ATTACK", "pgd"))

    finished = place.swept(spec, "--storage", storage, FAULTY="yes")
    assert finished.code == 1, finished
    trials = table(storage, "short").set_index("method")
    assert trials["status"].to_dict() == {"standard": "done", "pgd": "done", "own": "failed"}
    assert trials["failure"]["own"] == "exception: LookupError: no such weight"
    assert trials["failure"].isna().sum() == 2
    assert f"failed: {trials['trial_id']['own']}" in finished.stdout
    assert set(table(storage, "short", "front.csv")["method"]) <= {"standard", "pgd"}
    failure = record(storage / "trials" / trials["trial_id"]["own"] / "failure.json")
    assert "faulty.py" in failure["details"]

    times, sessions = times_of(storage), place.sessions()
    finished = place.swept(spec, "--storage", storage, FAULTY="yes")
    assert finished.code == 1, finished
    assert times_of(storage) == times
    assert place.sessions() == sessions

    finished = place.swept(spec, "--storage", storage, "--retry-failed")
    assert finished.code == 0, finished
    trials = table(storage, "short")
    assert set(trials["status"]) == {"done"}
    assert trials["failure"].isna().all()


def test_failing_evaluation_keeps_the_weights_and_leaves_scores_empty(
    place: Place, tmp_path: Path
) -> None:
    spec, storage = tmp_path / "short.yaml", tmp_path / "runs"
    spec.write_text(SHORT.replace("METHODS", "{standard: {}}").replace("ATTACK", "faulty:Refusing"))

    finished = place.swept(spec, "--storage", storage, FAULTY="yes")
    assert finished.code == 1, finished
    (trial,) = table(storage, "short").to_dict("records")
    assert trial["failure"] == "exception: LookupError: no such rung"
    assert trial["robustness_score"] != trial["robustness_score"]
    assert table(storage, "short", "front.csv").empty
    times = times_of(storage)

    finished = place.swept(spec, "--storage", storage, "--retry-failed")
    assert finished.code == 0, finished
    (trial,) = table(storage, "short").to_dict("records")
    assert trial["status"] == "done"
    assert trial["failure"] != trial["failure"]
    assert trial["robustness_score"] == 0
    kept = {name: at for name, at in times.items() if not name.endswith("failure.json")}
    assert kept.items() <= times_of(storage).items()


def test_trial_whose_worker_always_dies_is_given_up_and_the_sweep_goes_on(
    place: Place, tmp_path: Path
) -> None:
    spec, storage = tmp_path / "short.yaml", tmp_path / "runs"
    methods = "{own: {method: 'faulty:Dying'}, pgd: {}}"
    spec.write_text(SHORT.replace("METHODS", methods).replace("ATTACK", "pgd"))

    finished = place.swept(spec, "--storage", storage, "--set", "retries=1", FAULTY="yes")
    assert finished.code == 1, finished
    trials = table(storage, "short").set_index("method")
    assert trials["status"].to_dict() == {"standard": "done", "own": "failed", "pgd": "done"}
    assert trials["failure"]["own"] == "worker_lost: its worker died 2 times"

    finished = place.swept(spec, "--storage", storage, "--json")  # by no fault of its own
    assert finished.code == 0, finished
    assert json.loads(finished.stdout)["counts"] == {"done": 3}
