"""Sweeps that are confirmed, run whole in this process: stopped between, resumed, and looked at."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from orchestrator import sweep
from orchestrator.search import growth
from orchestrator.status.__main__ import app as status_app
from orchestrator.store import LocalFiles, Store

pytestmark = pytest.mark.slow

SPEC = """\
data: {name: digits, train_examples: 256}
training: {epochs: 6, batch_size: 32, attacks: {pgd: {num_steps: 1}}}
validation: {examples: 16, attacks: {pgd: {num_steps: 1}, flow: null, rt: null}}
methods:
  weighted:
    vary: {weights: [{natural: 0.5, pgd: 0.5}, {natural: 0.7, pgd: 0.3}]}
  again: {method: replay, of: weighted}
evaluation: {examples: 64, pgd: {epsilon: 0.2, ladder: [1]}, flow: null, rt: null}
seeds: [0, 1]
contrasts: {pairs: [[weighted, again]]}
confirm: {keep: {per_method: 1}, seeds: 2}
tracking: none
"""


def run(folder: Path, *options: str) -> Result:
    """The sweep in the folder, in this process."""
    (folder / "sweep.yaml").write_text(SPEC)
    arguments = [str(folder / "sweep.yaml"), "--storage", str(folder / "runs"), *options]
    return CliRunner().invoke(sweep.app, [*arguments, "--local"])


def status(folder: Path, *options: str) -> Result:
    arguments = [str(folder / "sweep.yaml"), "--storage", str(folder / "runs"), *options]
    return CliRunner().invoke(status_app, arguments)


def planned(folder: Path) -> dict[str, Any]:
    result = run(folder, "--dry-run", "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def table(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(folder / f"runs/sweeps/sweep/{name}.csv")


def test_a_sweep_is_killed_once_its_cells_are_kept_and_goes_on_with_these(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = planned(tmp_path)
    assert before["counts"] == {"pending": 10}
    assert before["confirmation"]["id"] is None
    assert before["confirmation"]["most_trials"] == (1 + 2 + 1) * 2, "a replay may need the other"
    assert before["contrasts"]["seeds"] == 2
    assert before["left"]["trials"] == 10 + 8
    said = " ".join(run(tmp_path, "--dry-run").stdout.split())
    assert "1 cell of each method, picked on validation, with 2 fresh seeds (2 to 3)" in said
    passes = 2 * 6 * 256 * (2 + 3 * 6)  # seeds, epochs, images; of standard, of three more cells
    assert before["confirmation"]["most_training_passes"] == passes
    assert "that is 8 trials at most, 61.4 k passes of training" in said

    record = growth.record_kept

    def killed(*arguments: Any) -> Any:
        record(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(growth, "record_kept", killed)
    begun = run(tmp_path)
    assert begun.exit_code != 0
    assert "confirm:" not in begun.output, "nothing is kept yet"
    monkeypatch.setattr(growth, "record_kept", record)
    monkeypatch.setattr(growth, "kept", lambda spec, plan: pytest.fail("it is kept already"))
    kept = planned(tmp_path)
    assert kept["counts"]["done"] == 10
    assert {it["stage"] for it in kept["trials"]} >= {"sweep", "confirm"}
    said = " ".join(status(tmp_path).stdout.split())
    assert "0 of 6 trials done: 1 standard, 1 weighted, 1 again, picked on validation" in said

    assert run(tmp_path, "--set", "budget.hours=1e-9").exit_code == 5, "no trial is begun"
    assert set(table(tmp_path, "trials")["split"]) == {"validation"}
    assert set(table(tmp_path, "confirmed")["status"]) == {"pending"}
    resumed = run(tmp_path)
    assert resumed.exit_code == 0
    assert "16 trials, 6 to run\nconfirm: 6 trials with fresh seeds" in resumed.output
    own, fresh = table(tmp_path, "trials"), table(tmp_path, "confirmed")
    assert [it["trial_id"] for it in before["trials"]] == list(own["trial_id"])
    assert set(own["split"]) == set(fresh["split"]) == {"test"}
    assert (set(own["seed"]), set(fresh["seed"])) == ({0, 1}, {2, 3})
    assert set(fresh["method"]) == {"standard", "weighted", "again"}
    assert set(fresh["status"]) == {"done"}
    store = Store(LocalFiles(tmp_path / "runs"))
    assert {len(store.trial(it).past_attempts()) for it in fresh["trial_id"]} == {1}
    contrasts = json.loads((tmp_path / "runs/sweeps/sweep/contrasts.json").read_text())
    assert contrasts["stands_on"]["is_confirmed"]
    assert contrasts["primary"][0]["seeds"] == [2, 3]
    assert json.loads(status(tmp_path, "--json").stdout)["confirmation"]["is_complete"]
    again = run(tmp_path)
    assert again.exit_code == 0
    assert "to run" not in again.output
    assert "2 fresh seeds of the cells kept" in " ".join(again.output.split())
