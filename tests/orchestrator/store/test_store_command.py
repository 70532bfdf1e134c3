"""The command that looks after a storage: what it prints, what it refuses, how it ends."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from orchestrator.plan.plan import make_plan
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store.__main__ import app
from orchestrator.store.housekeeping import damage as damage_module
from orchestrator.store.leases.records import About
from tests.orchestrator.finished import do_sweep, read_sweep, store_of
from tests.orchestrator.working import contents


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("done")
    do_sweep(read_sweep(folder))
    do_sweep(read_sweep(folder, "other", "methods={standard: {}}"))
    return folder


@pytest.fixture
def spec(done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SweepSpec:
    """A sweep of two trials that is done; another one has the first of them too."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(damage_module, "SECONDS_BETWEEN_LOOKS", 0.0)
    shutil.copytree(done / "runs", tmp_path / "runs")
    return read_sweep(tmp_path)


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def answer(*arguments: str) -> Any:
    return json.loads(call(*arguments, "--json").stdout)


# --- ls


def test_trials_are_listed_one_a_line(spec: SweepSpec) -> None:
    first, second = make_plan(spec, store_of(spec)).trials
    result = call("ls")
    assert result.exit_code == 0
    header, *lines, total = result.stdout.splitlines()
    assert header.split()[:4] == ["trial", "data", "model", "method"]
    shown = {line.split()[0]: line.split() for line in lines}
    assert shown.keys() == {first.id, second.id}
    assert shown[first.id][1:7] == ["digits", "cnn", "standard", "0", "done", "2/2"]
    assert shown[second.id][3:6] == ["adversarial", "attack=pgd", "0"]
    assert shown[first.id][7:9] == ["2", "1"]  # suites (on validation and on test), attempts
    assert shown[first.id][11:13] == ["other,", "small"]
    assert total.startswith("2 trials, ")


def test_listing_has_what_a_tool_needs(spec: SweepSpec) -> None:
    first, second = make_plan(spec, store_of(spec)).trials
    entries = {entry["id"]: entry for entry in answer("ls", spec.storage)}
    assert entries[second.id]["sweeps"] == ["small"]
    assert sorted(entries[first.id]["sweeps"]) == ["other", "small"]
    sizes = store_of(spec).files.sizes(f"trials/{first.id}")
    assert entries[first.id]["bytes"] == sum(sizes.values())
    lease = first.progress.lease
    assert lease is not None and lease.ended is not None
    assert entries[first.id]["changed"] == lease.ended.at
    assert [entry["id"] for entry in answer("ls", "--sweep", "other")] == [first.id]


def test_listing_tells_how_each_trial_stands(spec: SweepSpec) -> None:
    store = store_of(spec)
    trial = make_plan(spec, store).trials[0].trial
    states = []
    for seed in range(1, 5):
        it = trial.model_copy(update={"seed": seed})
        stored = store.trial(it.id)
        stored.describe(it)
        if seed > 1:
            attempt = stored.begin(it, 1, lasts=60.0, about=About())
            assert attempt is not None
            attempt.keep_row({"epoch": 1})
            if seed == 3:
                attempt.fail("diverged", "loss is NaN", "")
            if seed == 4:
                attempt.end("stopped")
        (entry,) = (entry for entry in answer("ls") if entry["id"] == it.id)
        states.append((entry["state"], entry["attempts"], entry["sweeps"]))
    assert states == [
        ("pending", 0, []),
        ("running", 1, []),
        ("failed: diverged", 1, []),
        ("pending", 1, []),  # stopped before it had a checkpoint
    ]


def test_listing_leaves_damage_where_it_is(spec: SweepSpec) -> None:
    first = make_plan(spec, store_of(spec)).trials[0]
    for name in ("trial.json", "result.json"):
        (Path(spec.storage) / "trials" / first.id / name).write_bytes(b"")
    before = contents(Path(spec.storage))
    (entry,) = (entry for entry in answer("ls") if entry["id"] == first.id)
    assert (entry["data"], entry["epochs"], entry["state"]) == (None, None, "stopped")
    assert f"{first.id}  ?" in call("ls").stdout
    assert contents(Path(spec.storage)) == before


# --- verify


def test_good_storage_is_told_to_be_good(spec: SweepSpec) -> None:
    result = call("verify", "runs")
    assert result.exit_code == 0
    assert result.stdout.endswith(" read: none damaged\n")
    assert result.stderr == ""
    assert answer("verify")["findings"] == []


def test_damage_is_named_and_set_aside(spec: SweepSpec) -> None:
    path = next(Path(spec.storage).rglob("weights.pt"))
    name = str(path.relative_to(spec.storage))
    path.write_bytes(path.read_bytes()[:-1])
    before = contents(Path(spec.storage))
    dry = call("verify", "--dry-run")
    assert (dry.exit_code, contents(Path(spec.storage))) == (1, before)
    assert dry.stdout.splitlines()[-1].endswith("1 damaged")
    result = call("verify", "--json")
    assert result.exit_code == 1
    (finding,) = json.loads(result.stdout)["findings"]
    assert finding == {
        "name": name,
        "kind": "truncated",
        "consequence": "the trial is trained again",
    }
    assert path.with_name("weights.pt.damaged").exists()
    assert call("verify").exit_code == 0


