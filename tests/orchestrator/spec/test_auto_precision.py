"""`training.precision: auto`: who decides it, once, and that it stays."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner, Result

from orchestrator import sweep
from orchestrator.spec import auto_precision
from orchestrator.spec.auto_precision import (
    AutoPrecision,
    DecidedOtherwiseError,
    Decision,
    decided_by,
    decided_here,
    keep,
    kept,
)
from orchestrator.spec.policy import Resources
from orchestrator.spec.sweep_spec import SweepSpec, read_spec
from orchestrator.status.__main__ import app as status_app
from orchestrator.store import LocalFiles
from orchestrator.store.records.sealed import sealed
from tests.orchestrator.conftest import Read
from tests.orchestrator.finished import SPEC, do_sweep
from trainer.device.precision import Precision
from trainer.input.problems import BadInput

AUTO = "data: digits\nmethods: {pgd: {}}\ntraining: {precision: auto}\n"
FLOAT32 = AUTO.replace("auto", "float32")
BFLOAT16 = AUTO.replace("auto", "bfloat16")
SWEEP_FILES = Path(__file__).parents[3] / "sweeps"


def precisions(spec: SweepSpec) -> set[Precision]:
    return {cell.trial.training.precision for cell in spec.cells}


def ids(spec: SweepSpec) -> list[str]:
    return [cell.trial.id for cell in spec.cells]


def open_for(choice: Precision) -> AutoPrecision:
    return AutoPrecision(precision=choice, why="a test says so", state="open")


# Who decides


@pytest.mark.parametrize(
    ("gpus", "resources", "answer", "expected"),
    [
        (0, {"gpu": 1}, "True", "float32"),  # trials run on the CPU then
        (1, {}, "True", "float32"),  # trials ask for none
        (1, {"gpu": 0.5}, "True\n", "bfloat16"),
        (1, {"gpu": 1}, "False\n", "float32"),
        (1, {"gpu": 1}, "", "float32"),  # the question failed
        (1, {"gpu": 2}, "True\n", "float32"),
    ],
)
def test_this_machine_decides(
    gpus: int,
    resources: dict[str, float],
    answer: str,
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    done = subprocess.CompletedProcess([], 0, stdout=answer)
    monkeypatch.setattr(auto_precision.subprocess, "run", lambda *_, **__: done)
    assert decided_here(Resources.model_validate(resources)).precision == expected


@pytest.mark.slow
def test_the_question_to_gpus_can_be_asked() -> None:
    """Without one here, the answer is no."""
    asked = subprocess.run(
        [sys.executable, "-c", auto_precision._ASK_GPUS], capture_output=True, text=True, check=True
    )
    assert asked.stdout.strip() in {"True", "False"}
    if not torch.cuda.device_count():
        assert asked.stdout.strip() == "False"


A100 = {"CPU": 8.0, "GPU": 4.0, "accelerator_type:A100": 1.0}
V100 = {"CPU": 8.0, "GPU": 4.0, "accelerator_type:V100": 1.0}
UNKNOWN = {"CPU": 8.0, "GPU": 4.0}
HEAD = {"CPU": 4.0}


@pytest.mark.parametrize(
    ("machines", "gpu", "expected"),
    [
        ([HEAD, A100], 0.5, "bfloat16"),
        ([HEAD, A100], 0.0, "float32"),
        ([HEAD, A100, A100 | {"accelerator_type:H100": 1.0}], 1.0, "bfloat16"),
        ([A100, V100], 1.0, "float32"),
        ([A100, V100 | {"CPU": 1.0}], 1.0, "bfloat16"),  # no trial fits on the older one
        ([A100, UNKNOWN], 1.0, "float32"),
        ([HEAD], 1.0, "float32"),
        ([], 1.0, "float32"),
    ],
)
def test_the_machines_of_a_cluster_decide(
    machines: list[Mapping[str, float]], gpu: float, expected: str
) -> None:
    assert decided_by(machines, Resources(cpu=2, gpu=gpu)).precision == expected


# What a file means


@pytest.mark.parametrize("choice", ["float32", "bfloat16"])
def test_auto_is_resolved_before_there_are_ids(choice: Precision, read: Read) -> None:
    read(AUTO)
    spec = read_spec("sweep.yaml", [], {}, decide=lambda _: open_for(choice))
    assert precisions(spec) == {choice}
    assert ids(spec) == ids(read(AUTO.replace("auto", choice)))
    assert f"precision: {choice}" in spec.resolved_yaml()
    assert "auto" not in spec.resolved_yaml()


@pytest.mark.parametrize("name", ["front_cifar", "front_caltech"])
def test_shipped_files_under_bfloat16_are_the_trials_that_they_were(
    name: str, tmp_path: Path
) -> None:
    text = (SWEEP_FILES / f"{name}.yaml").read_text()
    assert "precision: auto " in text
    before = tmp_path / f"{name}.yaml"
    before.write_text(text.replace("precision: auto ", "precision: bfloat16 "))
    now = read_spec(str(SWEEP_FILES / f"{name}.yaml"), ["training.precision=bfloat16"], {})
    assert ids(now) == ids(read_spec(str(before), [], {}))


@pytest.mark.parametrize(
    "text",
    [
        "data: digits\nmethods: {pgd: {training.precision: auto}}\n",
        "data: digits\nmethods: {pgd: {vary: {training.precision: [auto, float32]}}}\n",
    ],
)
def test_auto_is_of_the_whole_sweep(text: str, read: Read) -> None:
    with pytest.raises(BadInput, match="precision"):
        read(text)


# What is kept


def test_what_is_kept_holds_whatever_machines_there_are(read: Read, store: object) -> None:
    files = LocalFiles(Path("runs").absolute())
    first = read(AUTO)
    assert first.auto_precision is not None
    assert first.auto_precision.state == "open"
    assert not Path("runs").exists()
    keep(files, first.name, open_for("bfloat16"))

    def refused(_: Resources) -> Decision:
        raise AssertionError("nobody is to be asked again")

    later = read_spec("sweep.yaml", [], {}, decide=refused)
    assert precisions(later) == {"bfloat16"}
    assert later.auto_precision == AutoPrecision(
        precision="bfloat16", why="a test says so", state="kept"
    )
    assert precisions(read(FLOAT32)) == {"float32"}  # the file counts where it says other
    assert read(FLOAT32).auto_precision is None


def test_set_changes_it_and_is_kept(read: Read) -> None:
    files = LocalFiles(Path("runs").absolute())
    keep(files, "sweep", open_for("float32"))
    by_hand = read(AUTO, "training.precision=bfloat16")
    assert precisions(by_hand) == {"bfloat16"}
    assert by_hand.auto_precision is not None
    assert kept(files, "sweep") == Decision(precision="float32", why="a test says so")
    keep(files, "sweep", by_hand.auto_precision)
    assert precisions(read(AUTO)) == {"bfloat16"}
    assert precisions(read(AUTO, "training.precision=auto")) == {"bfloat16"}
    assert read(BFLOAT16, "training.precision=float32").auto_precision is None


def test_of_two_first_starts_one_decides(tmp_path: Path) -> None:
    files = LocalFiles(tmp_path)
    keep(files, "both", open_for("bfloat16"))
    keep(files, "both", open_for("bfloat16"))
    with pytest.raises(DecidedOtherwiseError, match="bfloat16, not float32"):
        keep(files, "both", open_for("float32"))


def test_a_damaged_record_is_set_aside_and_made_again(tmp_path: Path) -> None:
    files = LocalFiles(tmp_path)
    keep(files, "hurt", open_for("bfloat16"))
    record = tmp_path / "sweeps/hurt/precision.json"
    record.write_text(record.read_text().replace("bfloat16", "float32"))
    assert kept(files, "hurt") is None
    assert record.exists()  # who only looks changes nothing
    keep(files, "hurt", open_for("float32"))
    assert kept(files, "hurt") == Decision(precision="float32", why="a test says so")


def test_a_storage_that_cannot_say_is_left_to_those_who_use_it(tmp_path: Path) -> None:
    (tmp_path / "sweeps").write_text("a file where a folder belongs")
    assert kept(LocalFiles(tmp_path), "sweep") is None


def test_a_record_of_a_newer_version_is_refused_by_every_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No other reader of it would say so to those who only look."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.yaml").write_text(
        SPEC.format(name="small").replace("epochs: 2,", "epochs: 2, precision: auto,")
    )
    decided = {"version": 3, "precision": "float8", "why": "it is new", "since": "2027-01-01"}
    LocalFiles(tmp_path / "runs").write("sweeps/small/precision.json", sealed(decided))
    for app, more in ((status_app, ()), (sweep.app, ("--dry-run",)), (sweep.app, ())):
        said = CliRunner().invoke(app, ["small.yaml", *more])
        assert said.exit_code == 2
        assert "sweeps/small/precision.json must be of a version that this one can" in said.stderr


# The commands


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(sweep.app, list(arguments))


@pytest.mark.slow
def test_a_sweep_is_decided_once_and_every_command_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its two trials are done under float32 already, so that no start needs a cluster."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "small.yaml"
    path.write_text(SPEC.format(name="small"))
    do_sweep(read_spec(str(path), [], {}))
    path.write_text(path.read_text().replace("epochs: 2,", "epochs: 2, precision: auto,"))
    record = tmp_path / "runs/sweeps/small/precision.json"

    before = invoke(str(path), "--dry-run")
    assert before.exit_code == 0, before.output
    assert "precision   float32, since trials run on a CPU; decided at the" in before.output
    assert not record.exists()

    first = invoke(str(path))
    assert first.exit_code == 0, first.output
    assert first.output.count("training.precision is auto: float32, since") == 1
    assert json.loads(record.read_text())["record"]["precision"] == "float32"

    def bfloat16(_: Resources) -> Decision:
        return open_for("bfloat16")

    monkeypatch.setattr(sweep, "decided_here", bfloat16)  # a machine more
    again = invoke(str(path), "--json")
    assert json.loads(again.stdout)["counts"] == {"done": 2}
    assert "training.precision" not in again.output
    told = json.loads(invoke(str(path), "--dry-run", "--json").stdout)
    assert told["counts"] == {"done": 2}
    assert told["precision"]["state"] == "kept"
    stands = CliRunner().invoke(status_app, [str(path), "--json"])
    assert {trial["status"] for trial in json.loads(stands.stdout)["trials"]} == {"done"}

    record.unlink()

    def slower(_: Resources) -> Decision:
        """Another start decides between this one's question and its turn."""
        keep(LocalFiles(tmp_path / "runs"), "small", open_for("float32"))
        return open_for("bfloat16")

    monkeypatch.setattr(sweep, "decided_here", slower)
    beaten = invoke(str(path), "--json")
    assert json.loads(beaten.stdout)["counts"] == {"done": 2}, beaten.output


