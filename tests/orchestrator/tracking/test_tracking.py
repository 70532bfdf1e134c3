"""What MLflow has of a sweep, in a real store, and what a sweep has of an MLflow that is away."""

from __future__ import annotations

import json
import logging
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy.engine import make_url
from typer.testing import CliRunner

from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.sweep import app
from orchestrator.tracking import NoTracker, TrackedTrial, Tracker, open_tracker, tracking_uri
from orchestrator.tracking.database import database_uri
from orchestrator.tracking.mlflow_tracker import NAMES_TAG, PRUNED_TAG, SWEEP_TAG, TRIAL_TAG, flat
from orchestrator.tracking.names import MAX_NAME_LENGTH, text, valid_name
from trainer.training.loop import EpochRow

ROWS: list[EpochRow] = [
    {"epoch": epoch, "time": 1.7e9 + epoch, "seconds": 2.0, "loss/natural": 1 / epoch}
    for epoch in (1, 2, 3)
]
ODD = "flow (strong), x=2"
PARAMS = {
    "seed": 0,
    "data": {"name": "digits"},
    "long": "x" * 600,
    "method": {"r": 8 / 255},
    "attacks": {ODD: {"kind": "=1+1"}},
}
BEGAN, ENDED = "2023-11-14T22:13:00+00:00", "2023-11-14T22:14:30+00:00"
SCORES = {
    "robustness_score": 0.25,
    "seconds": 6.0,
    "robust_accuracy_pgd@8/255": 0.5,
    "robust_accuracy_pgd=8/255": 0.75,
}
NAME = "<script>alert(1)</script> =1+1\x07"


def ours(key: str) -> bool:
    """Nobody else tells of the sweep."""
    del key
    return True


def tracked(trial_id: str, status: str, **changed: Any) -> TrackedTrial:
    """What a tracker is told of a trial."""
    rows = changed.pop("rows", ROWS)
    facts: dict[str, Any] = {
        "name": NAME,
        "params": PARAMS,
        "scores": {},
        "pruned": None,
        "rows": lambda: rows,
        "began": lambda: BEGAN,
        "ended": None if status == "running" else ENDED,
    }
    return TrackedTrial(id=trial_id, status=status, **facts | changed)


def tell(tracker: Tracker, files: list[Path]) -> bool:
    """A sweep of three trials, as a start tells it; whether all of it arrived."""
    for row in ROWS:
        tracker.trial(tracked("t1", "running", rows=[row]))
    tracker.trial(tracked("t1", "done", scores=SCORES))
    tracker.trial(tracked("t2", "failed", rows=ROWS[:1]))
    tracker.trial(tracked("t3", "stopped", rows=ROWS[:2]))
    tracker.sweep(metrics={"hypervolume": 0.75}, files=files)
    return tracker.close()


def test_none_takes_everything_and_keeps_nothing(tmp_path: Path) -> None:
    tracker = open_tracker("none", str(tmp_path), "front", ours)
    assert isinstance(tracker, NoTracker)
    assert tell(tracker, [])
    assert not list(tmp_path.iterdir())


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


# --- where


def test_sqlite_stands_for_a_database_in_the_storage() -> None:
    assert tracking_uri("sqlite", "/a/my runs") == "sqlite:////a/my runs/mlflow.db"
    assert tracking_uri("http://host:5000", "/a/runs") == "http://host:5000"


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
@example("a?b")
@example("50%25 a%20b #;&@:+")
def test_a_databases_uri_leads_back_to_its_path(name: str) -> None:
    assert make_url(database_uri(f"/{name}/mlflow.db")).database == f"/{name}/mlflow.db"


