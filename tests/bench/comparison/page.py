"""`docs/comparison.md`: its words are written by hand, its numbers stand between marks and are
rendered from the recordings."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from tests.bench.comparison import tables
from tests.bench.comparison.recording import Recording
from tests.bench.comparison.replanned import Recorded, replanned

DOCS = Path(__file__).parents[3] / "docs"
PAGE = DOCS / "comparison.md"
RECORDINGS = DOCS / "comparison"
SUFFIX = ".json.xz"

PARTS: Mapping[str, Callable[[Recorded], str]] = {
    "headline": lambda found: items(tables.headline(found)),
    "facts": lambda found: items(tables.facts(found)),
    "contrasts": lambda found: items(tables.contrasts_list(found)),
    "methods": tables.methods_table,
    "controls": tables.controls_table,
    "outcome": tables.outcome,
    "picks": tables.picks_table,
    "cells": tables.cells_table,
}
"""Parts of the page by name: `<!-- digits: methods -->` begins one of the recording `digits`."""

MARKED = re.compile(r"(<!-- (\w+): (\w+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def items(sentences: Iterable[str]) -> str:
    """Write sentences as a list."""
    return "\n".join(f"- {it}" for it in sentences)


def rendered(text: str, found: Mapping[str, Recorded]) -> str:
    """Render the marked parts of a page anew that are of these recordings."""

    def part(match: re.Match[str]) -> str:
        begin, sweep, name, _, end = match.groups()
        if sweep not in found:
            return match.group()
        return f"{begin}\n{PARTS[name](found[sweep])}\n\n{end}"

    return MARKED.sub(part, text)


def recordings() -> list[str]:
    """Name the recordings that lie beside the page."""
    return sorted(path.name.removesuffix(SUFFIX) for path in RECORDINGS.glob(f"*{SUFFIX}"))


def recorded(name: str) -> Recorded:
    """Read a recording that lies beside the page."""
    return replanned(Recording.read(RECORDINGS / f"{name}{SUFFIX}"))


def picture_of(name: str) -> Path:
    """Where the picture of a recording lies."""
    return DOCS / f"comparison_{name}.svg"
