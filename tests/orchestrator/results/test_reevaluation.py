"""Models of a sweep under another suite: which are tried, that none is trained, what is told."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pytest
from torch import Tensor, nn
from typer.testing import CliRunner, Result

from orchestrator.plan.plan import Plan, make_plan
from orchestrator.plan.planned_trial import PlannedTrial
from orchestrator.results.as_stored import sweep_table
from orchestrator.results.reevaluation import coverage, plan_start, reevaluated
from orchestrator.spec.policy import LimitSettings
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store import LocalFiles
from orchestrator.store.housekeeping.collection import survey
from orchestrator.store.housekeeping.garbage import GarbageKind
from orchestrator.store.housekeeping.verification import contents as files_in
from orchestrator.store.housekeeping.verification import verify
from orchestrator.store.leases.records import About
from orchestrator.store.records.layout import LeaseFolder, TrialFolder
from orchestrator.store.trials.purpose import came_for
from orchestrator.store.trials.result import give_up_weights
from orchestrator.sweep import app
from orchestrator.worker.trial import Ending
from tests.orchestrator.finished import do_sweep, read_sweep, store_of
from tests.orchestrator.working import PATIENT, contents, mission, run
from trainer.attacks.attack import Attack

pytestmark = pytest.mark.slow

STRONG = "{examples: 48, pgd: {epsilon: 0.25, ladder: [3, 6]}}"
SEEDS = "seeds=[0, 1]"


class Raising(Attack):
    """An attack of a user's own with a slip in it."""

    def search(self, model: nn.Module, images: Tensor, labels: Tensor, keys: Tensor) -> Tensor:
        raise LookupError("no such attack")


class Brighten(Attack):
    """Another one, without."""

    def search(self, model: nn.Module, images: Tensor, labels: Tensor, keys: Tensor) -> Tensor:
        return (images + 0.1).clamp(0, 1)


RAISING = f"{{slip: {{attack: '{__name__}:Raising'}}}}"


