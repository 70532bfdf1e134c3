"""Sweeps whose trials are chosen while they run: stopped and resumed, raised, and looked at."""

from __future__ import annotations

import json
import signal
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from orchestrator import sweep
from orchestrator.search.strategies import STRATEGIES
from orchestrator.search.strategies.strategy import Known
from orchestrator.status.__main__ import app as status_app
from orchestrator.store import LocalFiles, Store
from orchestrator.store.housekeeping.membership import members
from orchestrator.store.sweeps.records import Proposal

pytestmark = pytest.mark.slow

SPEC = """\
data: {name: digits, train_examples: 128}
training: {epochs: 1, batch_size: 64, attacks: {pgd: {num_steps: 1}}}
validation: {examples: 16, attacks: {pgd: {num_steps: 1}, flow: null, rt: null}}
search: {strategy: random, trials: 4}
methods: {pgd: {vary: {pgd.epsilon: {min: 0.01, max: 0.3}}}}
evaluation: {examples: 64, pgd: {epsilon: 0.2, ladder: [1]}, flow: null, rt: null}
tracking: none
"""


def run(folder: Path, *options: str) -> Result:
    """The sweep in the folder, in this process."""
    (folder / "sweep.yaml").write_text(SPEC)
    arguments = [str(folder / "sweep.yaml"), "--storage", str(folder / "runs"), *options]
    return CliRunner().invoke(sweep.app, [*arguments, "--local"])


def table(folder: Path, name: str = "sweep") -> pd.DataFrame:
    return pd.read_csv(folder / f"runs/sweeps/{name}/trials.csv")


class NextToTheBest:
    """Proposes one cell at a time, beside the best so far, once nothing is under way."""

    def __init__(self, *, stops_at: int) -> None:
        """Stop the command, as a person would, while it chooses its proposal of a number."""
        self._stops_at = stops_at
        self.asked = 0

    def __call__(self, known: Known, *, most: int) -> Sequence[Proposal]:
        """Propose the next cell."""
        ours = [trial for trial in known.trials if trial.method == "pgd"]
        if any(trial.status in {"pending", "running", "stopped"} for trial in ours):
            return ()
        self.asked += 1
        if self.asked == self._stops_at:
            signal.raise_signal(signal.SIGINT)
        if not ours:
            epsilon = 0.1
        else:
            best = max(ours, key=lambda trial: trial.values["natural_accuracy"])
            epsilon = round(best.settings["pgd.epsilon"] + 0.01 * len(ours), 4)
        return [Proposal(method="pgd", point={"pgd.epsilon": epsilon}, seeds=known.seeds)]


def test_a_strategy_that_looks_at_results_is_stopped_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It chooses what it would have chosen without the stop: no trial twice, nothing forgotten."""
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    for folder in (whole, broken):
        folder.mkdir()
    strategy = NextToTheBest(stops_at=0)
    monkeypatch.setitem(STRATEGIES, "random", strategy)
    assert run(whole).exit_code == 0
    assert strategy.asked == 2 * 1 + 3, "the first is asked for before anything is written too"
    monkeypatch.setitem(STRATEGIES, "random", NextToTheBest(stops_at=4))
    stopped = run(broken)
    assert stopped.exit_code == 130, stopped.output
    assert list(table(broken)["status"]) == ["done"] * 3 + ["pending"]
    assert run(broken).exit_code == 0
    ours, theirs = table(broken), table(whole)
    assert list(ours["trial_id"]) == list(theirs["trial_id"])
    assert set(ours["status"]) == {"done"}
    assert len(ours) == 1 + 4
    files = LocalFiles(broken / "runs")
    attempts = [len(Store(files).trial(it).past_attempts()) for it in ours["trial_id"]]
    assert attempts == [1] * 5
    named = members(files, "sweep")
    assert named is not None
    assert set(named) == set(ours["trial_id"])
    again = run(broken, "--set", "name=again")  # which finds each trial done as it chooses it
    assert again.exit_code == 0
    assert list(table(broken, "again")["trial_id"]) == list(ours["trial_id"])
    assert "to run" not in again.output


def test_random_trials_are_shown_run_and_added_to(tmp_path: Path) -> None:
    def shown(*options: str) -> dict[str, object]:
        result = run(tmp_path, "--dry-run", "--json", *options)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    before = shown()
    assert before["search"] == {
        "strategy": "random",
        "seed": 0,
        "trials": 4,
        "proposed": 0,
        "foreseen": 4,
        "to_come": 0,
        "by_method": {"pgd": 4},
    }
    assert not (tmp_path / "runs").exists()
    assert run(tmp_path).exit_code == 0
    first = table(tmp_path)
    assert list(first["trial_id"]) == [it["trial_id"] for it in before["trials"]]
    assert first["pgd.epsilon"][1:].between(0.01, 0.3).all()
    more = shown("--set", "search.trials=6")
    assert more["counts"] == {"done": 5, "pending": 2}
    assert more["search"] == before["search"] | {
        "trials": 6,
        "proposed": 4,
        "foreseen": 2,
        "by_method": {"pgd": 6},
    }
    assert run(tmp_path, "--set", "search.trials=6").exit_code == 0
    second = table(tmp_path)
    assert list(second["trial_id"][:5]) == list(first["trial_id"])
    assert len(second) == 7
    capped = ["--set", "search.trials=8", "--set", "budget.hours=1e-9"]
    assert run(tmp_path, *capped).exit_code == 5
    assert list(table(tmp_path)["status"]) == ["done"] * 7 + ["pending"] * 2
    (tmp_path / "weak.yaml").write_text("{examples: 32, pgd: {epsilon: 0.1, ladder: [1]}}")
    weak = ["--evaluate", str(tmp_path / "weak.yaml"), "--set", "search.trials=6"]
    assert run(tmp_path, *weak).exit_code == 0
    (tried,) = (tmp_path / "runs/sweeps/sweep/suites").glob("weak-*/trials.csv")
    assert list(pd.read_csv(tried)["trial_id"]) == list(second["trial_id"])
    arguments = [str(tmp_path / "sweep.yaml"), "--storage", str(tmp_path / "runs")]
    said = CliRunner().invoke(status_app, [*arguments, "--set", "search.trials=9"]).stdout
    assert "random: 8 of 9 trials proposed (8 pgd), 1 to come" in said