@pytest.mark.parametrize("uri", ["./mlruns", "databricks"])
def test_a_variable_for_other_programs_stops_no_sweep(
    uri: str, read: Callable[..., SweepSpec], caplog: pytest.LogCaptureFixture
) -> None:
    digits = "data: digits\nmethods: {pgd: {}}\n"
    spec = read(digits, MLFLOW_TRACKING_URI=uri)
    assert spec.tracking == "sqlite"
    (note,) = spec.notes
    assert note.startswith("MLFLOW_TRACKING_URI is left aside: it must be none, sqlite or a URI")
    assert repr(uri) in note
    assert not read(f"{digits}tracking: none\n", MLFLOW_TRACKING_URI=uri).notes
    assert not read(digits, "tracking=http://host:5000", MLFLOW_TRACKING_URI=uri).notes
    environment = {"MLFLOW_TRACKING_URI": uri}
    arguments = ["sweep.yaml", "--dry-run", "--set", "resources.cpu=1"]
    result = CliRunner().invoke(app, arguments, env=environment)
    assert result.exit_code == 0, result.output
    assert note in caplog.text
    result = CliRunner().invoke(app, [*arguments, "--storage", "s3://bucket/runs"], env=environment)
    assert result.exit_code == 2
    assert note in result.output


TELLS = """
import sys
from orchestrator.tracking import open_tracker

open_tracker("sqlite", sys.argv[1], "front", lambda key: True).close()
"""


@pytest.mark.slow
def test_a_database_whose_maker_was_killed_is_made_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Half of MLflow's schema it would refuse ever after."""
    unfinished = tmp_path / ".mlflow.db.unfinished"
    with subprocess.Popen([sys.executable, "-c", TELLS, str(tmp_path)]) as maker:
        while not (unfinished.exists() and unfinished.stat().st_size):
            assert maker.poll() is None
            time.sleep(0.001)
        maker.kill()
    assert not (tmp_path / "mlflow.db").exists()
    assert tell(open_tracker("sqlite", str(tmp_path), "front", ours), [])
    assert not caplog.records
    assert not unfinished.exists()


# --- names


@pytest.mark.slow
@given(st.text(st.sampled_from("aB0é_-.: /@(),=<>\n\x00☃")) | st.text(max_size=400))
def test_names_are_such_as_mlflow_takes(name: str) -> None:
    from mlflow.utils.validation import (  # noqa: PLC0415 (slow to import)
        _validate_metric_name,
        _validate_param_name,
    )

    valid = valid_name(name)
    _validate_metric_name(valid)
    _validate_param_name(valid)
    assert 1 <= len(valid) <= MAX_NAME_LENGTH
    assert valid_name(valid) == valid


def test_names_stay_as_they_are_where_they_can() -> None:
    for name in ("robust_accuracy_pgd", "loss/natural", "a b", "training.epochs", "é:1"):
        assert valid_name(name) == name


def test_names_that_are_altered_stay_apart() -> None:
    altered = {valid_name(f"pgd{sign}8/255") for sign in "@=(,#"}
    assert len(altered) == 5
    assert all(re.fullmatch(r"pgd_8/255 [0-9a-f]{8}", name) for name in altered)
    assert len({valid_name("x" * 300), valid_name("x" * 301)}) == 2


def test_text_is_on_one_line() -> None:
    assert text("=1+1 <script> é") == "=1+1 <script> é"
    assert text("a\nb\x00\x1b[31m\ud800") == r"a\nb\x00\x1b[31m\ud800"


# --- a store


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A storage whose sweep was told twice, as by two starts."""
    folder = tmp_path_factory.mktemp("tracked") / "a?b 50%20"
    folder.mkdir()
    front = folder / "front.csv"
    front.write_text("trial_id\nt1\n")
    assert tell(open_tracker("sqlite", str(folder), "it's a front", ours), [front])
    assert tell(open_tracker("sqlite", str(folder), "it's a front", ours), [front])
    return folder


@pytest.fixture(scope="module")
def client(storage: Path) -> Any:
    from mlflow import MlflowClient  # noqa: PLC0415 (slow to import)

    return MlflowClient(tracking_uri=tracking_uri("sqlite", str(storage)))


def runs_of(client: Any, sweep: str) -> dict[str, Any]:
    """Runs by trial id; the sweep's own under its tag."""
    experiment = client.get_experiment_by_name(sweep)
    found = client.search_runs([experiment.experiment_id])
    by_id = {run.data.tags.get(TRIAL_TAG, SWEEP_TAG): run for run in found}
    assert len(by_id) == len(found), "one run for each trial and one for the sweep"
    return by_id