# --- gc


def test_garbage_is_only_told_of(spec: SweepSpec) -> None:
    first = make_plan(spec, store_of(spec)).trials[0]
    damaged = Path(spec.storage) / "trials" / first.id / "result.json.damaged"
    damaged.write_bytes(b"12345")
    before = contents(Path(spec.storage))
    result = call("gc")
    assert result.exit_code == 0
    assert "damaged     1 files, 5 B" in result.stdout
    assert str(damaged.relative_to(spec.storage)) in result.stdout
    assert result.stdout.splitlines()[-1].endswith("to be deleted; do it with --delete")
    assert contents(Path(spec.storage)) == before


def test_deleted_garbage_frees_what_was_told(spec: SweepSpec) -> None:
    files = store_of(spec).files
    (Path(spec.storage) / "sweeps" / "small" / "front.csv.damaged").write_bytes(b"12345")
    told = answer("gc")
    before = sum(files.sizes("").values())
    deleted = answer("gc", "--delete")
    assert deleted["garbage"] and deleted["garbage"] == sorted(
        told["garbage"], key=lambda item: (item["place"], item["name"])
    )
    assert before - sum(files.sizes("").values()) == deleted["bytes"] == told["bytes"] > 5
    assert answer("gc")["garbage"] == []
    assert make_plan(spec, store_of(spec)).counts() == {"done": 2}


def test_unreferenced_trials_go_on_request(spec: SweepSpec) -> None:
    first, second = make_plan(spec, store_of(spec)).trials
    shutil.rmtree(Path(spec.storage) / "sweeps" / "small")
    call("gc", "--delete")
    assert len(answer("ls")) == 2
    assert call("gc", "--delete", "--unreferenced").exit_code == 0
    assert [entry["id"] for entry in answer("ls")] == [first.id]
    assert not (Path(spec.storage) / "trials" / second.id).exists()


def test_doubt_about_references_refuses(spec: SweepSpec) -> None:
    for name in ("plan.json", "trials.csv"):
        (Path(spec.storage) / "sweeps" / "small" / name).unlink()
    before = contents(Path(spec.storage))
    result = call("gc", "--delete", "--unreferenced")
    assert result.exit_code == 2
    assert result.stderr.startswith("error: sweep 'small' must say what it names, and neither ")
    assert contents(Path(spec.storage)) == before


# --- what is no storage


@pytest.mark.parametrize("command", ["ls", "verify", "gc"])
@pytest.mark.parametrize(
    ("storage", "said"),
    [
        ("nowhere", "storage must be one that a sweep has made, got "),
        ("ftp://host/x", "a folder or s3://BUCKET/PREFIX (or gs://, az://), got a ftp:// URL"),
        (
            "s3:/bucket",
            "storage must be the path of a folder or s3://BUCKET/PREFIX (or gs://, az://), got",
        ),
        ("file:runs", "a folder of that name is written ./file:..."),
        ("s3://key:secret@bucket", "storage must be s3://BUCKET/PREFIX with no keys"),
        ("older", "has trials/ but no store.json"),
        ("damaged", "store.json in storage "),
    ],
)
def test_other_places_are_refused(spec: SweepSpec, command: str, storage: str, said: str) -> None:
    Path("older/trials/t1").mkdir(parents=True)
    shutil.copytree("runs", "damaged")
    for name in ("store.json", "store.json.copy"):
        Path("damaged", name).write_bytes(b"")
    before = contents(Path.cwd())
    result = call(command, storage)
    assert result.exit_code == 2
    assert result.stderr.startswith("error: ")
    assert said in result.stderr
    assert "secret" not in result.stderr
    assert contents(Path.cwd()) == before


def test_storage_that_does_not_answer_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_DEFAULT_REGION": "us-east-1"}
    keys = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing-secret"}
    for name, value in (environment | keys).items():
        monkeypatch.setenv(name, value)
    result = call("gc", "s3://bucket/runs", "--delete")
    assert result.exit_code == 2
    assert result.stderr.startswith("error: cannot read s3://bucket/runs/store.json")
    assert "testing" not in result.stderr


def test_unknown_sweep_is_refused(spec: SweepSpec) -> None:
    result = call("ls", "--sweep", "smal")
    assert result.exit_code == 2
    assert "--sweep must be one that says what its trials are, got 'smal'" in result.stderr
    assert "other, small" in result.stderr


@pytest.mark.slow
def test_command_is_run_as_a_module(spec: SweepSpec) -> None:
    command = [sys.executable, "-m", "orchestrator.store", "ls", spec.storage, "--json"]
    root = Path(__file__).parents[3]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    assert len(json.loads(done.stdout)) == 2
    assert done.stderr == ""
