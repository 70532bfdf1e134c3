"""A site with a fault takes nothing's place; the generator itself is run by `make docs`."""

from __future__ import annotations

import importlib
import subprocess
from pathlib import Path
from typing import Any

import pytest

main = importlib.import_module("tests.workshop.site.__main__")
TRACEBACK = "\nTraceback (most recent call last)"
PAGE = '<h1 id="a">A</h1>'


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """One that was built before."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site/index.html").write_text("before")
    (tmp_path / "site/old").mkdir()
    (tmp_path / "site/old/page.html").write_text("before")
    (tmp_path / "site" / main.MADE).write_text("index.html\nold/page.html\n")
    return tmp_path / "site"


def generator(monkeypatch: pytest.MonkeyPatch, *, status: int, says: str, page: str) -> None:
    """Put one in Zensical's place that leaves `page`."""

    def run(command: list[str], *, cwd: Path, **options: Any) -> subprocess.CompletedProcess[str]:
        assert command[-3:] == ["zensical", "build", "--strict"]
        assert (cwd / "mkdocs.yml").is_file()
        (cwd / "site").mkdir()
        for name in ("index.html", "404.html", "sitemap.xml"):
            (cwd / "site" / name).write_text(page)
        return subprocess.CompletedProcess(command, status, stdout=says)

    monkeypatch.setattr(main.subprocess, "run", run)


def test_a_site_without_a_fault_takes_the_place_of_the_one_before(
    site: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    generator(monkeypatch, status=0, says="Build started\nNo issues found\n", page=PAGE)
    assert main.main([str(site)]) == 0
    assert capsys.readouterr().out == f"open {site}/index.html\n"
    assert {path.name for path in site.iterdir()} == {"index.html", main.MADE}
    assert (site / "index.html").read_text() == PAGE
    assert main.main([str(site)]) == 0  # nor does that one keep the next from its place


@pytest.mark.parametrize("others", [["notes.txt"], ["old/notes.txt", "old/page.html.orig"]])
def test_a_folder_with_anything_else_is_left_as_it_is(
    site: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    others: list[str],
) -> None:
    generator(monkeypatch, status=0, says="", page=PAGE)
    for name in others:
        (site / name).touch()
    assert main.main([str(site)]) == 2
    said = f"which has {others[0]} and {len(others) - 1} more; remove it, or give another\n"
    assert capsys.readouterr().out.endswith(said)
    assert {path.name for path in site.rglob("*.*")} == {
        *("index.html", "page.html", main.MADE),
        *(Path(name).name for name in others),
    }


def test_what_is_no_folder_is_left_as_it_is(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator(monkeypatch, status=0, says="", page=PAGE)
    (tmp_path / "link").symlink_to(site)
    assert main.main([str(tmp_path / "link")]) == 2
    assert main.main([str(site / "index.html")]) == 2
    assert (site / "index.html").read_text() == "before"


@pytest.mark.slow
def test_the_project_is_no_place_for_its_site() -> None:
    assert "Makefile" in main.not_made(main.ROOT)
    assert "architecture.md" in main.not_made(main.ROOT / "docs")


FAULTS = [
    (1, f"\x1b[33mWarning:\x1b[0m gone{TRACEBACK}", PAGE, "Warning: gone"),
    (-9, "", PAGE, "zensical ended with -9"),
    (1, TRACEBACK, PAGE, f"zensical ended with 1\n{TRACEBACK}"),
    (0, "griffe: a.py:1: No type for 'x'", PAGE, "griffe: a.py:1: No type for 'x'"),
    (0, "ERROR - Couldn't load inventory", PAGE, "ERROR - Couldn't load inventory"),
    (0, "", "<a href=gone.html>A</a>", "index.html: links to gone.html, and there is no gone.html"),
]
"""The generator's exit status, what it says and leaves, and what is told of it."""


@pytest.mark.parametrize("fault", FAULTS, ids=[str(at) for at, _ in enumerate(FAULTS)])
def test_a_fault_is_told_and_the_site_of_before_stays(
    fault: tuple[int, str, str, str],
    site: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    status, says, page, told = fault
    generator(monkeypatch, status=status, says=says, page=page)
    assert main.main([str(site)]) == 1
    assert capsys.readouterr().out == f"{told}\n"
    assert (site / "index.html").read_text() == "before"
