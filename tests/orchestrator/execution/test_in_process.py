"""`--local`: trials one after the other in the command's own process, without Ray."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from orchestrator.sweep import app

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
SPEC = """\
data: {name: digits, train_examples: 128}
training: {epochs: 2, batch_size: 32}
validation: {examples: 16}
methods: {own: {method: 'faulty:METHOD'}}
evaluation: {examples: 32, pgd: {epsilon: 0.2, ladder: [1, 2]}, flow: null, rt: null}
tracking: none
"""
USER_CODE = ROOT / "tests" / "integration" / "user_code"

SCRIPT = """\
import sys
from orchestrator.sweep import app
try:
    app(sys.argv[1:])
finally:
    assert not {"ray", "mlflow"} & sys.modules.keys()
"""


def local(folder: Path, method: str, *options: str, **environment: str) -> subprocess.Popen[str]:
    """The sweep of standard training and a method of the user's, begun in the folder."""
    (folder / "own.yaml").write_text(SPEC.replace("METHOD", method))
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, "own.yaml", "--local", *options],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": f"{ROOT}:{USER_CODE}"} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def statuses(folder: Path) -> Sequence[str]:
    table = pd.read_csv(folder / "runs/sweeps/own/trials.csv")
    return list(table.set_index("method")["status"].sort_index())


def test_a_trial_that_raises_fails_alone(tmp_path: Path) -> None:
    sweep = local(tmp_path, "Raising", FAULTY="yes")
    out, err = sweep.communicate()
    assert sweep.returncode == 1, err
    assert "LookupError: no such weight" in " ".join(out.split())
    assert statuses(tmp_path) == ["failed", "done"]  # own, standard
    again = local(tmp_path, "Raising", "--retry-failed", "--json")
    out, err = again.communicate()
    assert again.returncode == 0, err
    assert json.loads(out)["counts"] == {"done": 2}
    assert statuses(tmp_path) == ["done", "done"]


def test_a_signal_stops_within_the_epoch_and_the_same_command_goes_on(tmp_path: Path) -> None:
    options = ("--set", "methods.own.seconds=3")
    sweep = local(tmp_path, "Dawdling", *options, FAULTY="yes")
    while len(list(tmp_path.glob("runs/trials/*/attempts/*/lease.json"))) < 2:
        assert sweep.poll() is None, sweep.communicate()
        time.sleep(0.05)
    sweep.send_signal(signal.SIGTERM)
    out, err = sweep.communicate()
    assert sweep.returncode == 128 + signal.SIGTERM, err
    assert "the same command goes on from here" in out
    assert statuses(tmp_path) == ["stopped", "done"]
    again = local(tmp_path, "Dawdling", *options)
    _, err = again.communicate()
    assert again.returncode == 0, err
    assert statuses(tmp_path) == ["done", "done"]
    assert len(list(tmp_path.glob("runs/trials/*/attempts/*/lease.json"))) == 3


def test_a_cluster_is_another_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.yaml").write_text(SPEC)
    done = CliRunner().invoke(app, ["own.yaml", "--local", "--address", "auto"])
    assert done.exit_code == 2
    assert "--local must not stand beside --address" in done.stderr.replace(":", "")
    assert [path.name for path in tmp_path.iterdir()] == ["own.yaml"]
