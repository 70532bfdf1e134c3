"""What MLflow has of a sweep, in a real store, and what a sweep has of an MLflow that is away."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.tracking import NoTracker, Tracker, open_tracker, tracking_uri
from orchestrator.tracking.mlflow_tracker import SWEEP_TAG, TRIAL_TAG, flat
from trainer.training import EpochRow

ROWS: list[EpochRow] = [
    {"epoch": epoch, "time": 1.7e9 + epoch, "seconds": 2.0, "loss/natural": 1 / epoch}
    for epoch in (1, 2, 3)
]
PARAMS = {"seed": 0, "data": {"name": "digits"}, "long": "x" * 600, "method": {"r": 8 / 255}}


def ours(key: str) -> bool:
    """Nobody else tells of the sweep."""
    del key
    return True


def tell(tracker: Tracker, files: list[Path]) -> bool:
    """A sweep of three trials, as a start tells it; whether all of it arrived."""
    for row in ROWS:
        told: dict[str, Any] = {"rows": lambda it=row: [it], "scores": {}, "status": "running"}
        tracker.trial("t1", name="pareto", params=PARAMS, **told)
    for trial_id, rows, scores, status in [
        ("t1", ROWS, {"robustness_score": 0.25, "union_accuracy": 0.5}, "done"),
        ("t2", ROWS[:1], {}, "failed"),
        ("t3", ROWS[:2], {}, "stopped"),
    ]:
        told = {"rows": lambda it=rows: it, "scores": scores, "status": status}
        tracker.trial(trial_id, name="pareto", params=PARAMS, **told)
    tracker.sweep(metrics={"hypervolume": 0.75}, files=files)
    return tracker.close()


def test_none_takes_everything_and_keeps_nothing(tmp_path: Path) -> None:
    tracker = open_tracker("none", str(tmp_path), "front", ours)
    assert isinstance(tracker, NoTracker)
    assert tell(tracker, [])
    assert not list(tmp_path.iterdir())


def test_sqlite_stands_for_a_database_in_the_storage() -> None:
    assert tracking_uri("sqlite", "/a/runs") == "sqlite:////a/runs/mlflow.db"
    assert tracking_uri("http://host:5000", "/a/runs") == "http://host:5000"


def test_nested_settings_are_flat_parameters() -> None:
    assert flat({"a": {"b": {"c": 1}, "d": [1, 2]}, "e": None}) == {
        "a.b.c": "1",
        "a.d": "[1, 2]",
        "e": "None",
    }


def test_parameters_hold_no_secret() -> None:
    assert flat({"url": "db://me:canary@host", "token": "canary"}) == {
        "url": "db://me:***@host",
        "token": "***",
    }


# --- a store


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A storage whose sweep was told twice, as by two starts."""
    folder = tmp_path_factory.mktemp("runs")
    front = folder / "front.csv"
    front.write_text("trial_id\nt1\n")
    assert tell(open_tracker("sqlite", str(folder), "front", ours), [front])
    assert tell(open_tracker("sqlite", str(folder), "front", ours), [front])
    return folder


@pytest.fixture(scope="module")
def client(storage: Path) -> Any:
    from mlflow import MlflowClient  # noqa: PLC0415 (slow to import)

    return MlflowClient(tracking_uri=tracking_uri("sqlite", str(storage)))


@pytest.fixture(scope="module")
def runs(client: Any) -> dict[str, Any]:
    """Runs by trial id; the sweep's own under its tag."""
    experiment = client.get_experiment_by_name("front")
    found = client.search_runs([experiment.experiment_id])
    assert len(found) == 4, "one run for each trial and one for the sweep, told twice or not"
    return {run.data.tags.get(TRIAL_TAG, SWEEP_TAG): run for run in found}


@pytest.mark.slow
def test_one_child_a_trial(runs: dict[str, Any]) -> None:
    assert set(runs) == {SWEEP_TAG, "t1", "t2", "t3"}
    parent = runs[SWEEP_TAG].info.run_id
    for trial_id in ("t1", "t2", "t3"):
        assert runs[trial_id].data.tags["mlflow.parentRunId"] == parent
        assert runs[trial_id].info.run_name == "pareto"


@pytest.mark.slow
def test_statuses_are_mlflows(runs: dict[str, Any]) -> None:
    statuses = {trial_id: run.info.status for trial_id, run in runs.items()}
    assert statuses == {SWEEP_TAG: "FINISHED", "t1": "FINISHED", "t2": "FAILED", "t3": "KILLED"}


@pytest.mark.slow
def test_settings_are_parameters(runs: dict[str, Any]) -> None:
    for trial_id in ("t1", "t2", "t3"):
        assert runs[trial_id].data.params == {
            "seed": "0",
            "data.name": "digits",
            "long": "x" * 500,
            "method.r": str(8 / 255),
        }


@pytest.mark.slow
def test_each_epoch_is_one_point(client: Any, runs: dict[str, Any]) -> None:
    history = client.get_metric_history(runs["t1"].info.run_id, "loss/natural")
    points = [(point.step, point.timestamp, point.value) for point in history]
    assert points == [(row["epoch"], row["time"] * 1000, row["loss/natural"]) for row in ROWS]
    assert set(runs["t1"].data.metrics) == {
        *("seconds", "loss/natural"),
        *("robustness_score", "union_accuracy"),
    }


@pytest.mark.slow
def test_scores_are_at_the_last_epoch(client: Any, runs: dict[str, Any]) -> None:
    (score,) = client.get_metric_history(runs["t1"].info.run_id, "robustness_score")
    assert (score.value, score.step, score.timestamp) == (0.25, 3, 1_700_000_003_000)


@pytest.mark.slow
def test_front_is_on_the_sweeps_own_run(client: Any, runs: dict[str, Any], storage: Path) -> None:
    parent = runs[SWEEP_TAG]
    assert parent.data.metrics == {"hypervolume": 0.75}
    assert [file.path for file in client.list_artifacts(parent.info.run_id)] == ["front.csv"]
    (kept,) = (storage / "mlflow-artifacts").rglob("front.csv")
    assert kept.read_text() == "trial_id\nt1\n"


# --- no store


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a user may set it; by default it takes three times as many tries of twenty seconds."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def assert_does_without(uri: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    started = time.monotonic()
    with caplog.at_level(logging.WARNING):
        tracker = open_tracker(uri, str(tmp_path), "front", ours)
        assert time.monotonic() - started < 0.5, "nobody waits for it"
        assert not tell(tracker, [])
    assert time.monotonic() - started < 30
    (record,) = caplog.records
    assert record.getMessage().startswith(f"MLflow at {uri.replace('s3cret', '***')} did not take")
    assert "the next start of the sweep sends it again" in record.getMessage()
    assert "s3cret" not in caplog.text


@pytest.mark.slow
@pytest.mark.usefixtures("impatient")
def test_refused_connection_fails_no_sweep(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        free = server.getsockname()[1]
    assert_does_without(f"http://me:s3cret@127.0.0.1:{free}", tmp_path, caplog)


@pytest.mark.slow
@pytest.mark.usefixtures("impatient")
def test_silent_server_holds_no_sweep_up(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, silent: int
) -> None:
    assert_does_without(f"http://me:s3cret@127.0.0.1:{silent}", tmp_path, caplog)


@pytest.mark.slow
def test_unknown_scheme_fails_no_sweep(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert_does_without("foo://me:s3cret@nowhere", tmp_path, caplog)
