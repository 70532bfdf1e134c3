"""A storage that the version before has left is this version's too: nothing in it is lost.

`version_before.tar.gz` holds a real one, and the sweep files that made it: three sweeps on digits
with tiny networks, run at commit ac76905, whose records had no version, by

    python -m orchestrator.sweep sweep_files/small.yaml --local
    python -m orchestrator.sweep sweep_files/small.yaml --local --evaluate sweep_files/harder.yaml
    python -m orchestrator.sweep sweep_files/front_alone.yaml --local
    python -m orchestrator.sweep sweep_files/stopped.yaml --local    (Ctrl-C in its 2nd epoch)
    python -m orchestrator.pause sweep_files/stopped.yaml

so that each kind of record is there: of a trial that diverged, of one that stopped, of weights that
were given up. MLflow's database and the pictures were left out, and the paths of the machine that
made it changed in `spec.yaml` and in one traceback. What its sweep files left to the preset of
digits is said in them now: the preset has other radii since.
"""

from __future__ import annotations

import json
import shutil
import tarfile
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest
from typer import Typer
from typer.testing import CliRunner

import trainer
from orchestrator import front, pick, resume
from orchestrator import sweep as sweep_command
from orchestrator.plan.plan import make_plan
from orchestrator.results.as_stored import sweep_table
from orchestrator.results.table_files import write_csv
from orchestrator.spec.sweep_spec import SweepSpec, read_spec
from orchestrator.status import __main__ as status
from orchestrator.store import Store
from orchestrator.store import __main__ as store_command
from orchestrator.store.files.by_url import open_files
from orchestrator.store.records.layout import EARLIER, TRIALS, FileKind, TrialFolder
from orchestrator.store.records.version import VERSION, version_of
from tests.integration.in_process import nothing_to_run, swept
from tests.integration.stored import table, times_of
from tests.orchestrator.plain import read_plain, write_plain
from trainer.config import assigned
from trainer.input.document import Document
from trainer.input.yaml_nodes import to_yaml

ARCHIVE = Path(__file__).with_name("version_before.tar.gz")

PRESET_THEN = (
    "data.validation=180",
    "training.attacks.flow.epsilon=0.15",
    "training.attacks.rt.epsilon=0.25",
)

DONE = {"small": {"done": 3, "failed": 1}, "front_alone": {"done": 4}}
"""Trials by status of the sweeps that came to their end."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sweep files and their storage, `runs`."""
    folder = tmp_path_factory.mktemp("before")
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    for name in ("small", "front_alone", "stopped"):
        path = folder / "sweep_files" / f"{name}.yaml"
        path.write_text(to_yaml(assigned(Document.read(str(path)), PRESET_THEN).value))
    return folder


def spec_of(folder: Path, sweep: str) -> SweepSpec:
    """A sweep of the storage."""
    path = str(folder / "sweep_files" / f"{sweep}.yaml")
    return read_spec(path, [f"storage={folder / 'runs'}", "tracking=none"], {})


def as_now(folder: Path, table: pd.DataFrame) -> pd.DataFrame:
    """A table of before with the ids that its trials have now."""
    ids = Store(open_files(str(folder / "runs"))).ids
    now = table.assign(trial_id=table["trial_id"].map(ids.present))
    assert not set(now["trial_id"]) & set(table["trial_id"]), "none has kept its own"
    return now


def said(app: Typer, *words: str | Path, code: int = 0) -> str:
    """What a command prints to stdout; that it ends with `code` and complains of nothing."""
    done = CliRunner().invoke(app, list(map(str, words)))
    assert done.exit_code == code, done.output
    assert "WARNING" not in done.stderr
    return done.stdout


def place(folder: Path, sweep: str) -> Sequence[str | Path]:
    """Arguments of a command about a sweep of the storage."""
    return folder / "sweep_files" / f"{sweep}.yaml", "--storage", folder / "runs"


def test_nothing_in_it_is_damaged_or_left_over(folder: Path) -> None:
    found = json.loads(said(store_command.app, "verify", folder / "runs", "--json"))
    assert found["findings"] == []
    assert found["files"] > 100


