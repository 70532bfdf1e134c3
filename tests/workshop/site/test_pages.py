"""Every document and every public module has its page; building the site is `make docs`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from tests.workshop.rooms import ROOMS, ROOT, modules_of
from tests.workshop.site import pages
from tests.workshop.site.pages import PUBLIC_ROOMS, documents, lay_out, page_of, room_page


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the generator is given."""
    folder = tmp_path_factory.mktemp("site")
    lay_out(folder)
    return folder


def test_the_navigation_leads_to_every_document() -> None:
    written = {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md")}
    written |= {path.name for path in ROOT.glob("*.md")} | {"docker/README.md"}
    assert set(documents()) == written
    assert len(documents()) == len(written)


def test_every_public_module_is_on_the_page_of_its_room(site: Path) -> None:
    shown = {
        name
        for page in (site / "pages/api").iterdir()
        for name in re.findall(r"^::: (\S+)$", page.read_text(), re.MULTILINE)
    }
    assert shown == {module for room in PUBLIC_ROOMS for module in modules_of(room)}


def test_what_users_import_is_public() -> None:
    """Modules that the README and the architecture say may be imported."""
    told = (ROOT / "README.md").read_text() + (ROOT / "docs/architecture.md").read_text()
    named = re.findall(r"^from ((?:trainer|orchestrator)\.[\w.]+) import", told, re.MULTILINE)
    (imported,) = re.findall(r"Users import ([^;]*?`)\.", told)
    named += re.findall(r"`([\w.]+)`", imported)
    assert {"trainer.attacks", "trainer.trained", "trainer.methods.alpha.solve_alpha"} <= set(named)
    public = tuple(f"{room}." for room in PUBLIC_ROOMS)
    assert [name for name in named if not f"{name}.".startswith(public)] == []


def test_public_rooms_are_rooms() -> None:
    assert set(PUBLIC_ROOMS) <= ROOMS.keys()


def test_every_page_that_is_laid_out_is_in_the_navigation(site: Path) -> None:
    settings = (site / "mkdocs.yml").read_text()
    laid_out = {path.relative_to(site / "pages").as_posix() for path in site.rglob("*.md")}
    assert set(re.findall(r": (\S+\.md)$", settings, re.MULTILINE)) == laid_out


def test_nothing_is_fetched_for_the_theme(site: Path) -> None:
    settings = yaml.safe_load((site / "mkdocs.yml").read_text())
    assert settings["theme"]["font"] is False


@pytest.mark.parametrize(
    ("document", "page"),
    [
        ("README.md", "index.md"),
        ("docs/faults.md", "faults.md"),
        ("CONTRIBUTING.md", "contributing.md"),
        ("docker/README.md", "docker.md"),
    ],
)
def test_a_document_has_one_page(document: str, page: str) -> None:
    assert page_of(document) == page


def test_links_hold_in_the_repository_and_on_the_site(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "ROOT", tmp_path)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/front.png").touch()
    (tmp_path / "docs/faults.md").touch()
    (tmp_path / "gate.py").touch()
    (tmp_path / "README.md").write_text(
        "[a](docs/faults.md#one) ![p](docs/front.png) [g](gate.py) [h](https://x.org) [i](#i)\n"
        "```\n[code](docs/faults.md)\n```\n"
    )
    (tmp_path / "docs/other.md").write_text("[r](../README.md) [f](faults.md)")
    names = ["README.md", "docs/faults.md", "docs/other.md"]
    assert pages.led("README.md", names) == (
        "[a](faults.md#one) ![p](front.png) g [h](https://x.org) [i](#i)\n"
        "```\n[code](docs/faults.md)\n```\n"
    )
    assert pages.led("docs/other.md", names) == "[r](index.md) [f](faults.md)"


def test_a_link_to_nothing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "ROOT", tmp_path)
    (tmp_path / "README.md").write_text("[a](docs/gone.md)")
    with pytest.raises(FileNotFoundError, match=r"README\.md links to docs/gone\.md"):
        pages.led("README.md", ["README.md"])


def test_a_room_says_what_it_passes_on() -> None:
    page = room_page("trainer.models")
    assert '      members: ["__getattr__"]' not in page
    assert "[`build`][trainer.models.network.build]" in page
    assert page.index("::: trainer.models\n") < page.index("::: trainer.models.cnn\n")
