"""The exit code of each kind of error, and that every command ends with it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestrator.execution.address import NoClusterError
from orchestrator.exit_codes import exit_codes
from orchestrator.results.table_files import TableError
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store.files.contract import FullError, RefusedError, UnreachableError
from orchestrator.store.housekeeping.collection import UncertainError
from orchestrator.store.housekeeping.inventory import UnknownSweepError
from orchestrator.store.records.version import VersionError, enter
from orchestrator.store.sweeps.starts import HeldError, begun
from orchestrator.table.objectives import ObjectiveError
from tests.orchestrator.finished import read_sweep, store_of
from trainer.input.problems import BadInput, Problem
from trainer.terminal.door import code_of

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (BadInput(Problem("a.yaml:1", "seed", "must be")), 2),
        (ObjectiveError(), 2),
        (TableError(), 2),
        (VersionError(), 2),
        (UncertainError(), 2),
        (UnknownSweepError(), 2),
        (NoClusterError(), 2),
        (RefusedError(), 2),
        (UnreachableError(), 3),
        (FullError(), 3),
        (HeldError(), 4),
        (FileNotFoundError(), None),  # not foreseen, and 3 with a traceback
        (ValueError(), None),
    ],
)
def test_each_kind_has_its_code(error: Exception, code: int | None) -> None:
    assert code_of(error, exit_codes()) == code


MIDWAY = {
    "sweep": ("orchestrator.sweep", "start", ["small.yaml"]),
    "dry run": ("orchestrator.sweep", "show_plan", ["small.yaml", "--dry-run"]),
    "front": ("orchestrator.front", "extract_front", ["small.yaml"]),
    "status": ("orchestrator.status.__main__", "_first_look", ["small.yaml"]),
    "pause": ("orchestrator.pause", "all_starts", ["small.yaml"]),
    "resume": ("orchestrator.resume", "all_starts", ["small.yaml"]),
    "ls": ("orchestrator.store.__main__", "inventory", ["ls", "runs"]),
    "verify": ("orchestrator.store.__main__", "contents", ["verify", "runs"]),
    "gc": ("orchestrator.store.__main__", "survey", ["gc", "runs"]),
}
"""Commands by what they call once they have begun to work."""


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SweepSpec]:
    """A sweep that was started once, and has done nothing yet."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("sweep")
        patch.chdir(folder)
        spec = read_sweep(folder)
        files = store_of(spec).files
        enter(files)
        with begun(files, files, spec.name, joins=False, lasts=60.0, on_tick=lambda lease: None):
            pass
        yield spec


@pytest.mark.parametrize("name", MIDWAY)
@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UnreachableError("cannot read s3://bucket/x: no answer"), 3),
        (FullError("cannot write runs/x: no room"), 3),
        (VersionError("storage must be of this version"), 2),
        (HeldError("run by another"), 4),
    ],
)
def test_every_command_ends_with_it_in_one_line(
    spec: SweepSpec, name: str, error: Exception, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, function, arguments = MIDWAY[name]

    def fail(*_: object, **__: object) -> None:
        raise error

    door = import_module(module)
    monkeypatch.setattr(door, function, fail)
    monkeypatch.chdir(Path(spec.path).parent)
    result = CliRunner().invoke(door.app, arguments)
    assert (result.exit_code, result.stdout) == (code, "")
    assert result.stderr.startswith(f"error: {error}")
    assert len(result.stderr.splitlines()) == 1


def test_a_sweep_under_way_that_is_refused_goes_on_later(
    spec: SweepSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 2 would say that nothing was started."""
    door = import_module("orchestrator.sweep")

    def fail(*_: object, **__: object) -> None:
        raise RefusedError("keys have expired")

    monkeypatch.setattr(door, "start", fail)
    monkeypatch.chdir(Path(spec.path).parent)
    result = CliRunner().invoke(door.app, ["small.yaml"])
    assert (result.exit_code, result.stderr) == (
        3,
        "error: keys have expired; the sweep broke off; what is done is kept, the same command "
        "goes on\n",
    )


@pytest.mark.slow
def test_a_command_that_needs_no_store_does_not_import_one_for_its_exit_codes() -> None:
    script = "import sys, orchestrator.front; print([m for m in sys.modules if 'store' in m])"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "orchestrator" not in done.stdout