@pytest.mark.parametrize("sweep", DONE)
def test_status_and_table_are_as_they_were(folder: Path, sweep: str, tmp_path: Path) -> None:
    found = json.loads(said(status.app, *place(folder, sweep), "--json"))
    assert found["counts"] == DONE[sweep]
    assert found["damaged"] == []
    assert found["used"]["training_passes"] > 0
    assert all(trial["host"] == "vm" for trial in found["trials"])
    before = as_now(folder, table(folder / "runs", sweep))
    write_csv(sweep_table(spec_of(folder, sweep)), tmp_path / "trials.csv")
    now = pd.read_csv(tmp_path / "trials.csv")
    pd.testing.assert_frame_equal(now[list(before)], before)


@pytest.mark.parametrize("sweep", DONE)
def test_other_settings_of_validation_train_nothing_again(folder: Path, sweep: str) -> None:
    path = str(folder / "sweep_files" / f"{sweep}.yaml")
    changed = ["validation.every=2", "validation.examples=9", f"storage={folder / 'runs'}"]
    spec = read_spec(path, [*changed, "tracking=none"], {})
    plan = make_plan(spec, Store(open_files(spec.storage)))
    assert plan.counts() == DONE[sweep]
    assert not any(planned.epochs_left for planned in plan.pending(retry_failed=False))


def test_a_trial_that_failed_and_one_that_stopped_tell_their_stories(folder: Path) -> None:
    failed = json.loads(said(status.app, *place(folder, "small"), "--why", "t25c7", "--json"))
    assert failed["failure"]["kind"] == "diverged"
    assert Path(failed["last_steps"]).exists()
    assert "/t25c7" in failed["folder"], "it lies where it did"
    assert "t25c7" not in failed["trial_id"]
    by_any = [
        said(status.app, *place(folder, "small"), "--why", words, "--json")
        for words in ("t25c7200916d9e636", failed["trial_id"])
    ]
    assert list(map(json.loads, by_any)) == [failed, failed]
    stopped = json.loads(said(status.app, *place(folder, "stopped"), "--json"))
    assert stopped["counts"] == {"done": 1, "stopped": 1}
    assert stopped["paused"]["since"] == "2026-11-28T19:56:14+00:00"
    assert 0 < stopped["used"]["core_hours"] < 0.1
    assert "may go on" in said(resume.app, *place(folder, "stopped"))


def test_a_trial_that_stopped_goes_on_from_its_checkpoint(folder: Path) -> None:
    spec = spec_of(folder, "stopped")
    store = Store(open_files(spec.storage))
    pending = make_plan(spec, store).pending(retry_failed=False)
    (waiting,) = (planned for planned in pending if planned.status == "stopped")
    assert waiting.progress.epochs_done == 1
    checkpoint, origin = store.trial(waiting.id).resume_point(waiting.trial)
    assert checkpoint is not None
    assert checkpoint.position == (1, 60)
    assert origin is not None
    assert [row["epoch"] for row in origin.rows] == [1]


def test_under_best_weights_its_trials_are_the_same_and_trained_again_for_these(
    folder: Path,
) -> None:
    """Nobody watched for them then; of one that stopped no checkpoint has them."""
    spec = spec_of(folder, "small")
    best = read_spec(spec.path, [*spec.assignments, "weights=best"], {})
    ours, theirs = (make_plan(it, Store(open_files(it.storage))) for it in (spec, best))
    assert [it.id for it in theirs.trials] == [it.id for it in ours.trials]
    trained = [it for it in theirs.trials if it.progress.trained]
    assert len(trained) == 3
    assert {it.status for it in trained} == {"pending"}
    assert all("once more: its best weights" in it.todo for it in trained)
    stopped = spec_of(folder, "stopped")
    asked = read_spec(stopped.path, [*stopped.assignments, "weights=best"], {})
    plan = make_plan(asked, Store(open_files(asked.storage)))
    assert all(it.epochs_left == it.trial.training.epochs for it in plan.trials)


def test_all_commands_that_read_it_do(folder: Path, tmp_path: Path) -> None:
    path, *rest = place(folder, "small")
    written = said(front.app, path, *rest, "--out", tmp_path, "--json")
    points = json.loads(written)["points"]
    ids = Store(open_files(str(folder / "runs"))).ids
    before = json.loads((folder / "runs" / "sweeps" / "small" / "front.json").read_text())
    assert points == [
        {**point, "trial_id": ids.present(point["trial_id"])} for point in before["points"]
    ]
    listed = json.loads(said(store_command.app, "ls", folder / "runs", "--json"))
    states = {entry["id"]: entry["state"] for entry in listed}
    assert len(states) == 10
    assert states[ids.present("t25c7200916d9e636")] == "failed: diverged"
    assert sum(state == "done" for state in states.values()) == 8
    assert json.loads(said(store_command.app, "gc", folder / "runs", "--json"))["garbage"]


