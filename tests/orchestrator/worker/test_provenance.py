"""Which code trains, told by real repositories."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from orchestrator.worker.provenance import commit_of


def git(folder: Path, *words: str) -> str:
    of = ("-c", "user.name=Nobody", "-c", "user.email=nobody@localhost")
    command = ["git", "-C", str(folder), *of, *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_a_checkout_is_named_by_its_commit_and_by_what_differs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "package"
    package.mkdir()
    file = package / "__init__.py"
    file.write_text("")
    assert commit_of(file) is None, "no repository"
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    assert commit_of(file) is None, "no commit"
    git(tmp_path, "commit", "-q", "-m", "first")
    git(tmp_path, "tag", "-a", "v1", "-m", "a tag says less than a commit")
    head = git(tmp_path, "rev-parse", "HEAD")[:12]
    assert commit_of(file) == head
    (package / "untracked.py").write_text("")
    assert commit_of(file) == head
    assert commit_of(package / "untracked.py") is None, "an environment in somebody's repository"
    file.write_text("changed = True\n")
    assert commit_of(file) == f"{head}+"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert commit_of(file) is None, "no git"
