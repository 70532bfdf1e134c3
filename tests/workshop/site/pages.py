"""Pages of the site: the project's own documents, and one page for each public room.

Documents link to each other by their places in the repository; on the site they all lie in one
folder, so links are led there. What a document links to that is no page becomes its text.
"""

from __future__ import annotations

import ast
import json
import posixpath
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.workshop.rooms import MODULES, ROOT, modules_of

HERE = Path(__file__).parent
SETTINGS = HERE / "settings.yaml"

PUBLIC_ROOMS = (
    *("trainer.attacks", "trainer.methods", "trainer.models", "trainer.data", "trainer.trained"),
    "trainer.card",
    *("trainer.evaluation", "trainer.training", "trainer.weights", "trainer.config"),
    "trainer.interpretation",
    *("orchestrator.spec", "orchestrator.search", "orchestrator.search.stopping"),
    *("orchestrator.plan", "orchestrator.results", "orchestrator.table"),
    *("orchestrator.pareto", "orchestrator.figures"),
)
"""Rooms from which users may import, each a page."""

_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")
_FENCE = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)


def settings() -> dict[str, Any]:
    """Read the site's settings; its `nav` names documents by their places in the repository."""
    read: dict[str, Any] = yaml.safe_load(SETTINGS.read_text())
    return read


def documents() -> list[str]:
    """Name the documents that the navigation leads to, in its order."""

    def leaves(node: Any) -> Iterator[str]:
        if isinstance(node, str):
            yield node
        for child in node if isinstance(node, list) else ():
            yield from leaves(child)
        if isinstance(node, dict):
            yield from leaves(list(node.values()))

    return list(leaves(settings()["nav"]))


def page_of(document: str) -> str:
    """Where a document of the repository lies on the site: `docs/faults.md` at `faults.md`."""
    folder, name = posixpath.split(document.removeprefix("docs/"))
    if name == "README.md":
        return f"{folder or 'index'}.md"
    return posixpath.join(folder, name.lower())


def lay_out(folder: Path) -> None:
    """Write all that the generator needs into an empty folder: `mkdocs.yml` and `pages/`."""
    pages = folder / "pages"
    (pages / "api").mkdir(parents=True)
    names = documents()
    for name in names:
        page = pages / page_of(name)
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(led(name, names))
    for picture in (path for path in (ROOT / "docs").iterdir() if path.suffix in {".png", ".svg"}):
        shutil.copy(picture, pages)
    shutil.copytree(HERE / "assets", pages / "assets")
    for room in PUBLIC_ROOMS:
        (pages / "api" / f"{room}.md").write_text(room_page(room))
    site = settings()
    site["nav"] = [*_on_site(site["nav"]), {"Python": list(_room_entries())}]
    (folder / "mkdocs.yml").write_text(yaml.safe_dump(site, sort_keys=False))


def _on_site(nav: Any) -> Any:
    if isinstance(nav, str):
        return page_of(nav)
    if isinstance(nav, dict):
        return {title: _on_site(node) for title, node in nav.items()}
    return [_on_site(node) for node in nav]


def _room_entries() -> Iterator[dict[str, list[dict[str, str]]]]:
    for package in ("trainer", "orchestrator"):
        rooms = (room for room in PUBLIC_ROOMS if room.startswith(f"{package}."))
        yield {package: [{room: f"api/{room}.md"} for room in rooms]}


def led(document: str, documents: list[str]) -> str:
    """Return a document's text with its links led to where pages lie on the site.

    Raises:
        FileNotFoundError: it links to what is not there.
    """
    here = posixpath.dirname(document)

    def led_link(match: re.Match[str]) -> str:
        mark, text, target = match.groups()
        path, hash_sign, anchor = target.partition("#")
        if "://" in target or not path:
            return match.group()
        place = posixpath.normpath(posixpath.join(here, path))
        if not (ROOT / place).exists():
            raise FileNotFoundError(f"{document} links to {target}, and there is no {place}")
        if place not in documents and not mark:
            return text
        there = posixpath.basename(place) if mark else page_of(place)
        start = posixpath.dirname(page_of(document)) or "."
        return f"{mark}[{text}]({posixpath.relpath(there, start)}{hash_sign}{anchor})"

    parts = _FENCE.split((ROOT / document).read_text())
    return "".join(part if part.startswith("```") else _LINK.sub(led_link, part) for part in parts)


def room_page(room: str) -> str:
    """Write the page of a room: what may be imported from itself, then from each of its modules."""
    lines = [f"# {room}", ""]
    for module in modules_of(room):
        if module == room:
            exported = _exported(module)
            own = {"members": _defined(module)} if exported else {}
            options = {"show_root_heading": False, "show_root_toc_entry": False, **own}
            lines += _rendered(module, options)
            links = ", ".join(f"[`{name}`][{origin}.{name}]" for name, origin in exported.items())
            lines += [f"Also imported from `{room}`: {links}.", ""] if links else []
        else:
            lines += _rendered(module, {})
    return "\n".join(lines)


def _rendered(module: str, options: dict[str, object]) -> list[str]:
    told = (f"      {name}: {json.dumps(value)}" for name, value in options.items())
    return [f"::: {module}", "    options:", "      heading_level: 2", *told, ""]


def _exported(module: str) -> dict[str, str]:
    """Return the names that a module passes on from others, each with the module that has it."""
    tree = ast.parse(MODULES[module].read_text())
    origins = {
        alias.asname or alias.name: str(node.module)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    public: list[str] = []
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            public = ast.literal_eval(node.value)
    return {name: origins[name] for name in public if name in origins}


def _defined(module: str) -> list[str]:
    """Name what a module itself defines for others."""
    names: list[str] = []
    for node in ast.parse(MODULES[module].read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.append(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names += [target.id for target in targets if isinstance(target, ast.Name)]
    return [name for name in names if not name.startswith("_")]
