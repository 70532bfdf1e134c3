"""Sweeps whose trials rules end: what is told of these, and how they go on without the rule."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from orchestrator.__main__ import app as pareto_app
from orchestrator.plan.plan import make_plan
from orchestrator.plan.planned_trial import PlannedTrial
from orchestrator.spec.sweep_spec import read_spec
from orchestrator.store import Store
from orchestrator.store.__main__ import app as store_app
from orchestrator.store.files.by_url import open_files
from orchestrator.store.housekeeping.inventory import inventory
from orchestrator.store.leases.records import About, Pruned
from orchestrator.store.records.layout import LeaseFolder
from orchestrator.sweep import app as sweep_app
from tests.orchestrator.working import result_of
from tests.trainer.runs import assert_same_bits
from trainer.passes import Passes

pytestmark = pytest.mark.slow

SPEC = """\
data: {name: digits, train_examples: 256}
training: {epochs: 4, batch_size: 32, attacks: {pgd: {num_steps: 1}}}
validation: {examples: 32, attacks: {pgd: {num_steps: 1}, flow: null, rt: null}}
methods:
  one_image: {method: pgd, validation.examples: 1}   # right on one class at most
evaluation: {examples: 32, pgd: {epsilon: 0.2, ladder: [1, 2]}, flow: null, rt: null}
stopping: {collapse: {epochs: 2}}
checkpoints: {epochs: 3}
tracking: none
"""
EVERY = "stopping={own: {rule: 'tests.orchestrator.search.stopping.own_rules:From', epoch: 1}}"


@pytest.fixture
def sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """Start the sweep in this process: `sweep("stopping={}", "--retry-failed", code=1)`."""
    monkeypatch.chdir(tmp_path)
    Path("small.yaml").write_text(SPEC)

    def start(*options: str, code: int = 0) -> dict[str, Any]:
        sets = [part for it in options if "=" in it for part in ("--set", it)]
        flags = [it for it in options if it.startswith("--")]
        done = CliRunner().invoke(sweep_app, ["small.yaml", "--local", "--json", *flags, *sets])
        assert done.exit_code == code, done.output
        record: dict[str, Any] = json.loads(done.stdout)
        return record

    return start


def planned(*assignments: str) -> tuple[dict[str, PlannedTrial], Store]:
    """The sweep's trials by method, and their store."""
    spec = read_spec("small.yaml", assignments, {})
    store = Store(open_files(spec.storage))
    return {each.method: each for each in make_plan(spec, store).trials}, store


def table() -> pd.DataFrame:
    return pd.read_csv("runs/sweeps/small/trials.csv").set_index("method")


def attempts() -> list[str]:
    return sorted(str(path) for path in Path("runs").glob("trials/*/attempts/*"))


def said(app: Any, *arguments: str) -> str:
    done = CliRunner().invoke(app, list(arguments))
    assert done.exit_code == 0, done.output
    return " ".join(done.output.split())


def test_a_trial_is_pruned_under_the_settings_of_validation_that_it_was_pruned_under(
    sweep: Callable[..., dict[str, Any]],
) -> None:
    """Under others it goes on from its checkpoint, and what was measured before is not looked at.
    Once it is trained it is done under all."""
    elsewhere = "methods={one_image: {method: pgd}}"  # looks at 32 images, as the sweep does
    assert sweep()["counts"] == {"done": 1, "pruned": 1}
    ended = planned()[0]["one_image"]
    trials, store = planned(elsewhere)
    it = trials["one_image"]
    assert it.id == ended.id
    assert (it.status, it.epochs_left) == ("stopped", 2)
    assert not trials["standard"].has_other_rows

    other = it.trial.validation_id
    stored = store.trial(it.id)
    attempt = stored.begin(it.trial, 2, lasts=60.0, about=About(validation=other))
    assert attempt is not None
    attempt.end("stopped")
    assert planned()[0]["one_image"].status == "pruned", "as it was, whatever others do"
    assert planned("stopping={}")[0]["one_image"].status == "stopped"

    assert sweep(elsewhere)["counts"] == {"done": 2}
    rows = stored.rows()
    measured = [[name for name in row if name.startswith("validation/r")] for row in rows]
    assert list(map(bool, measured)) == [False, False, True, True]
    assert all("validation/passes/forward" in row for row in rows)
    assert stored.rows(other) == rows
    assert not any("validation/collapsed" in row for row in stored.rows(ended.validation_id))
    assert stored.progress("").rows_of == other

    done = planned()[0]["one_image"]
    assert (done.status, done.has_other_rows) == ("done", True)
    assert not planned(elsewhere)[0]["one_image"].has_other_rows
    assert sweep()["counts"] == {"done": 2}
    assert "1 trained trial has rows under other" in said(sweep_app, "small.yaml", "--dry-run")
    assert "would mean training it again" in said(
        pareto_app, "status", "small.yaml", "--why", it.id
    )
    weights, never = stored.weights(), Store(open_files(str(Path("alone").absolute())))
    sweep("stopping={}", "storage=alone")
    alone = never.trial(it.id).weights()
    assert weights is not None
    assert alone is not None
    assert_same_bits(weights.model, alone.model)


