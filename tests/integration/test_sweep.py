"""The whole command on real digits: what it leaves, and that it does nothing twice."""

from __future__ import annotations

import json
import resource
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from orchestrator.front import app
from tests.integration.exposure import files_with, listeners
from tests.integration.in_process import nothing_to_run
from tests.integration.running import Finished, Place, assert_nothing_left, wait_until
from tests.integration.stored import evaluation_on, record, runs, table, times_of, trial_folders
from tests.integration.undisturbed import assert_tracked_once

pytestmark = pytest.mark.integration

SPEC = """\
data: {name: digits, train_examples: 192}
training: {epochs: 2}
validation: {examples: 32}
methods:
  standard: {}
  pgd: {}
  pareto: {vary: {rho: [RHO]}}
seeds: [0, 1]
evaluation:
  examples: 48
  pgd: {epsilon: 0.2, ladder: [1, 2]}
  flow: {epsilon: 0.15, ladder: [1, 2]}
  rt: {epsilon: 0.25, num_restarts: 1, ladder: [1, 2]}
"""
SECRETS = (
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN"),
    *("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN"),
    *("DATABRICKS_TOKEN", "HF_TOKEN"),
)
CANARY = "canary4711"
CATEGORIES = ("pgd", "flow", "rt")
CONTRACT = [
    "trial_id",
    "method",
    "seed",
    "status",
    "split",
    "natural_accuracy",
    *(f"robust_accuracy_{category}" for category in CATEGORIES),
    *(f"worst_{category}" for category in CATEGORIES),
    "union_accuracy",
    "robustness_score",
    "sacrificed_accuracy",
    "selected",
    "at_knee",
    "on_front",
    "rho",
]


@dataclass(frozen=True, kw_only=True)
class Swept:
    """A sweep that has run once, and its storage."""

    spec: Path
    storage: Path
    finished: Finished
    listeners: dict[str, list[str]]  # while trials ran
    commands: list[str]  # of all its processes, then
    disclosed: list[Path]  # files that hold a secret of its environment, then and now

    @property
    def folder(self) -> Path:
        return self.storage / "sweeps" / "tiny"

    def copied(self, folder: Path) -> Path:
        """A copy of the storage, file times included, for a test that changes it."""
        return shutil.copytree(self.storage, folder / "copy")


