"""Hiding secrets leaves the product's own texts as they are: help, documents, messages."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from typer import Typer
from typer.testing import CliRunner

from trainer.input.redaction import redacted

ROOT = Path(__file__).parent.parent
DOCUMENTS = ("README.md", "docs/*.md", "docker/*.md", "sweeps/**/*.yaml", "trainer/*.yaml")
COMMANDS = {
    "orchestrator.sweep": ([],),
    "orchestrator.front": ([],),
    "orchestrator.pause": ([],),
    "orchestrator.resume": ([],),
    "orchestrator.status.__main__": ([],),
    "orchestrator.store.__main__": ([], ["ls"], ["verify"], ["gc"]),
    "trainer.train": ([],),
    "trainer.evaluate": ([],),
    "trainer.explain": ([],),
}
LIKE_A_PASSWORD = "--signal=B:TERM@60"
"""Of Slurm in the README: `name=user:password@host`, for all that can be told."""


def changed(text: str) -> list[tuple[str, str]]:
    """Lines of a text that redaction changes, before and after."""
    pairs = ((line, redacted(line)) for line in text.splitlines())
    return [(line, shown) for line, shown in pairs if line != shown]


@pytest.mark.parametrize("pattern", DOCUMENTS)
def test_documents(pattern: str) -> None:
    documents = sorted(ROOT.glob(pattern))
    assert documents
    for path in documents:
        assert changed(path.read_text().replace(LIKE_A_PASSWORD, "")) == [], path


@pytest.mark.parametrize("module", COMMANDS)
def test_help(module: str) -> None:
    app = import_module(module).app
    assert isinstance(app, Typer)
    for words in COMMANDS[module]:
        told = CliRunner().invoke(app, [*words, "--help"])
        assert told.exit_code == 0, told.output
        assert changed(told.stdout) == []


def texts(path: Path) -> Iterator[str]:
    """The text literals of a module; values in f-strings are written as `x`."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.JoinedStr):
            yield "".join(
                str(part.value) if isinstance(part, ast.Constant) else "x" for part in node.values
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@pytest.mark.parametrize("package", ["orchestrator", "trainer"])
def test_messages(package: str) -> None:
    found = {
        f"{path.relative_to(ROOT)}: {line}"
        for path in (ROOT / package).rglob("*.py")
        if path.name != "redaction.py"  # whose examples hold secrets
        for text in texts(path)
        for line, _ in changed(text)
    }
    assert found == set()
