"""Names in running text that lead to what they name: `trainer.answers` to its place on its page."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

_PLACE = re.compile(r'id="((?:trainer|orchestrator)(?:\.\w+)+)"')
_NAME = re.compile(r"<code>((?:trainer|orchestrator)(?:\.\w+)+)</code>(?!</a>)")


def link_names(site: Path) -> None:
    """Make links of dotted names in the pages of a built site, where a page has what they name."""
    pages = {path.relative_to(site).as_posix(): path for path in site.rglob("*.html")}
    texts = {name: path.read_text() for name, path in pages.items()}
    places = {place: name for name, text in texts.items() for place in _PLACE.findall(text)}
    for name, text in texts.items():
        here = posixpath.dirname(name) or "."

        def linked(match: re.Match[str], here: str = here) -> str:
            target = match.group(1)
            if target not in places:
                return match.group()
            page = posixpath.relpath(places[target], here)
            return f'<a href="{page}#{target}">{match.group()}</a>'

        pages[name].write_text(_NAME.sub(linked, text))
