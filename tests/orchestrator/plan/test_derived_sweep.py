"""A sweep with trials that start from others' weights, from its file to its table."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from orchestrator.__main__ import app as pareto_app
from orchestrator.plan.plan import make_plan
from orchestrator.plan.planned_trial import PlannedTrial
from orchestrator.results.table_files import read_table
from orchestrator.spec.sweep_spec import read_spec
from orchestrator.store import Store
from orchestrator.store.files.by_url import open_files
from orchestrator.store.housekeeping.collection import survey
from orchestrator.store.housekeeping.damage import FaultKind
from orchestrator.store.housekeeping.garbage import GarbageKind
from orchestrator.store.housekeeping.verification import contents, verify
from orchestrator.store.records.layout import TrialFolder
from orchestrator.store.trials.result import give_up_weights
from orchestrator.sweep import app as sweep_app

pytestmark = pytest.mark.slow

SPEC = """\
data: {name: digits, train_examples: 128}
training:
  epochs: 2
  batch_size: 32
  attacks: {pgd: {num_steps: 1}}
  optimiser: {schedule: [[0, 1], [0.5, 0.1]]}   # so that no longer trial goes on from it
validation: {examples: 16, attacks: {pgd: {num_steps: 1}, flow: null, rt: null}}
methods:
  tuned:
    method: pgd
    start: {from: {method: faulty}}
    training.epochs: 1
  faulty: {method: 'tests.integration.user_code.faulty:Raising'}
evaluation: {examples: 32, pgd: {epsilon: 0.2, ladder: [1, 2]}, flow: null, rt: null}
retention: {weights: front}
tracking: none
"""


@pytest.fixture
def sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """Start the sweep in this process: `sweep("--retry-failed", code=1)`."""
    monkeypatch.chdir(tmp_path)
    Path("small.yaml").write_text(SPEC)

    def start(*options: str, code: int = 0) -> dict[str, Any]:
        done = CliRunner().invoke(sweep_app, ["small.yaml", "--local", "--json", *options])
        assert done.exit_code == code, done.output
        record: dict[str, Any] = json.loads(done.stdout)
        return record

    return start


def planned() -> tuple[dict[str, PlannedTrial], Store]:
    """The sweep's trials by method, and their store."""
    spec = read_spec("small.yaml", (), {})
    store = Store(open_files(spec.storage))
    return {each.method: each for each in make_plan(spec, store).trials}, store


def said(app: Any, *arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, list(arguments))
    assert done.exit_code == code, done.output
    return " ".join(done.output.split())