@pytest.mark.slow
def test_a_cluster_that_is_not_there_decides_nothing(read: Read) -> None:
    read(AUTO)
    refused = invoke("sweep.yaml", "--address", "127.0.0.1:1")
    assert refused.exit_code == 2, refused.output
    assert "--address must lead to the head of a Ray cluster" in refused.output
    assert not Path("runs").exists()


@pytest.mark.slow
def test_a_cluster_is_asked_for_the_machines_that_are_up(monkeypatch: pytest.MonkeyPatch) -> None:
    from orchestrator.execution import cluster  # noqa: PLC0415 (Ray takes seconds to import)

    nodes = [
        {"Alive": True, "Resources": HEAD},
        {"Alive": True, "Resources": A100},
        {"Alive": False, "Resources": V100},
    ]
    monkeypatch.setattr(cluster, "check_address", lambda _: None)
    monkeypatch.setattr(cluster, "connected", lambda *_: nullcontext())
    monkeypatch.setattr(cluster.ray, "nodes", lambda: nodes)
    assert cluster.decided_on("head:6379", Resources(gpu=1)).precision == "bfloat16"
    assert cluster.decided_on("head:6379", Resources()).precision == "float32"


@pytest.mark.parametrize("choice", ["bfloat16", "float32"])
@pytest.mark.parametrize("has_instructions", [True, False])
def test_bfloat16_on_a_cpu_that_has_none_is_warned_of_once(
    choice: str,
    has_instructions: bool,
    read: Read,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    read(AUTO.replace("auto", choice))
    found = {"architecture": "x86_64", "avx512_bf16": has_instructions}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: found)
    with caplog.at_level(logging.WARNING):
        assert invoke("sweep.yaml", "--dry-run").exit_code == 0
    said = [each for each in caplog.messages if "1.6 to 1.9 times float32's time" in each]
    assert len(said) == (choice == "bfloat16" and not has_instructions)