def test_a_pruned_trial_is_finished_and_goes_on_without_the_rule(
    sweep: Callable[..., dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    assert sweep()["counts"] == {"done": 1, "pruned": 1}
    trials, store = planned()
    it = trials["one_image"]
    reason = "collapse: right on one class at most from epoch 1 to 2"
    assert [r.message for r in caplog.records] == [f"trial {it.id} is pruned by the rule {reason}"]

    rows = table()
    assert rows["status"].to_dict() == {"standard": "done", "one_image": "pruned"}
    assert rows["pruned"].fillna("").to_dict() == {"standard": "", "one_image": reason}
    assert rows.loc["one_image", ["failure", "natural_accuracy", "robustness_score"]].isna().all()
    assert not rows.loc["one_image", "on_front"]
    progress = store.trial(it.id).progress("")
    assert (progress.epochs_done, progress.trained, progress.failure) == (2, False, None)
    assert progress.lease is not None
    assert progress.lease.ended is not None
    assert progress.lease.ended.how == "pruned"
    assert progress.pruned == Pruned(
        rule="collapse",
        settings={"rule": "collapse", "epochs": 2},
        reason="right on one class at most from epoch 1 to 2",
        numbers={"first_epoch": 1.0, "last_epoch": 2.0, "epochs": 2.0},
    )
    assert not store.trial(it.id).evaluations()

    # nothing is left to do, by whichever of the commands that look
    before = attempts()
    again = sweep("--retry-failed", "stopping.collapse.epochs=1")
    assert again["counts"] == {"done": 1, "pruned": 1}
    assert attempts() == before
    dry = said(sweep_app, "small.yaml", "--dry-run")
    assert "stopping collapse ends trials that are right on one class at most for 2 epochs" in dry
    assert "1 done, 1 pruned" in dry
    status = said(pareto_app, "status", "small.yaml")
    assert "1 done, 1 pruned; 6 of 6 epochs" in status
    why = said(pareto_app, "status", "small.yaml", "--why", it.id)
    assert f"pruned {reason}" in why
    assert "or with --set stopping.collapse=null, the next start goes on from its" in why
    assert {entry.id: entry.state for entry in inventory(store.files, sweep=None)} == {
        trials["standard"].id: "done",
        it.id: "pruned: collapse",
    }
    said(store_app, "gc", "runs", "--delete", "--unreferenced")  # its checkpoint stays: see below
    said(store_app, "verify", "runs")

    # a rule that would not have ended it, or none: on from its checkpoint, to the same end
    weaker, _ = planned("stopping.collapse.epochs=3")
    assert (weaker["one_image"].status, weaker["one_image"].epochs_left) == ("stopped", 2)
    assert sweep("stopping={}")["counts"] == {"done": 2}
    assert len(attempts()) == len(before) + 1
    newest = store.trial(it.id).past_attempts()[-1].folder
    assert store.files.names(f"{newest}/rows") == ["000003.json", "000004.json"]
    assert sweep()["counts"] == {"done": 2}, "what is trained is not pruned any more"
    suite = read_spec("small.yaml", (), {}).suite
    never = Store(open_files(str(Path("elsewhere").absolute())))
    sweep("stopping={}", "storage=elsewhere")
    assert result_of(it.trial, suite, store) == result_of(it.trial, suite, never)
    assert table()["pruned"].isna().all()


def test_a_pruned_reference_leaves_scores_empty(sweep: Callable[..., dict[str, Any]]) -> None:
    record = sweep(EVERY)
    assert record["counts"] == {"pruned": 2}
    assert record["front"]["trials"]["dropped"] == {"status pruned": 2}
    rows = table()
    assert rows["robustness_score"].isna().all()
    assert set(rows["pruned"]) == {"own: it has 1 epochs"}

    # what they took stands in the table; records of the version before do not say it
    trials, store = planned(EVERY)
    for method, it in trials.items():
        (row,) = store.trial(it.id).rows()
        passes = [row[f"passes/{kind}"] for kind in Passes().record()]
        assert rows.loc[method, "seconds"] == pytest.approx(row["seconds"])
        assert rows.loc[method, "training_passes"] == sum(passes) > 0
        lease = it.progress.lease
        assert lease is not None
        assert lease.ended is not None
        before = lease.ended.model_copy(update={"spent": None})
        before.write(store.files, LeaseFolder(lease.folder).ended)
    assert sweep(EVERY)["counts"] == {"pruned": 2}
    assert table()[["seconds", "training_passes"]].isna().all(axis=None)