def test_a_record_of_a_newer_version_ends_a_command_and_stays(folder: Path) -> None:
    files = open_files(str(folder / "runs"))
    name = TrialFolder.of("td4f90c5d34831b3a").result
    before = files.read(name)
    plain = read_plain(files, name)
    assert before is not None
    assert plain is not None
    write_plain(files, name, {**plain, "version": 3})
    newer = files.read(name)
    seen = TrialFolder.of(Store(files).ids.present("td4f90c5d34831b3a")).result
    start = [*map(str, place(folder, "small")), "--local", "--tracking-uri", "none"]
    for app, words in (
        *((store_command.app, [word, files.url]) for word in ("ls", "verify", "gc")),
        (sweep_command.app, start),
    ):
        done = CliRunner().invoke(app, words)
        assert done.exit_code == 2, done.output
        assert f"{seen} must be of a version that this one can read, got 3" in done.stderr
        assert "Traceback" not in done.output
        assert "goes on" not in done.output
    assert files.read(name) == newer
    files.write(name, before)


@pytest.mark.slow
@pytest.mark.parametrize("sweep", DONE)
def test_the_same_sweep_again_trains_nothing_and_evaluates_on_validation_images(
    folder: Path, sweep: str, tmp_path: Path
) -> None:
    """Alone; of weights that were given up nothing is missed. Once more, there is nothing to do."""
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    trials = copy / "runs" / "trials"
    before, its_table = times_of(trials), as_now(copy, table(copy / "runs", sweep))
    command = (*place(copy, sweep), "--tracking-uri", "none")
    done = swept(*command)
    assert done.code == ("failed" in DONE[sweep]), done
    after = times_of(trials)
    assert {name: after[name] for name in before} == before
    fresh = after.keys() - before.keys()
    spec = spec_of(copy, sweep)
    assert spec.choice_suite is not None
    evaluated = {name for name in fresh if name.endswith(f"/{spec.choice_suite.id}.json")}
    has_weights = {name.partition("/")[0] for name in before if name.endswith("/weights.pt")}
    ids = Store(open_files(str(copy / "runs"))).ids
    folders = set(map(ids.folder, its_table.trial_id))
    assert {name.partition("/")[0] for name in evaluated} == has_weights & folders
    assert not any(name.endswith(".pt") or "/rows/" in name for name in fresh)
    now = table(copy / "runs", sweep)
    pd.testing.assert_frame_equal(now[list(its_table)], its_table)
    assert set(now["split"].dropna()) == {"test"}
    assert nothing_to_run(*command).code == done.code
    assert times_of(trials) == after
    files = open_files(str(copy / "runs"))
    assert version_of(files) == VERSION
    kept = {FileKind.EARLIER.match(f"{EARLIER}/{name}") for name in files.names(EARLIER)}
    assert {it["earlier"] for it in kept if it} == set(files.names(TRIALS))
    assert json.loads(said(store_command.app, "verify", files.url, "--json"))["findings"] == []
    if sweep == "small":
        home = tmp_path / "home"
        words = ("--prefer", "robustness_score=1", "--copy", home, "--json")
        taken = json.loads(said(pick.app, *place(copy, sweep), *words))
        assert taken["trial_id"] in set(now["trial_id"])
        lies = Path(taken["weights"]["file"])
        assert lies.is_relative_to(trials / ids.folder(taken["trial_id"])), "where it did"
        assert trainer.load(home).card.trial == taken["trial_id"]


@pytest.mark.slow
def test_its_models_under_another_suite_are_not_tried_again(folder: Path) -> None:
    before = times_of(folder / "runs" / "trials")
    path, *rest = place(folder, "small")
    suite = folder / "sweep_files" / "harder.yaml"
    done = nothing_to_run(path, *rest, "--tracking-uri", "none", "--evaluate", suite)
    assert "3 of 4 trials evaluated under harder.yaml" in done.stdout, done
    assert times_of(folder / "runs" / "trials") == before