@pytest.fixture(scope="module")
def runs(client: Any) -> dict[str, Any]:
    return runs_of(client, "it's a front")


@pytest.mark.slow
def test_database_is_in_the_storage_and_nothing_lies_beside(runs: object, storage: Path) -> None:
    del runs
    assert (storage / "mlflow.db").stat().st_size
    assert list(storage.parent.iterdir()) == [storage]


@pytest.mark.slow
def test_one_child_a_trial(runs: dict[str, Any]) -> None:
    assert set(runs) == {SWEEP_TAG, "t1", "t2", "t3"}
    parent = runs[SWEEP_TAG].info.run_id
    for trial_id in ("t1", "t2", "t3"):
        assert runs[trial_id].data.tags["mlflow.parentRunId"] == parent
        assert runs[trial_id].info.run_name == r"<script>alert(1)</script> =1+1\x07"


@pytest.mark.slow
def test_statuses_are_mlflows(runs: dict[str, Any]) -> None:
    statuses = {trial_id: run.info.status for trial_id, run in runs.items()}
    assert statuses == {SWEEP_TAG: "FINISHED", "t1": "FINISHED", "t2": "FAILED", "t3": "KILLED"}


@pytest.mark.slow
def test_times_are_the_trials_own(runs: dict[str, Any]) -> None:
    for trial_id in ("t1", "t2", "t3"):
        info = runs[trial_id].info
        assert (info.start_time, info.end_time) == (1_699_999_980_000, 1_700_000_070_000)
    assert runs[SWEEP_TAG].info.end_time == 1_700_000_070_000


@pytest.mark.slow
def test_settings_are_parameters(runs: dict[str, Any]) -> None:
    for trial_id in ("t1", "t2", "t3"):
        assert runs[trial_id].data.params == {
            "seed": "0",
            "data.name": "digits",
            "long": "x" * 500,
            "method.r": str(8 / 255),
            valid_name(f"attacks.{ODD}.kind"): "=1+1",
        }


@pytest.mark.slow
def test_each_epoch_is_one_point(client: Any, runs: dict[str, Any]) -> None:
    history = client.get_metric_history(runs["t1"].info.run_id, "loss/natural")
    points = [(point.step, point.timestamp, point.value) for point in history]
    assert points == [(row["epoch"], row["time"] * 1000, row["loss/natural"]) for row in ROWS]


@pytest.mark.slow
def test_scores_are_at_the_last_epoch(client: Any, runs: dict[str, Any]) -> None:
    (score,) = client.get_metric_history(runs["t1"].info.run_id, "robustness_score")
    assert (score.value, score.step, score.timestamp) == (0.25, 3, 1_700_000_003_000)


@pytest.mark.slow
def test_each_score_is_there_whatever_its_label(runs: dict[str, Any]) -> None:
    epochs_own = {"loss/natural": 1 / 3, "epoch_seconds": 2.0}
    scores = {valid_name(name): value for name, value in SCORES.items()}
    assert runs["t1"].data.metrics == scores | epochs_own
    labels = json.loads(runs["t1"].data.tags[NAMES_TAG])
    odd = [name for name in SCORES if not name.isidentifier()]
    assert labels == {valid_name(name): name for name in [f"attacks.{ODD}.kind", *odd]}


@pytest.mark.slow
def test_front_is_on_the_sweeps_own_run(client: Any, runs: dict[str, Any], storage: Path) -> None:
    parent = runs[SWEEP_TAG]
    assert parent.data.metrics == {"hypervolume": 0.75}
    assert [file.path for file in client.list_artifacts(parent.info.run_id)] == ["front.csv"]
    (kept,) = (storage / "mlflow-artifacts").rglob("front.csv")
    assert kept.read_text() == "trial_id\nt1\n"


