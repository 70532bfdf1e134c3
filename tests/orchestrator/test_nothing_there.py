"""Commands about a place where nothing is: what each says, and that it leaves nothing there."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest
from typer import Typer
from typer.testing import CliRunner

from orchestrator import bundle, front, pause, pick, resume, sweep
from orchestrator.status import __main__ as status
from orchestrator.store import LocalFiles
from orchestrator.store import __main__ as store
from orchestrator.store.records.version import enter
from tests.orchestrator.disks import unwritable

SWEEP = """\
data: {name: digits, train_examples: 160}
model: {name: cnn, channels: [2], hidden: 4}
training: {epochs: 1}
methods: {pgd: {}}
evaluation: {pgd: {ladder: [1]}, flow: null, rt: null}
resources: {cpu: 1}
tracking: none
"""
SPEC = ("sweep.yaml", "--storage", "place")

NEVER_STARTED = "must be of a sweep that was started, got 'sweep', of which nothing is in "
NO_STORE = "must be one that a sweep has made"
COMMANDS: dict[str, tuple[Typer, tuple[str, ...], int, str]] = {
    "front": (front.app, SPEC, 2, NEVER_STARTED),
    "front --out": (front.app, (*SPEC, "--out", "out"), 2, NEVER_STARTED),
    "pick": (pick.app, SPEC, 2, NEVER_STARTED),
    "pick --copy": (pick.app, (*SPEC, "--copy", "out"), 2, NEVER_STARTED),
    "bundle": (bundle.app, SPEC, 2, NEVER_STARTED),
    "status": (status.app, SPEC, 0, "sweep: 2 pending; 0 of 2 epochs; nobody runs it"),
    "status --json": (status.app, (*SPEC, "--json"), 0, '"starts": []'),
    "status --why": (status.app, (*SPEC, "--why", "t"), 2, "--why: must be the id of one trial"),
    "pause": (pause.app, SPEC, 2, NEVER_STARTED),
    "resume": (resume.app, SPEC, 2, NEVER_STARTED),
    "ls": (store.app, ("ls", "place"), 2, NO_STORE),
    "verify": (store.app, ("verify", "place"), 2, NO_STORE),
    "gc": (store.app, ("gc", "place", "--delete"), 2, NO_STORE),
    "dry run": (sweep.app, (*SPEC, "--dry-run"), 0, "sweep: 2 pending"),
    "dry run of another suite": (
        sweep.app,
        (*SPEC, "--dry-run", "--evaluate", "suite.yaml", "--only", "front"),
        2,
        "--evaluate: must be of a sweep that has trained models",
    ),
}
"""By name: the command, its arguments, its exit code, and a part of what it says."""

WRITING = {"pause", "resume", "dry run", "dry run of another suite"}
"""These ask, before all else, whether the place can be written."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with a sweep file and a suite in it."""
    (tmp_path / "sweep.yaml").write_text(SWEEP)
    (tmp_path / "suite.yaml").write_text("pgd: {epsilon: 0.3, ladder: [2]}\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def tree(folder: Path) -> dict[str, bytes | None]:
    """All files and folders, byte for byte."""
    return {str(path): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("place", ["missing", "empty", "unwritable", "of others"])
def test_command_leaves_nothing_where_nothing_is(folder: Path, place: str, name: str) -> None:
    app, arguments, code, said = COMMANDS[name]
    root = folder / "place"
    if place != "missing":
        root.mkdir()
    if place == "of others":
        enter(LocalFiles(root))
        if name in {"ls", "verify", "gc"}:
            code, said = 0, ""
    if place == "unwritable" and name in WRITING:
        code, said = 2, "storage: must be a folder that can be written"
    before = tree(folder)
    with ExitStack() as stack:
        if place == "unwritable":
            stack.enter_context(unwritable(root))
        result = CliRunner().invoke(app, arguments, env={"COLUMNS": "200"})
    assert result.exit_code == code, result.output
    assert said in (result.stderr if code else result.stdout)
    assert not code or len(result.stderr.splitlines()) == 1
    assert tree(folder) == before


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("place", ["place", "place/below"])
def test_a_file_is_no_storage_to_any_command(folder: Path, place: str, name: str) -> None:
    (folder / "place").write_text("no folder")
    app, arguments, _, _ = COMMANDS[name]
    before = tree(folder)
    result = CliRunner().invoke(app, [place if word == "place" else word for word in arguments])
    assert result.exit_code == 2, result.output
    assert "must be a folder" in result.stderr and len(result.stderr.splitlines()) == 1
    assert tree(folder) == before