@pytest.fixture(scope="module")
def swept(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Swept:
    folder = tmp_path_factory.mktemp("swept")
    spec = folder / "tiny.yaml"
    spec.write_text(SPEC.replace("RHO", "0.4"))
    storage = folder / "runs"
    threads = {"OMP_NUM_THREADS": "3"}  # what Ray leaves as it is: trials have threads of their own
    environment = dict.fromkeys(SECRETS, CANARY) | {"RAY_ADDRESS": "127.0.0.1:1"}
    running = place.sweep(spec, "--storage", storage, "--json", **threads, **environment)
    wait_until(lambda: list(storage.glob("trials/*/attempts/*/rows/*")), of=running, seconds=120)
    processes = place.processes()
    heard = listeners(processes)
    disclosed = files_with(CANARY, place.folder, folder)
    finished = running.finished()
    return Swept(
        spec=spec,
        storage=storage,
        finished=finished,
        listeners=heard,
        commands=list(processes.values()),
        disclosed=[*disclosed, *files_with(CANARY, place.folder, folder)],
    )


@pytest.fixture(scope="module")
def trials(swept: Swept) -> pd.DataFrame:
    return table(swept.storage, "tiny")


def dry_run(spec: Path, storage: Path) -> dict[str, Any]:
    finished = nothing_to_run(spec, "--storage", storage, "--dry-run", "--json")
    assert finished.code == 0, finished
    plan: dict[str, Any] = json.loads(finished.stdout)
    return plan


def test_sweep_ends_with_0_and_leaves_nothing_running(swept: Swept, place: Place) -> None:
    assert swept.finished.code == 0, swept.finished
    assert_nothing_left(place)


def test_no_secret_of_the_environment_is_to_be_seen(swept: Swept) -> None:
    assert len(swept.commands) >= 5, "Ray's processes are among them"
    assert not [command for command in swept.commands if CANARY in command]
    assert swept.disclosed == []
    assert CANARY not in str(swept.finished)


def test_ray_is_heard_on_this_machine_alone(swept: Swept, place: Place) -> None:
    assert len(swept.listeners) >= 3, swept.listeners
    assert {"127.0.0.1"} == {it for found in swept.listeners.values() for it in found}
    (session,) = place.sessions()
    (folder,) = place.folder.glob("ray-*")
    assert session.is_relative_to(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_cluster_of_the_environment_is_not_used_and_pointed_to(swept: Swept) -> None:
    assert "on this machine alone; for the cluster of RAY_ADDRESS, give --address 127.0.0.1:1" in (
        swept.finished.stderr
    )


def test_trials_compute_in_as_many_threads_as_they_have_cores(swept: Swept) -> None:
    results = [record(trial / "result.json") for trial in trial_folders(swept.storage).values()]
    assert [result["provenance"]["threads"] for result in results] == [1] * 6


def test_files_are_those_of_the_contract(swept: Swept) -> None:
    assert {path.name for path in swept.folder.iterdir()} == {
        "spec.yaml",
        "trials.csv",
        "validation.csv",
        "front.csv",
        "front.json",
        "front.png",
        "front.svg",
        "cells.csv",
        "contrasts.csv",
        "contrasts.json",
        "plan.json",
        "starts",
        "runs",
        "test_reads",
    }
    assert (swept.folder / "front.png").read_bytes().startswith(b"\x89PNG")
    assert ElementTree.parse(swept.folder / "front.svg").getroot().tag.endswith("svg")


def test_trials_csv_has_a_row_a_trial_and_the_columns_of_the_contract(
    swept: Swept, trials: pd.DataFrame
) -> None:
    assert [column for column in trials if column in CONTRACT] == CONTRACT
    assert set(trials["trial_id"]) == set(trial_folders(swept.storage))
    assert sorted(zip(trials["method"], trials["seed"], strict=True)) == [
        (method, seed) for method in ("pareto", "pgd", "standard") for seed in (0, 1)
    ]
    assert set(trials["status"]) == {"done"}
    assert set(trials["split"]) == {"test"}
    assert trials["rho"].notna().equals(trials["method"] == "pareto")


def test_accuracies_are_those_of_the_evaluations_to_the_last_digit(
    swept: Swept, trials: pd.DataFrame
) -> None:
    for _, row in trials.iterrows():
        evaluation = record(evaluation_on(swept.storage / "trials" / row["trial_id"], "test"))
        assert evaluation["examples"] == 48
        for name, accuracy in evaluation["accuracies"].items():
            assert row[name] == accuracy
            assert 0 <= accuracy <= 1


def test_scores_are_taken_against_the_mean_of_the_standard_trials(trials: pd.DataFrame) -> None:
    robust = sum(trials[f"robust_accuracy_{category}"] for category in CATEGORIES) / 3
    is_standard = trials["method"] == "standard"
    score = robust - robust[is_standard].mean()
    sacrificed = trials["natural_accuracy"][is_standard].mean() - trials["natural_accuracy"]
    np.testing.assert_allclose(trials["robustness_score"], score, atol=1e-12)
    np.testing.assert_allclose(trials["sacrificed_accuracy"], sacrificed, atol=1e-12)


def test_front_csv_holds_the_undominated_trials_best_score_first(
    swept: Swept, trials: pd.DataFrame
) -> None:
    front = table(swept.storage, "tiny", "front.csv")
    scores, sacrifices = trials["robustness_score"], trials["sacrificed_accuracy"]
    dominated = [
        (
            (scores >= score)
            & (sacrifices <= sacrificed)
            & ((scores > score) | (sacrifices < sacrificed))
        ).any()
        for score, sacrificed in zip(scores, sacrifices, strict=True)
    ]
    assert (trials["on_front"] == ~np.array(dominated)).all()
    assert list(front) == list(trials)
    assert set(front["trial_id"]) == set(trials["trial_id"][trials["on_front"]])
    assert front["robustness_score"].is_monotonic_decreasing


def test_json_is_all_of_stdout_and_agrees_with_the_files(swept: Swept) -> None:
    outcome = json.loads(swept.finished.stdout)
    assert outcome["name"] == "tiny"
    assert outcome["exit_code"] == 0
    assert outcome["counts"] == {"done": 6}
    assert outcome["front"] == json.loads((swept.folder / "front.json").read_text())
    assert {Path(file).parent for file in outcome["files"]} == {swept.folder}
    assert all(Path(file).is_file() for file in outcome["files"])


def test_front_command_draws_the_same_front_from_the_table(swept: Swept, tmp_path: Path) -> None:
    drawn = CliRunner().invoke(app, [str(swept.folder / "trials.csv"), "--out", str(tmp_path)])
    assert drawn.exit_code == 0, drawn.output
    assert (tmp_path / "front.csv").read_text() == (swept.folder / "front.csv").read_text()
    own = json.loads((swept.folder / "front.json").read_text())
    assert own.pop("selection")["by"] == "validation", "which a table does not say"
    del own["few_steps"]  # nor this
    again = json.loads((tmp_path / "front.json").read_text())
    noises = [it.pop("statistics")["noise"] for it in (own, again)]
    assert noises == ["seeds and images", "seeds alone"], "a table has no bits"
    assert again == own


def test_embedded_mlflow_has_a_run_for_the_sweep_and_a_child_for_each_trial(swept: Swept) -> None:
    assert_tracked_once(swept.storage, "tiny")
    assert len(runs(swept.storage, "tiny")) == 7


def test_second_start_trains_nothing_and_starts_no_ray(
    swept: Swept, place: Place, tmp_path: Path
) -> None:
    storage = swept.copied(tmp_path)
    times, sessions = times_of(storage / "trials"), place.sessions()
    used = _cpu_seconds()
    finished = place.swept(swept.spec, "--storage", storage, "--tracking-uri", "none")
    assert finished.code == 0, finished
    assert _cpu_seconds() - used < 15
    assert times_of(storage / "trials") == times
    assert place.sessions() == sessions
    assert table(storage, "tiny").equals(table(swept.storage, "tiny"))


def test_added_value_trains_the_difference_alone_and_says_little(
    swept: Swept, place: Place, tmp_path: Path
) -> None:
    storage = swept.copied(tmp_path)
    times = times_of(storage / "trials")
    spec = tmp_path / "tiny.yaml"
    spec.write_text(SPEC.replace("RHO", "0.4, 0.8"))
    assert dry_run(spec, storage)["counts"] == {"done": 6, "pending": 2}

    finished = place.swept(spec, "--storage", storage, "--tracking-uri", "none")
    assert finished.code == 0, finished
    trials = table(storage, "tiny")
    added = set(trials["trial_id"]) - set(trial_folders(swept.storage))
    assert set(trials["rho"][trials["trial_id"].isin(added)]) == {0.8}
    assert len(added) == 2
    assert len(trials) == 8
    assert set(trials["status"]) == {"done"}
    assert {
        name: time for name, time in times_of(storage / "trials").items() if name in times
    } == times

    assert finished.stderr == ""
    assert "\x1b" not in finished.stdout
    assert finished.stdout.startswith("tiny: 8 trials, 2 to run\n")
    assert len(finished.stdout.splitlines()) < 30
    assert_nothing_left(place)


def test_dry_run_before_and_after(swept: Swept, tmp_path: Path) -> None:
    storage = tmp_path / "runs"
    before = dry_run(swept.spec, storage)
    assert not storage.exists()
    assert before["counts"] == {"pending": 6}
    assert {trial["todo"] for trial in before["trials"]} == {"2 epochs, evaluation"}

    times = times_of(swept.storage / "trials")
    after = dry_run(swept.spec, swept.storage)
    assert times_of(swept.storage / "trials") == times
    assert after["counts"] == {"done": 6}
    ids = [[trial["trial_id"] for trial in plan["trials"]] for plan in (before, after)]
    assert ids[0] == ids[1]
    assert set(ids[0]) == set(trial_folders(swept.storage))


def _cpu_seconds() -> float:
    """Used by the children of this process that have ended: unlike a clock's, no neighbour's."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
