"""The command `pareto`: each door behind its name, whole, and imported when it is asked for."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib import import_module
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestrator.__main__ import DOORS, app, run

ROOT = Path(__file__).parents[2]


def pareto(*words: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from orchestrator.__main__ import run; run()", *words],
        cwd=cwd,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_is_installed() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert EntryPoint("pareto", scripts["pareto"], "console_scripts").load() is run


@pytest.mark.parametrize("door", DOORS)
def test_a_door_has_its_own_options(door: str) -> None:
    alone = CliRunner().invoke(import_module(DOORS[door]).app, ["--help"])
    here = CliRunner().invoke(app, [door, "--help"])
    assert alone.exit_code == here.exit_code == 0
    assert here.stdout.split("\n\n", 1)[1:] == alone.stdout.split("\n\n", 1)[1:]
    assert f"{door} " in here.stdout.partition("\n\n")[0]


def test_every_door_is_told() -> None:
    told = CliRunner().invoke(app, ["--help"]).stdout
    assert all(f" {door} " in told for door in DOORS)


def test_a_door_that_is_not_there() -> None:
    done = CliRunner().invoke(app, ["sweeep"])
    assert done.exit_code == 2
    assert "sweeep" in done.stderr


@pytest.mark.slow
def test_exit_codes_and_messages_are_the_doors(tmp_path: Path) -> None:
    done = pareto("sweep", "nothing.yaml", cwd=tmp_path)
    assert done.returncode == 2
    assert "nothing.yaml" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_code_lies_where_the_command_is_called(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from trainer.methods import Standard\n\nclass Mine(Standard):\n    '''As it is.'''\n"
    )
    (tmp_path / "own.yaml").write_text("data: digits\nmethods: {own: {method: 'mine:Mine'}}\n")
    done = pareto("sweep", "own.yaml", "--dry-run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "own" in done.stdout


@pytest.mark.slow
def test_shells_complete_the_doors(tmp_path: Path) -> None:
    done = pareto(
        *("",),
        cwd=tmp_path,
        _PARETO_COMPLETE="complete_bash",
        COMP_WORDS="pareto re",
        COMP_CWORD="1",
    )
    assert "resume" in done.stdout.split()