@pytest.mark.slow
def test_trial_that_is_tried_again_keeps_its_beginning(client: Any, storage: Path) -> None:
    def opened() -> Tracker:
        return open_tracker("sqlite", str(storage), "again", ours)

    assert tell(opened(), [])
    tracker = opened()
    tracker.trial(tracked("t2", "running", rows=ROWS[1:2]))
    assert tracker.close()
    runs = runs_of(client, "again")
    assert (runs["t2"].info.status, runs[SWEEP_TAG].info.status) == ("RUNNING", "RUNNING")
    tracker = opened()
    later = "2023-11-14T23:00:00+00:00"
    tracker.trial(tracked("t2", "done", ended=later, began=lambda: later))
    tracker.sweep(metrics={}, files=[])
    assert tracker.close()
    runs = runs_of(client, "again")
    for run in (runs["t2"], runs[SWEEP_TAG]):
        assert (run.info.status, run.info.end_time) == ("FINISHED", 1_700_002_800_000)
    assert runs["t2"].info.start_time == 1_699_999_980_000


@pytest.mark.slow
def test_pruned_trial_says_by_what_until_it_goes_on(client: Any, storage: Path) -> None:
    """Nor is it taken for finished."""

    def run_after(*trials: TrackedTrial) -> Any:
        tracker = open_tracker("sqlite", str(storage), "pruned", ours)
        for trial in trials:
            tracker.trial(trial)
        assert tracker.close()
        return runs_of(client, "pruned")["t3"]

    why = "collapse: right on one class at most from epoch 1 to 2"
    pruned = run_after(tracked("t3", "pruned", rows=ROWS[:2], pruned=why))
    assert (pruned.info.status, pruned.data.tags[PRUNED_TAG]) == ("KILLED", why)
    going_on = run_after(tracked("t3", "running", rows=ROWS[2:3]))
    assert (going_on.info.status, PRUNED_TAG in going_on.data.tags) == ("RUNNING", False)
    assert run_after(tracked("t3", "pruned", pruned=why)).data.tags[PRUNED_TAG] == why
    assert PRUNED_TAG not in run_after(tracked("t3", "done")).data.tags


@pytest.mark.slow
def test_deleted_experiment_is_restored_and_told(
    client: Any, storage: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert tell(open_tracker("sqlite", str(storage), "deleted", ours), [])
    experiment = client.get_experiment_by_name("deleted").experiment_id
    client.delete_experiment(experiment)
    assert not caplog.records
    assert tell(open_tracker("sqlite", str(storage), "deleted", ours), [])
    (record,) = caplog.records
    assert "MLflow's experiment 'deleted' was deleted, and is restored" in record.getMessage()
    assert set(runs_of(client, "deleted")) == {SWEEP_TAG, "t1", "t2", "t3"}


@pytest.mark.slow
def test_trials_of_a_deleted_run_are_its_successors(client: Any, storage: Path) -> None:
    assert tell(open_tracker("sqlite", str(storage), "orphans", ours), [])
    client.delete_run(runs_of(client, "orphans")[SWEEP_TAG].info.run_id)
    tracker = open_tracker("sqlite", str(storage), "orphans", ours)
    tracker.trial(tracked("t1", "done", scores=SCORES | {"union_accuracy": 0.5}))
    assert tracker.close()
    runs = runs_of(client, "orphans")
    assert runs["t1"].data.tags["mlflow.parentRunId"] == runs[SWEEP_TAG].info.run_id


@pytest.mark.slow
def test_refused_records_end_no_tracking(
    client: Any, storage: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tracker = open_tracker("sqlite", str(storage), "refused", ours)
    for number in range(4):
        tracker.trial(tracked(f"t{number}", "done", scores={"union_accuracy": "much"}))
    tracker.trial(tracked("t5", "done", scores=SCORES))
    assert not tracker.close()
    assert len(caplog.records) == 4
    assert runs_of(client, "refused")["t5"].data.metrics["robustness_score"] == 0.25


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
