"""A finished sweep under a harder suite: nothing is trained, and its own results stay."""

from __future__ import annotations

import json
import shutil
import signal
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from orchestrator.store import LocalFiles
from orchestrator.store.records.layout import TrialFolder
from orchestrator.store.trials.result import give_up_weights
from tests.integration.gate import Gate
from tests.integration.in_process import nothing_to_run, swept
from tests.integration.running import Finished, Place, assert_nothing_left, wait_until
from tests.integration.stored import (
    attempts,
    ending,
    epochs_trained,
    record,
    runs,
    table,
    times_of,
    trial_folders,
)
from tests.integration.undisturbed import HEARING_SECONDS

pytestmark = pytest.mark.integration

SPEC = """\
data: {name: digits, train_examples: 256}
training: {epochs: 2, batch_size: 32}
validation: {examples: 32}
methods:
  pgd: {}
  pareto: {rho: 0.4}
seeds: [0, 1]
evaluation: {examples: 48, pgd: {epsilon: 0.2, ladder: [1, 2]}, flow: null, rt: null}
"""
EPOCHS, TRIALS = 2, 6
STRONG = """\
examples: 64
pgd: {epsilon: 0.25, ladder: [4, 8]}
flow: {epsilon: 0.15, ladder: [4]}
"""
HELD = "examples: 64\nbatch_size: 16\npgd: {attack: 'gated:GatedPGD', epsilon: 0.25, ladder: [8]}\n"
"""With a sign of life at every few images, and before these a wait where there is a gate."""


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """A finished sweep that a test may change, and suites beside it."""

    folder: Path

    @property
    def storage(self) -> Path:
        return self.folder / "runs"

    @property
    def trials(self) -> dict[str, Path]:
        return trial_folders(self.storage)

    def under(self, text: str) -> tuple[str | Path, ...]:
        """Arguments of its evaluation under a suite."""
        suite = self.folder / "harder.yaml"
        suite.write_text(text)
        return (self.folder / "tiny.yaml", "--storage", self.storage, "--evaluate", suite)

    def evaluated(self, text: str, *arguments: str, **environment: str) -> Finished:
        return swept(*self.under(text), *arguments, **environment)

    def results(self) -> Path:
        """The folder of its only other suite."""
        (folder,) = (self.storage / "sweeps" / "tiny" / "suites").iterdir()
        return folder

    def harder_table(self) -> pd.DataFrame:
        return table(self.storage, f"tiny/suites/{self.results().name}")

    def own_results(self) -> dict[str, bytes]:
        """What the sweep itself has left, but for the records of its starts."""
        files = (self.storage / "sweeps" / "tiny").iterdir()
        return {path.name: path.read_bytes() for path in files if path.is_file()}

    def evaluations(self) -> dict[str, int]:
        """Suites under which each trial was evaluated: its own counts twice, on validation images
        and on the test set."""
        return {name: len(list(it.glob("evaluations/*.json"))) for name, it in self.trials.items()}

    def assert_trained_once(self) -> None:
        """No trial has trained an epoch but in its first attempt."""
        for trial in self.trials.values():
            assert epochs_trained(trial) == EPOCHS
            assert len(list(attempts(trial)[0].glob("rows/*"))) == EPOCHS


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a sweep file and its storage."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "tiny.yaml").write_text(SPEC)
    done = swept(folder / "tiny.yaml", "--storage", folder / "runs")
    assert done.code == 0, done
    return folder


@pytest.fixture
def sweep(finished: Path, tmp_path: Path) -> Sweep:
    return Sweep(folder=shutil.copytree(finished, tmp_path / "copy"))