class Tried(NamedTuple):
    """A sweep under another suite, and what the command said."""

    spec: SweepSpec
    result: Result

    @property
    def own(self) -> Path:
        """Where the sweep's own tables and pictures lie."""
        return Path(self.spec.storage) / "sweeps" / "small"

    @property
    def folder(self) -> Path:
        """Where those of the suite do."""
        return Path(self.spec.storage) / self.spec.folder


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in whose storage a sweep of two methods and two seeds is done."""
    folder = tmp_path_factory.mktemp("done")
    spec = read_sweep(folder, "small", SEEDS)
    do_sweep(spec)
    assert invoked(folder).exit_code == 0  # for its pictures
    return folder


@pytest.fixture(scope="module")
def tried(done: Path, tmp_path_factory: pytest.TempPathFactory) -> Tried:
    """A copy of it in which the front was tried under a harder suite, and the command about that
    was given once more."""
    folder = Path(shutil.copytree(done, tmp_path_factory.mktemp("tried") / "copy"))
    strong = under(read_sweep(folder, "small", SEEDS), only_front=True)
    evaluate(strong)
    result = invoked(folder, "--evaluate", folder / "strong.yaml", "--only", "front", "--json")
    return Tried(strong, result)


@pytest.fixture
def folder(done: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(done, tmp_path / "copy"))


@pytest.fixture
def spec(folder: Path) -> SweepSpec:
    """That sweep as its file says."""
    return read_sweep(folder, "small", SEEDS)


def invoked(folder: Path, *arguments: str | Path) -> Result:
    """The command about the sweep in a folder."""
    own = [folder / "small.yaml", "--storage", folder / "runs", "--set", SEEDS]
    return CliRunner().invoke(app, [str(argument) for argument in (*own, *arguments)])


def under(
    spec: SweepSpec, suite: str = STRONG, *, name: str = "strong", only_front: bool = False
) -> SweepSpec:
    """The sweep under a suite, which is written beside its file."""
    path = Path(spec.path).parent / f"{name}.yaml"
    path.write_text(suite)
    return reevaluated(spec, str(path), only_front=only_front)


def planned(spec: SweepSpec) -> Plan:
    return plan_start(spec, store_of(spec))


def to_do(spec: SweepSpec) -> set[str]:
    return {each.id for each in planned(spec).pending(retry_failed=False)}


def evaluate(spec: SweepSpec) -> list[tuple[Ending, list[int]]]:
    """What a start does with each that is to do, and the epochs that it trained."""
    store = store_of(spec)
    return [
        run(each.trial, spec.suite, store, mission(trains=each.trains))
        for each in planned(spec).pending(retry_failed=False)
    ]


def trial_folder(spec: SweepSpec, trial: PlannedTrial) -> Path:
    return Path(spec.storage) / "trials" / trial.id


def give_up(spec: SweepSpec, trial: PlannedTrial) -> None:
    assert give_up_weights(store_of(spec).files, TrialFolder.of(trial.id))


def damage(spec: SweepSpec, trial: PlannedTrial) -> None:
    (path,) = trial_folder(spec, trial).rglob("weights.pt")
    path.write_bytes(path.read_bytes()[::-1])


def table_of(spec: SweepSpec) -> pd.DataFrame:
    return pd.read_csv(Path(spec.storage) / spec.folder / "trials.csv").set_index("trial_id")


# --- which are tried


def test_trials_are_those_of_the_sweep_and_none_is_trained(spec: SweepSpec) -> None:
    own = make_plan(spec, store_of(spec))
    strong = under(spec)
    before = contents(Path(spec.storage) / "trials")
    assert [each.id for each in planned(strong).trials] == [each.id for each in own.trials]
    assert {each.todo for each in planned(strong).trials} == {"evaluation"}
    assert planned(strong).counts() == {"pending": 4}
    assert evaluate(strong) == [(Ending.DONE, [])] * 4
    assert evaluate(strong) == []
    after = contents(Path(spec.storage) / "trials")
    assert before.items() <= after.items()
    assert {name.rpartition("/")[2] for name in after.keys() - before.keys()} == {
        *("lease.json", "beat.json", "ended.json", f"{strong.suite.id}.json"),
        *(f"{strong.suite.id}.npz", f"{strong.suite.id}.npz.sha256"),
    }


def test_what_has_no_weights_is_told_and_left_out(spec: SweepSpec, folder: Path) -> None:
    own = make_plan(spec, store_of(spec)).trials
    give_up(spec, own[1])
    (weights,) = trial_folder(spec, own[2]).rglob("weights.pt")
    weights.unlink()
    wider = read_sweep(folder, "small", "seeds=[0, 1, 2]")
    strong = under(wider)
    reasons = {each.id: each.left_out for each in planned(strong).trials}
    assert reasons == {
        **{each.id: "pending" for each in planned(strong).trials},
        own[0].id: None,
        own[1].id: "given up",
        own[2].id: "damaged",
        own[3].id: None,
    }
    assert {each.todo for each in planned(strong).trials if each.left_out} == {""}
    assert to_do(strong) == {own[0].id, own[3].id}
    assert evaluate(strong) == [(Ending.DONE, [])] * 2
    told = coverage(strong, planned(strong))
    assert told is not None
    assert str(told) == "2 of 6 trials evaluated under strong.yaml"
    assert told.without_weights() == (
        "4 of 6 trials have no weights to evaluate: 1 given up, 1 damaged, 2 pending"
    )


def test_what_is_evaluated_stays_so_when_its_weights_are_given_up(spec: SweepSpec) -> None:
    strong = under(spec)
    evaluate(strong)
    give_up(spec, planned(strong).trials[1])
    assert planned(strong).counts() == {"done": 4}
    assert planned(strong).trials[1].left_out is None


def test_only_front_is_the_front_under_the_own_suite_and_the_references(spec: SweepSpec) -> None:
    table = sweep_table(spec).set_index("trial_id")
    wanted = set(table.index[table["on_front"] | (table["method"] == "standard")])
    assert len(wanted) < len(table), "else this says nothing"
    strong = under(spec, only_front=True)
    assert to_do(strong) == wanted
    evaluate(strong)
    assert {each.id for each in planned(strong).trials if each.evaluation} == wanted
    told = coverage(strong, planned(strong))
    assert str(told) == (
        f"{len(wanted)} of 4 trials evaluated under strong.yaml: the front of the suite before, "
        "and the references"
    )
    everything = under(spec)
    assert to_do(everything) == set(table.index) - wanted
    evaluate(everything)
    for each in (strong, everything):
        assert str(coverage(each, planned(each))) == "4 of 4 trials evaluated under strong.yaml"


def test_front_of_some_trials_is_told_loudly(spec: SweepSpec, folder: Path) -> None:
    """Of one of four: the others have no result under what is the sweep's own suite now."""
    changed = read_sweep(folder, "small", SEEDS, "evaluation.examples=20")
    store = store_of(changed)
    for each in make_plan(changed, store).trials[::2]:
        run(each.trial, changed.suite, store, mission(trains=False))
    strong = under(changed, only_front=True)
    told = coverage(strong, planned(strong))
    assert told is not None
    assert "the front of the suite before, of 2 trials, and the references" in str(told)
    assert told.record()["front_of"] == 2
    shown = invoked(
        folder, "--evaluate", folder / "strong.yaml", "--only", "front", "--dry-run",
        *("--set", "evaluation.examples=20"),
    )  # fmt: skip
    assert shown.exit_code == 0, shown.output
    assert "chosen      they were chosen by a front of 2 of 4 trials" in shown.stdout