def test_a_child_waits_for_its_parent_and_is_stranded_where_that_fails(
    sweep: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    dry = said(sweep_app, "small.yaml", "--dry-run", "--json")
    trials, _ = planned()
    parent, child = trials["faulty"], trials["tuned"]
    told = {each["trial_id"]: each for each in json.loads(dry)["trials"]}
    assert told[child.id]["parents"] == [parent.id]
    assert told[child.id]["todo"] == (
        f"waits for {parent.id}, then 1 epochs from its weights, evaluation"
    )

    monkeypatch.setenv("FAULTY", "yes")
    assert sweep(code=1)["counts"] == {"done": 1, "failed": 1, "pending": 1}
    shown = said(sweep_app, "small.yaml", "--local", code=1)
    assert f"waiting {child.id} (tuned): for its parent {parent.id}, which is failed" in shown
    why = said(pareto_app, "status", "small.yaml", "--why", child.id)
    assert f"waits for its parent {parent.id} (faulty seed=0), which is failed" in why

    monkeypatch.delenv("FAULTY")
    assert sweep("--retry-failed")["counts"] == {"done": 3}
    table = pd.read_csv("runs/sweeps/small/trials.csv").set_index("method")
    assert (table["status"] == "done").all()
    own = 128 * 4  # of an epoch: images forward and back, to the input for the attack and for good
    assert table["training_passes"]["tuned"] == own, "its parent's are not among its own"
    why = said(pareto_app, "status", "small.yaml", "--why", child.id)
    assert f"began from the weights of {parent.id}" in why


def test_housekeeping_knows_what_depends_on_what(sweep: Callable[..., dict[str, Any]]) -> None:
    sweep("--set", "retention.weights=all")
    trials, store = planned()
    parent, child = trials["faulty"], trials["tuned"]
    files, folder = store.files, Path("runs/trials")

    # of a child that a sweep names and that is not trained yet, the parent is kept
    (folder / child.id / "result.json").unlink()
    Path("runs/sweeps/small/plan.json").unlink()
    table = f"trial_id,method,seed,status\n{child.id},tuned,0,pending\n"
    Path("runs/sweeps/small/trials.csv").write_text(table)
    garbage = survey(files, unreferenced=True).garbage
    unnamed = {item.place for item in garbage if item.kind is GarbageKind.UNREFERENCED}
    assert f"trials/{trials['standard'].id}" in unnamed
    assert f"trials/{parent.id}" not in unnamed

    # the record of a parent that is gone
    shutil.rmtree(folder / parent.id)
    found = {
        finding.name: finding
        for finding in verify(files, contents(files), dry_run=True, on_read=lambda name: None)
    }
    finding = found[f"trials/{parent.id}/trial.json"]
    assert finding.kind is FaultKind.GONE
    assert finding.consequence.startswith(f"{child.id} starts from its weights")


def test_weights_that_were_given_up_are_made_again_for_whoever_starts_from_them(
    sweep: Callable[..., dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    sweep("--set", "methods={faulty: {method: 'tests.integration.user_code.faulty:Raising'}}")
    trials, store = planned()
    parent, child = trials["faulty"], trials["tuned"]
    give_up_weights(store.files, TrialFolder.of(parent.id))
    why = f"2 epochs once more: its weights were given up, and {child.id} needs them"
    dry = json.loads(said(sweep_app, "small.yaml", "--dry-run", "--json"))
    assert dry["counts"] == {"done": 1, "pending": 2}
    assert {each["trial_id"]: each["todo"] for each in dry["trials"]} == {
        trials["standard"].id: "",
        parent.id: why,
        child.id: f"waits for {parent.id}, then 1 epochs from its weights, evaluation",
    }
    assert f"to do: {why}" in said(pareto_app, "status", "small.yaml", "--why", parent.id)

    suite = read_spec("small.yaml", (), {}).suite.id
    evaluation = store.trial(parent.id).evaluation(suite)
    caplog.clear()
    assert sweep()["counts"] == {"done": 3}
    assert f"trial {parent.id} is trained once more" in caplog.text
    assert store.trial(parent.id).evaluation(suite) == evaluation, "it counts as before"
    give_up_weights(store.files, TrialFolder.of(parent.id))
    assert sweep()["counts"] == {"done": 3}
    tries = [len(store.trial(it.id).past_attempts()) for it in (parent, child)]
    assert tries == [2, 1], "nobody needs its weights any more"


REPLAYS = """
methods={
  again: {method: replay, of: faulty},
  weighted: {vary: {weights: [{natural: 0.25, pgd: 0.75}, {pgd: 1}]}},
  faulty: {method: 'tests.integration.user_code.faulty:Raising'}
}
"""


def test_a_replay_waits_for_another_seeds_trial(
    sweep: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = ("seeds=[0, 1]", REPLAYS.replace("\n", " "), "retention.weights=all")
    options = [option for each in changed for option in ("--set", each)]
    monkeypatch.setenv("FAULTY", "yes")
    counts = {"done": 6, "failed": 2, "pending": 2}
    assert sweep(*options, code=1)["counts"] == counts
    shown = said(sweep_app, "small.yaml", "--local", *options, code=1)
    assert shown.count("(again") == 2
    assert "which is failed" in shown
    monkeypatch.delenv("FAULTY")
    assert sweep("--retry-failed", *options)["counts"] == {"done": 10}

    spec = read_spec("small.yaml", changed, {})
    store = Store(open_files(spec.storage))
    plan = make_plan(spec, store)
    replays = [planned for planned in plan.trials if planned.method == "again"]
    for planned in replays:
        schedule = store.trial(planned.parents[0]).weights()
        its_own = store.trial(planned.id).weights()
        assert schedule is not None
        assert its_own is not None
        assert schedule.step_weights is not None
        assert its_own.step_weights is not None
        assert its_own.step_weights.tolist() == schedule.step_weights.tolist()
        assert len(schedule.step_weights) == 2 * 4, "of two epochs"

    path = Path("runs/sweeps/small/trials.csv")
    table = read_table(path, spec.objectives)
    mixes = table[table["method"] == "weighted"]["weights"]
    assert sorted(mixes) == ["natural=0.25 pgd=0.75", "natural=0.25 pgd=0.75", "pgd=1", "pgd=1"]
    why = said(pareto_app, "status", "small.yaml", *options, "--why", replays[0].id)
    assert f"began under the schedule of {replays[0].parents[0]}" in why

    parent, child = replays[1].parents[0], replays[1].id
    shutil.rmtree(Path("runs/trials") / child)
    give_up_weights(store.files, TrialFolder.of(parent))
    tries = len(store.trial(parent).past_attempts())
    assert sweep(*options)["counts"] == {"done": 10}
    assert len(store.trial(parent).past_attempts()) == tries + 1, "its schedule is made again"
