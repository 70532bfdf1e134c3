"""What a built site is held to: links lead somewhere, and nothing is fetched from elsewhere."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

_FETCHED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href"}
"""Elements for which a browser fetches something by itself, and the attribute that names it."""


class _Page(HTMLParser):
    """The places that a page names and those that it links to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.linked: list[str] = []
        self.fetched: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        self.anchors |= {named[name] for name in ("id", "name") if name in named}
        if tag == "a" and "href" in named:
            self.linked.append(named["href"])
        if tag in _FETCHED and _FETCHED[tag] in named and named.get("rel") != "canonical":
            self.fetched.append(named[_FETCHED[tag]])


def problems(site: Path) -> Iterator[str]:
    """Say what is wrong with a site in a folder, page by page."""
    pages = {
        path.relative_to(site).as_posix(): _Page(path.read_text())
        for path in sorted(site.rglob("*.html"))
    }
    for name, page in pages.items():
        for target in page.fetched:
            if _is_outside(target):
                yield f"{name}: fetches {target}; nothing may be fetched from elsewhere"
        for target in [*page.linked, *page.fetched]:
            place, anchor = urldefrag(target)
            if _is_outside(target) or target.startswith(("mailto:", "data:", "javascript:")):
                continue
            there = posixpath.normpath(posixpath.join(posixpath.dirname(name), unquote(place)))
            there = there if place else name
            if not (site / there).exists():
                yield f"{name}: links to {target}, and there is no {there}"
            elif anchor and there in pages and unquote(anchor) not in pages[there].anchors:
                yield f"{name}: links to {target}, and {there} has no such place"


def _is_outside(target: str) -> bool:
    return target.startswith(("http:", "https:", "//"))