@pytest.mark.parametrize("dry_run", [(), ("--dry-run",)])
def test_front_of_nothing_is_refused(
    spec: SweepSpec, folder: Path, dry_run: tuple[str, ...]
) -> None:
    under(spec)
    before = contents(folder)
    arguments = ("--evaluate", folder / "strong.yaml", "--only", "front", *dry_run)
    result = invoked(folder, *arguments, "--set", "evaluation.examples=20")
    assert result.exit_code == 2, result.output
    assert "got none on the front under its own suite" in result.stderr
    assert "0 of its 4 trials have a result" in result.stderr
    assert "leave --only front out, or run the sweep first, without --evaluate: " in result.stderr
    assert f"--storage {folder / 'runs'}" in result.stderr
    assert contents(folder) == before


def test_what_was_evaluated_beside_the_front_is_counted_by_itself(spec: SweepSpec) -> None:
    strong = under(spec, only_front=True)
    beside = [each for each in planned(strong).trials if each.left_out == "not on the front"]
    assert len(beside) > 1
    run(beside[0].trial, strong.suite, store_of(spec), mission(trains=False))
    evaluate(strong)
    assert str(coverage(strong, planned(strong))).endswith(" and the references, and 1 more")


def test_an_attack_that_means_something_else_now_is_tried_anew(
    spec: SweepSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite = f"{{examples: 24, light: {{attack: '{__name__}:Brighten'}}}}"
    older = under(spec, suite)
    evaluate(older)
    older_id, older_folder = older.suite.id, older.folder
    before = contents(Path(spec.storage) / "trials")
    monkeypatch.setattr(Brighten, "version", 2)
    newer = under(spec, suite)
    assert newer.suite.id != older_id
    assert newer.folder != older_folder
    assert planned(newer).counts() == {"pending": 4}
    assert evaluate(newer) == [(Ending.DONE, [])] * 4
    after = contents(Path(spec.storage) / "trials")
    assert before.items() <= after.items()
    of_suite = [name for name in after if name.endswith(f"/{newer.suite.id}.npz")]
    assert len(of_suite) == 4


# --- what goes wrong on the way


@pytest.mark.parametrize("fault", [give_up, damage])
def test_weights_that_go_before_their_turn_are_left(fault: Any, spec: SweepSpec) -> None:
    strong = under(spec)
    (first, *_) = planned(strong).pending(retry_failed=False)
    fault(spec, first)
    ending = run(first.trial, strong.suite, store_of(spec), mission(trains=False))
    assert ending == (Ending.LEFT, [])
    progress = store_of(spec).trial(first.id).progress(strong.suite.id)
    assert progress.failure is None
    assert progress.lease is not None
    assert progress.lease.ended is not None
    assert progress.lease.ended.how == "left"
    reasons = {give_up: "given up", damage: "damaged"}
    assert planned(strong).trials[0].left_out == reasons[fault]
    own = {each.id for each in make_plan(spec, store_of(spec)).pending(retry_failed=False)}
    assert own == ({first.id} if fault is damage else set())


def test_failing_evaluation_is_told_of_its_suite_alone(spec: SweepSpec, folder: Path) -> None:
    raising, strong = under(spec, RAISING, name="raising"), under(spec)
    own = sweep_table(spec)
    assert evaluate(raising) == [(Ending.FAILED, [])] * 4
    assert planned(raising).counts() == {"failed": 4}
    assert planned(raising).pending(retry_failed=False) == ()
    assert len(planned(raising).pending(retry_failed=True)) == 4
    assert planned(strong).counts() == {"pending": 4}
    pd.testing.assert_frame_equal(sweep_table(spec), own)
    edited = read_sweep(folder, "small", SEEDS, "evaluation.examples=20")
    assert make_plan(edited, store_of(spec)).counts() == {"stopped": 4}
    assert evaluate(strong) == [(Ending.DONE, [])] * 4
    assert planned(raising).counts() == {"failed": 4}


def test_failure_under_the_own_suite_is_none_under_another_and_stays(folder: Path) -> None:
    own = read_sweep(folder, "small", SEEDS, f"evaluation={RAISING}")
    store = store_of(own)
    (first, *_) = make_plan(own, store).trials
    assert run(first.trial, own.suite, store)[0] is Ending.FAILED
    strong = under(own)
    assert first.id in to_do(strong)
    evaluate(strong)
    assert planned(strong).counts() == {"done": 4}
    again = make_plan(own, store).trials[0]
    assert again.status == "failed"
    assert again.progress.failure is not None
    assert "no such attack" in again.progress.failure.message


def test_worker_that_dies_while_it_evaluates_fails_that_evaluation(spec: SweepSpec) -> None:
    strong, store = under(spec), store_of(spec)
    (first, *_) = planned(strong).trials
    stored = store.trial(first.id)
    attempt = stored.begin(
        first.trial, 2, lasts=60.0, about=About(evaluates=strong.suite.id, sweep="small")
    )
    assert attempt is not None
    stored.record_failure("hung", "it was silent", "")
    attempts = stored.past_attempts()
    assert [each.number for each in came_for(attempts, strong.suite.id)] == [2, 3]
    assert [each.number for each in came_for(attempts, None)] == [1]
    assert planned(strong).trials[0].status == "failed"
    edited = read_sweep(Path(spec.path).parent, "small", SEEDS, "evaluation.examples=20")
    assert make_plan(edited, store).trials[0].status == "stopped"


def test_hours_of_training_do_not_count_against_an_evaluation(spec: SweepSpec) -> None:
    strong, store = under(spec), store_of(spec)
    (first, *_) = planned(strong).trials
    (trained,) = store.trial(first.id).past_attempts()
    assert trained.ended is not None
    ended = trained.ended.model_copy(update={"elapsed": 7200.0})
    ended.write(store.files, LeaseFolder(trained.folder).ended)
    hourly = PATIENT.model_copy(update={"limits": LimitSettings(hours=1.0)})
    assert run(first.trial, strong.suite, store, mission(hourly))[0] is Ending.FAILED
    assert run(first.trial, strong.suite, store, mission(hourly, trains=False))[0] is Ending.DONE


# --- what is left, and told


def test_tables_lie_beside_the_sweeps_own(tried: Tried, done: Path) -> None:
    own, after = (contents(folder) for folder in (done / "runs" / "sweeps" / "small", tried.own))
    assert {k: v for k, v in own.items() if not k.startswith("starts/")}.items() <= after.items()
    assert tried.spec.folder == f"sweeps/small/suites/strong-{tried.spec.suite.id}"
    assert {path.name for path in tried.folder.iterdir()} == {
        *("spec.yaml", "plan.json", "trials.csv", "front.csv", "front.json", "cells.csv"),
        *("front.png", "front.svg", "contrasts.json", "contrasts.csv", "report.html"),
    }


def test_table_has_the_categories_of_the_suite_and_empty_rows(tried: Tried) -> None:
    table = table_of(tried.spec)
    assert [name for name in table if "accuracy" in name or name.startswith("worst")] == [
        *("natural_accuracy", "robust_accuracy_pgd", "worst_pgd", "union_accuracy"),
        *("sacrificed_accuracy", "constant_accuracy"),
    ]
    assert set(table["status"]) == {"done", "pending"}
    for each in planned(tried.spec).trials:
        row = table.loc[each.id]
        if each.evaluation is None:
            assert row["status"] == "pending"
            assert row[["natural_accuracy", "robustness_score", "seconds"]].isna().all()
        else:
            assert row["status"] == "done"
            assert row["worst_pgd"] == each.evaluation.accuracies["worst_pgd"]
    is_standard = (table["method"] == "standard").to_numpy()
    assert table["robustness_score"][is_standard].mean() == pytest.approx(0.0)


def test_pictures_and_records_say_what_they_stand_on(tried: Tried) -> None:
    evaluated = int((table_of(tried.spec)["status"] == "done").sum())
    said = (
        f"{evaluated} of 4 trials evaluated under strong.yaml: the front of the suite before, "
        "and the references"
    )
    assert said in (tried.folder / "front.svg").read_text()
    assert "evaluated under" not in (tried.own / "front.svg").read_text()
    assert json.loads((tried.folder / "front.json").read_text())["suite"] == {
        **{"file": "strong.yaml", "id": tried.spec.suite.id, "trials": 4, "asked_for": "front"},
        **{"evaluated": evaluated, "without_weights": {}, "front_of": 4},
    }
    assert "suite" not in json.loads((tried.own / "front.json").read_text())


def test_json_is_that_of_the_suite(tried: Tried) -> None:
    assert tried.result.exit_code == 0, tried.result.output
    outcome = json.loads(tried.result.stdout)
    assert outcome["counts"].keys() == {"done", "pending"}
    assert outcome["front"] == json.loads((tried.folder / "front.json").read_text())
    assert {Path(file).parent for file in outcome["files"]} == {tried.folder}


def test_dry_run_tells_what_would_be_evaluated_and_writes_nothing(
    spec: SweepSpec, folder: Path
) -> None:
    give_up(spec, planned(under(spec)).trials[3])
    before = contents(folder)
    result = invoked(folder, "--evaluate", folder / "strong.yaml", "--dry-run", "--json")
    assert result.exit_code == 0, result.output
    assert contents(folder) == before
    told = json.loads(result.stdout)
    assert told["counts"] == {"pending": 4}
    assert told["left"]["trials"] == 3
    assert told["suite"]["without_weights"] == {"given up": 1}
    assert [trial["todo"] for trial in told["trials"]] == ["evaluation"] * 3 + [""]
    assert [trial["left_out"] for trial in told["trials"]] == [None, None, None, "given up"]
    shown = invoked(folder, "--evaluate", folder / "strong.yaml", "--dry-run").output
    assert "0 of 4 trials evaluated under strong.yaml\n" in shown
    assert "1 of 4 trials have no weights to evaluate: 1 given up\n" in shown


def test_failed_evaluations_are_told_by_the_exit_code(spec: SweepSpec, folder: Path) -> None:
    raising = under(spec, RAISING, name="raising")
    evaluate(raising)
    result = invoked(folder, "--evaluate", folder / "raising.yaml")
    assert result.exit_code == 1, result.output
    assert "4 of 4 trials missing: 4 exception" in result.output
    assert table_of(raising)["failure"].str.contains("no such attack").all()


def test_suites_of_one_name_do_not_overwrite_each_other(spec: SweepSpec, folder: Path) -> None:
    other = folder / "other"
    other.mkdir()
    (other / "strong.yaml").write_text(STRONG.replace("0.25", "0.3"))
    ours, theirs = under(spec), reevaluated(spec, str(other / "strong.yaml"), only_front=False)
    assert ours.folder != theirs.folder
    renamed = under(spec, name="renamed")
    assert renamed.suite == ours.suite
    assert renamed.folder == f"sweeps/small/suites/renamed-{ours.suite.id}"


def test_resolved_specification_has_the_suite_and_set_reaches_the_sweeps_own(
    folder: Path,
) -> None:
    own = read_sweep(folder, "small", SEEDS, "evaluation.pgd.epsilon=0.01")
    strong = under(own)
    assert strong.suite == under(read_sweep(folder, "small", SEEDS)).suite
    (folder / "again.yaml").write_text(strong.resolved_yaml())
    again = invoked(folder, "--evaluate", folder / "strong.yaml", "--dry-run", "--json")
    assert json.loads(again.stdout)["suite"]["id"] == strong.suite.id
    assert "epsilon: 0.25" in strong.resolved_yaml()
    assert "epsilon: 0.01" not in strong.resolved_yaml()


def test_store_is_whole_afterwards_and_keeps_what_the_suite_left(tried: Tried) -> None:
    files = store_of(tried.spec).files
    found = verify(files, files_in(files), dry_run=True, on_read=lambda name: None)
    assert list(found) == []
    assert {item.kind for item in survey(files, unreferenced=True).garbage} == {GarbageKind.BEAT}


def test_damage_is_found_in_what_a_reevaluation_records(tried: Tried, tmp_path: Path) -> None:
    files = LocalFiles(Path(shutil.copytree(tried.spec.storage, tmp_path / "copy")))
    name = f"{tried.spec.folder}/plan.json"
    files.write(name, (files.read(name) or b"")[:-9])
    found = verify(files, files_in(files), dry_run=True, on_read=lambda name: None)
    assert [finding.name for finding in found] == [name]


# --- what a person can get wrong


@pytest.mark.parametrize(
    ("suite", "said"),
    [
        ("{pgd: {epsilon: -1, ladder: [1]}}", r":1: pgd\.epsilon: must be "),
        ("{examples: 3}", r":1: must name at least one attack"),
        ("", r":1: must hold a mapping"),
    ],
)
def test_bad_suite_is_told_where_it_is_written(
    suite: str, said: str, spec: SweepSpec, folder: Path
) -> None:
    (folder / "bad.yaml").write_text(suite)
    before = contents(folder)
    result = invoked(folder, "--evaluate", folder / "bad.yaml")
    assert result.exit_code == 2
    assert re.search(said, result.output)
    assert contents(folder) == before


def test_objectives_must_have_their_columns_under_the_suite(spec: SweepSpec, folder: Path) -> None:
    (folder / "flow.yaml").write_text("flow: {epsilon: 0.2, ladder: [2]}\n")
    before = contents(folder)
    arguments = ("--evaluate", folder / "flow.yaml", "--set")
    result = invoked(folder, *arguments, "objectives=[worst_pgd, sacrificed_accuracy]")
    assert result.exit_code == 2
    assert ":1: must fill the column of every objective" in result.output
    assert "'worst_pgd'" in result.output
    assert contents(folder) == before
    result = invoked(folder, *arguments, "objectives=[union_accuracy, seconds]", "--dry-run")
    assert result.exit_code == 2  # of the hypervolume: seconds have no end
    chosen = "objectives=[worst_flow, sacrificed_accuracy]"
    assert invoked(folder, *arguments, chosen).exit_code == 2  # the sweep's own has no such column


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--only", "front"], "--only: must stand beside --evaluate"),
        (["--evaluate", "nowhere.yaml"], "nowhere.yaml: must be a file that can be read"),
        (["--evaluate", "-.yaml"], "--evaluate: must not begin with '-'"),
    ],
)
def test_bad_arguments(
    arguments: list[str],
    said: str,
    spec: SweepSpec,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(folder)
    (folder / "-.yaml").write_text(STRONG)
    result = invoked(folder, *arguments)
    assert result.exit_code == 2
    assert said in result.output


def test_a_sweep_that_never_ran_has_nothing_to_evaluate(folder: Path, spec: SweepSpec) -> None:
    strong = under(spec)
    shutil.rmtree(folder / "runs" / "sweeps")
    result = invoked(folder, "--evaluate", folder / "strong.yaml")
    assert result.exit_code == 2
    assert "must be of a sweep that has trained models, got 'small', of which" in result.output
    assert not (folder / "runs" / "sweeps").exists()
    assert to_do(strong), "though other sweeps have left models"


def test_a_sweep_without_models_has_nothing_to_evaluate(spec: SweepSpec, folder: Path) -> None:
    strong = under(spec)
    for each in planned(strong).trials:
        give_up(spec, each)
    result = invoked(folder, "--evaluate", folder / "strong.yaml")
    assert result.exit_code == 2
    assert "got 4 of 4 trials have no weights to evaluate: 4 given up; run" in result.output