def test_front_is_tried_alone_and_once_and_says_so(sweep: Sweep) -> None:
    own, tracked = sweep.own_results(), runs(sweep.storage, "tiny")
    trials = table(sweep.storage, "tiny").set_index("trial_id")
    is_standard = trials["method"] == "standard"
    asked_for = trials.index[trials["on_front"] | trials["selected"] | is_standard]
    given_up = trials.index[is_standard][1]
    assert give_up_weights(LocalFiles(sweep.storage), TrialFolder.of(given_up))
    wanted = set(asked_for) - {given_up}

    first = sweep.evaluated(STRONG, "--only", "front")
    assert first.code == 0, first
    assert f"tiny: {TRIALS} trials, {len(wanted)} to evaluate under harder.yaml" in first.stdout
    assert "1 of 6 trials have no weights to evaluate: 1 given up" in first.stdout
    sweep.assert_trained_once()
    expected = {name: 1 + (name in wanted) for name in trials.index}
    assert {name: len(attempts(it)) for name, it in sweep.trials.items()} == expected
    assert sweep.evaluations() == {name: 1 + count for name, count in expected.items()}
    assert sweep.own_results() == own
    assert runs(sweep.storage, "tiny") == tracked

    harder = sweep.harder_table().set_index("trial_id")
    assert list(harder.index) == list(trials.index)
    assert set(harder.index[harder["status"] == "done"]) == wanted
    assert set(harder["status"]) == {"done", "pending"}
    said = f"{len(wanted)} of 6 trials evaluated under harder.yaml: the front of the suite before"
    assert said in (sweep.results() / "front.svg").read_text()
    assert said in first.stdout
    front = json.loads((sweep.results() / "front.json").read_text())
    assert front["suite"]["evaluated"] == len(wanted)
    assert front["suite"]["without_weights"] == {"given up": 1}

    times = times_of(sweep.storage / "trials")
    again = nothing_to_run(*sweep.under(STRONG), "--only", "front")
    assert again.code == 0, again
    assert times_of(sweep.storage / "trials") == times
    assert sweep.harder_table().set_index("trial_id").equals(harder)
    assert sweep.own_results() == own


def test_signal_stops_it_and_the_same_command_goes_on(sweep: Sweep, own_place: Place) -> None:
    gate = Gate(file=own_place.folder / "gate", seconds=HEARING_SECONDS)
    running = own_place.sweep(*sweep.under(HELD), **gate.environment)
    wait_until(gate.workers, of=running)
    running.send(signal.SIGINT)
    stopped = running.finished()
    assert stopped.code == 130, stopped
    statuses = Counter(sweep.harder_table()["status"])
    assert statuses["stopped"] >= 1
    assert statuses.keys() <= {"done", "stopped", "pending"}

    assert_nothing_left(own_place)

    went_on = own_place.swept(*sweep.under(HELD))
    assert went_on.code == 0, went_on
    assert set(sweep.harder_table()["status"]) == {"done"}
    assert set(sweep.evaluations().values()) == {3}
    sweep.assert_trained_once()
    assert set(table(sweep.storage, "tiny")["status"]) == {"done"}


def test_failing_attack_leaves_the_sweep_as_it_was(sweep: Sweep) -> None:
    own = sweep.own_results()
    refusing = STRONG.replace("pgd: {", "pgd: {attack: 'faulty:Refusing', ")
    failed = sweep.evaluated(refusing, FAULTY="yes")
    assert failed.code == 1, failed
    assert sweep.harder_table()["failure"].str.startswith("exception: LookupError").all()
    assert sweep.own_results() == own

    again = nothing_to_run(sweep.folder / "tiny.yaml", "--storage", sweep.storage)
    assert again.code == 0, again
    assert sweep.own_results()["trials.csv"] == own["trials.csv"]
    skipped = nothing_to_run(*sweep.under(refusing))
    assert skipped.code == 1, skipped
    retried = sweep.evaluated(refusing, "--retry-failed")
    assert retried.code == 0, retried
    assert set(sweep.evaluations().values()) == {3}
    sweep.assert_trained_once()


def test_starts_that_join_share_it(sweep: Sweep, own_place: Place) -> None:
    gate = Gate(file=own_place.folder / "gate")
    command = (*sweep.under(HELD), "--join")
    both = [own_place.sweep(*command, **gate.environment) for _ in range(2)]
    wait_until(lambda: len(gate.workers()) == 4, of=both[0])
    gate.open()
    for joined in both:
        ended = joined.finished()
        assert ended.code == 0, ended
    assert set(sweep.evaluations().values()) == {3}
    sweep.assert_trained_once()
    for trial in sweep.trials.values():
        later = attempts(trial)[1:]
        assert [ending(attempt) for attempt in later].count("done") == 1
        assert {record(attempt / "lease.json")["about"]["evaluates"] for attempt in later} == {
            sweep.results().name.rpartition("-")[2]
        }
