"""A sweep that tells a real MLflow server of itself, also where the server is killed meanwhile."""

from __future__ import annotations

import os
import signal
import sqlite3
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.integration.running import Finished, Place, Running, free_port, wait_until
from tests.integration.stored import attempts, rows, table, times_of, trial_folders

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

pytestmark = pytest.mark.integration

EPOCHS = 5
SPEC = f"""\
data: {{name: digits, train_examples: 640}}
training: {{epochs: {EPOCHS}}}
validation: {{examples: 32}}
methods: {{pareto: {{rho: 0.4}}}}
evaluation:
  examples: 48
  pgd: {{epsilon: 0.2, ladder: [1, 2]}}
  flow: null
  rt: {{epsilon: 0.25, num_restarts: 1, ladder: [1, 2]}}
"""


class Server:
    """An MLflow server on a port of its own, which can be killed and started again."""

    def __init__(self, place: Place, folder: Path) -> None:
        """Start it; its database and artifacts lie in `folder`."""
        self._place = place
        self._folder = folder
        self._port = free_port()
        self.uri = f"http://127.0.0.1:{self._port}"
        self.start()

    def start(self) -> None:
        """Start, and wait until it answers."""
        arguments = {
            "--host": "127.0.0.1",
            "--port": str(self._port),
            "--workers": "1",
            "--backend-store-uri": f"sqlite:///{self._folder / 'mlflow.db'}",
            "--artifacts-destination": str(self._folder / "artifacts"),
        }
        options = [text for pair in arguments.items() for text in pair]
        self._running: Running = self._place.start(
            "mlflow", "server", *options, MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false"
        )
        wait_until(self._answers, of=self._running)

    def kill(self) -> None:
        """End all its processes at once."""
        self._running.send_to_group(signal.SIGKILL)
        self._running.finished()

    def num_metrics(self) -> int:
        """Points of all epochs and trials that it keeps."""
        with sqlite3.connect(self._folder / "mlflow.db") as database:
            (count,) = database.execute("SELECT COUNT(*) FROM metrics").fetchone()
        return int(count)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.uri}/health", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False


@dataclass(frozen=True, kw_only=True)
class Tracked:
    """What the server knows of one sweep."""

    client: MlflowClient
    parent: Run
    children: dict[str, Run]  # by trial id

    @classmethod
    def of(cls, server: Server, sweep: str) -> Tracked:
        """Ask the server; there is one run for the sweep, and one for each trial."""
        os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
        from mlflow import MlflowClient  # noqa: PLC0415 (seconds, for these tests alone)

        client = MlflowClient(tracking_uri=server.uri)
        experiment = client.get_experiment_by_name(sweep)
        assert experiment is not None
        runs = client.search_runs([experiment.experiment_id])
        (parent,) = (run for run in runs if "pareto.sweep" in run.data.tags)
        trials = [run for run in runs if run is not parent]
        children = {run.data.tags["pareto.trial_id"]: run for run in trials}
        assert len(children) == len(trials)
        return cls(client=client, parent=parent, children=children)

    def assert_complete(self, storage: Path, sweep: str) -> None:
        """Everything of the sweep in the storage is on the server, once."""
        trials = table(storage, sweep).set_index("trial_id")
        assert self.children.keys() == set(trials.index) == trial_folders(storage).keys()
        assert self.parent.info.status == "FINISHED"
        for trial_id, run in self.children.items():
            assert run.info.status == "FINISHED"
            assert run.data.tags["mlflow.parentRunId"] == self.parent.info.run_id
            assert run.data.params["method.kind"] == trials["method"][trial_id]
            assert run.data.params["training.epochs"] == str(EPOCHS)
            assert run.info.start_time < run.info.end_time <= self.parent.info.end_time
            for score in ("robustness_score", "sacrificed_accuracy", "union_accuracy", "seconds"):
                assert run.data.metrics[score] == trials[score][trial_id]
            self._assert_epochs(run, storage / "trials" / trial_id)
        self._assert_files(storage / "sweeps" / sweep)

    def _assert_epochs(self, run: Run, trial: Path) -> None:
        known = rows(attempts(trial)[-1])
        assert len(known) == EPOCHS
        for name in known[0].keys() - {"epoch", "time"}:
            its_name = "epoch_seconds" if name == "seconds" else name
            history = self.client.get_metric_history(run.info.run_id, its_name)
            points = sorted((point.step, point.value) for point in history)
            assert points == [(row["epoch"], row[name]) for row in known], name

    def _assert_files(self, folder: Path) -> None:
        run_id = self.parent.info.run_id
        names = {file.path for file in self.client.list_artifacts(run_id)}
        assert names >= {"trials.csv", "front.csv", "front.json", "front.png", "front.svg"}
        for name in names:
            copy = Path(self.client.download_artifacts(run_id, name))
            assert copy.read_bytes() == (folder / name).read_bytes(), name


@pytest.fixture(scope="module")
def server(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(place, tmp_path_factory.mktemp("server"))
    yield server
    server.kill()


def sweep(place: Place, folder: Path, name: str, server: Server) -> Running:
    spec = folder / f"{name}.yaml"
    spec.write_text(SPEC)
    return place.sweep(spec, "--storage", folder, "--tracking-uri", server.uri)


def test_sweep_is_on_the_server_whole(server: Server, place: Place, tmp_path: Path) -> None:
    finished = sweep(place, tmp_path, "whole", server).finished()
    assert finished.code == 0, finished
    assert "incomplete" not in finished.stdout
    tracked = Tracked.of(server, "whole")
    tracked.assert_complete(tmp_path, "whole")
    assert tracked.parent.info.artifact_uri.startswith("mlflow-artifacts:")
    assert not (tmp_path / "mlflow.db").exists()


def test_killed_server_costs_the_sweep_nothing_and_is_told_later(
    server: Server, place: Place, tmp_path: Path
) -> None:
    before = server.num_metrics()
    running = sweep(place, tmp_path, "cut", server)
    wait_until(lambda: server.num_metrics() > before, of=running)
    server.kill()
    finished = running.finished()
    _assert_said_incomplete(finished, server)
    assert set(table(tmp_path, "cut")["status"]) == {"done"}
    times = times_of(tmp_path / "trials")

    server.start()
    some = Tracked.of(server, "cut")
    assert some.children
    finished = sweep(place, tmp_path, "cut", server).finished()
    assert finished.code == 0, finished
    assert finished.stderr == ""
    assert "incomplete" not in finished.stdout
    assert times_of(tmp_path / "trials") == times
    whole = Tracked.of(server, "cut")
    whole.assert_complete(tmp_path, "cut")
    assert whole.parent.info.run_id == some.parent.info.run_id
    for trial_id, run in some.children.items():
        assert whole.children[trial_id].info.run_id == run.info.run_id


def _assert_said_incomplete(finished: Finished, server: Server) -> None:
    assert finished.code == 0, finished
    assert f"MLflow at {server.uri} did not take a record" in finished.stderr
    assert "Traceback" not in finished.stderr
    assert "incomplete: the next start sends the rest" in finished.stdout
