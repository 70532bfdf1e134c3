"""The picture of the house, `docs/house.svg`: `python -m tests.workshop.picture` draws it anew.

Rooms are boxes, from the top down; the line of data runs through them, from the sweep file at the
left to the front at the right, and the store lies below. Colours follow the reader's light or dark
mode; the ground is drawn too, so that the picture is legible on any page.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from tests.workshop.rooms import ROOT

PICTURE = ROOT / "docs" / "house.svg"

COLUMN, GAP, MARGIN = 80, 12, 14
"""Pixels: a column of the grid, the space between two, and that around the picture."""

ROW, STEP = 42, 52
"""Pixels: the height of a box, and from one row to the next."""


@dataclass(frozen=True, kw_only=True)
class Box:
    """One room, or one thing that goes in or comes out."""

    name: str
    words: str
    first: float
    """Column in which it begins, counted from 1."""

    last: float
    """Column in which it ends."""

    y: float

    @property
    def left(self) -> float:
        """Pixels from the picture's left."""
        return MARGIN + (self.first - 1) * (COLUMN + GAP)

    @property
    def right(self) -> float:
        """Pixels from the picture's left."""
        return MARGIN + self.last * (COLUMN + GAP) - GAP

    @property
    def middle(self) -> float:
        """Pixels from the picture's left."""
        return (self.left + self.right) / 2


@dataclass(frozen=True, kw_only=True)
class Band:
    """A part of the house: a package, or the store; its rooms' names begin with `prefix`."""

    prefix: str
    title: str
    first: int
    last: int
    rows: tuple[tuple[tuple[str, str, float, float], ...], ...]
    """From the top down, each room as its name, a few words, its first and its last column."""

    @property
    def height(self) -> float:
        """Pixels."""
        return 32 + len(self.rows) * STEP


def _evenly(
    first: int, last: int, *rooms: tuple[str, str]
) -> tuple[tuple[str, str, float, float], ...]:
    """Lay rooms side by side over some columns."""
    width = (last - first + 1) / len(rooms)
    starts = [first + place * width for place in range(len(rooms))]
    return tuple(
        (name, words, start, start + width - 1)
        for (name, words), start in zip(rooms, starts, strict=True)
    )


ORCHESTRATOR = Band(
    prefix="orchestrator",
    title="orchestrator/: many trials",
    first=2,
    last=10,
    rows=(
        (
            (
                "doors",
                "sweep · front · figure · report · compare · pick · bundle · status · pause · "
                "resume · store · tracking",
                2,
                10,
            ),
        ),
        (
            ("driver", "one start of a sweep: look, hold, run, tell", 2, 5),
            ("status", "how a sweep stands", 6, 7),
            ("page", "one file to send", 8, 9),
            ("bundling", "one archive", 10, 10),
        ),
        (
            ("spec", "its meaning", 2, 2),
            ("plan", "trials wanted", 3, 3),
            ("execution", "Ray, or here", 4, 4),
            ("worker", "one trial", 5, 5),
            ("results", "the table", 7, 7),
            ("pareto", "the front", 8, 8),
            ("figures", "drawn", 9, 9),
            ("report", "files", 10, 10),
        ),
        (
            ("search", "plans grow", 2, 2),
            ("search.strategies", "what is next", 3, 3),
            ("search.stopping", "ends early", 4, 4),
            ("table", "columns", 6, 6),
            ("costs", "budgets", 8, 8),
            ("tracking", "for MLflow", 9, 9),
            ("terminal", "unit words", 10, 10),
        ),
    ),
)

TRAINER = Band(
    prefix="trainer",
    title="trainer/: one trial",
    first=3,
    last=10,
    rows=(
        (
            ("explanation", "of one model, drawn", 3, 4),
            ("doors", "train · evaluate · explain", 8, 10),
        ),
        (
            ("config", "what it is", 3, 3),
            ("data", "images", 4, 4),
            ("training", "the loop", 5, 5),
            ("weights", "states", 6, 6),
            ("evaluation", "bits", 7, 7),
            ("trained", "a network from its file", 8, 9),
            ("card", "what it is", 10, 10),
        ),
        _evenly(
            3,
            10,
            ("models", "networks by name"),
            ("attacks", "ascent, grids, others' suites"),
            ("interpretation", "saliency, landscapes"),
            ("methods", "losses weighed: alpha"),
        ),
        _evenly(
            3,
            10,
            ("warp", "images moved"),
            ("schedule", "learning rates"),
            ("randomness", "derived, not drawn"),
            ("passes", "work counted"),
            ("answers", "what is right"),
        ),
        _evenly(
            3,
            10,
            ("terminal", "print, log, end"),
            ("input", "read strictly"),
            ("device", "where tensors lie"),
            ("late_torch", "imported when used"),
        ),
    ),
)

STORE = Band(
    prefix="orchestrator.store",
    title="orchestrator/store/: what must survive, by content",
    first=2,
    last=10,
    rows=(
        _evenly(
            2,
            10,
            ("housekeeping", "damage, garbage"),
            ("sweeps", "starts, orders"),
            ("", "trials by id"),
            ("trials", "attempts, results"),
            ("leases", "who is at work"),
            ("records", "sealed shapes"),
            ("files", "folder, bucket"),
        ),
    ),
)

BANDS = (ORCHESTRATOR, TRAINER, STORE)
BETWEEN = 26
"""Pixels between two bands."""

LINE = (
    *("sweep file", "orchestrator.spec", "orchestrator.plan", "orchestrator.execution"),
    *("orchestrator.worker", "trainer.training", "trainer.weights", "trainer.evaluation"),
    *("orchestrator.results", "orchestrator.pareto", "orchestrator.figures"),
    *("orchestrator.report", "the front"),
)
"""The line of data."""

STYLE = """
  text { font-family: system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; }
  .ground { fill: #ffffff; } .band { fill: #f3f5fb; stroke: #c9d1e3; }
  .room { fill: #ffffff; stroke: #aeb9d0; } .on-line { stroke: #3f51b5; stroke-width: 1.6; }
  .thing { fill: #e8ebf8; stroke: #3f51b5; stroke-dasharray: 4 3; }
  .name { fill: #1b2233; font-size: 12px; font-weight: 600; text-anchor: middle; }
  .words { fill: #566079; font-size: 10.5px; text-anchor: middle; }
  .title { fill: #566079; font-size: 12px; font-weight: 600; }
  .data { stroke: #3f51b5; stroke-width: 2.2; fill: none; } .head { fill: #3f51b5; }
  .keep { stroke: #7a86a3; stroke-width: 1.6; fill: none; } .keep-head { fill: #7a86a3; }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #0f141c; } .band { fill: #171e2a; stroke: #364259; }
    .room { fill: #212b3b; stroke: #4b5973; } .on-line { stroke: #95a5ff; }
    .thing { fill: #1c2440; stroke: #95a5ff; }
    .name { fill: #e8ecf5; } .words, .title { fill: #aab5ca; }
    .data { stroke: #95a5ff; } .head { fill: #95a5ff; }
    .keep { stroke: #8894ad; } .keep-head { fill: #8894ad; }
  }
"""


def tops() -> dict[str, float]:
    """Pixels from the picture's top to that of each band, by its prefix."""
    top, found = float(MARGIN), {}
    for band in BANDS:
        found[band.prefix] = top
        top += band.height + BETWEEN
    return found


def boxes() -> dict[str, Box]:
    """Return the boxes of all rooms by their names in the tables, and of what goes in and out."""
    found = {}
    for band, top in zip(BANDS, tops().values(), strict=True):
        for number, row in enumerate(band.rows):
            for name, words, first, last in row:
                room = f"{band.prefix}.{name}".removesuffix(".")
                found[room] = Box(
                    name=room.rpartition(".")[2],
                    words=words,
                    first=first,
                    last=last,
                    y=top + 26 + number * STEP,
                )
    y = found["orchestrator.spec"].y
    found["sweep file"] = Box(name="sweep file", words="YAML", first=1, last=1, y=y)
    found["the front"] = Box(name="the front", words="CSV, PNG", first=11, last=11, y=y)
    return found


def drawn() -> str:
    """Draw the picture, as SVG."""
    width = 2 * MARGIN + 11 * (COLUMN + GAP) - GAP
    height = sum(band.height for band in BANDS) + 2 * BETWEEN + 2 * MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height:g}" '
        f'width="{width}" height="{height:g}" role="img" aria-labelledby="house">',
        '<title id="house">The house: rooms of orchestrator and trainer, the line of data through '
        "them, the store below</title>",
        "<!-- Drawn by `python -m tests.workshop.picture`. -->",
        f"<style>{STYLE}</style>",
        '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="9" '
        'markerHeight="9" markerUnits="userSpaceOnUse" orient="auto-start-reverse">'
        '<path class="head" d="M0 0 8 4 0 8z"/></marker>'
        '<marker id="keep" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="9" markerHeight="9" '
        'markerUnits="userSpaceOnUse" orient="auto-start-reverse">'
        '<path class="keep-head" d="M0 0 8 4 0 8z"/></marker></defs>',
        f'<rect class="ground" width="{width}" height="{height:g}" rx="10"/>',
        *_bands(),
        *_rooms(),
        *_data_line(),
        *_kept(),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _bands() -> Iterator[str]:
    for band, top in zip(BANDS, tops().values(), strict=True):
        edge = Box(name="", words="", first=band.first, last=band.last, y=top)
        yield (
            f'<rect class="band" x="{edge.left - 8:g}" y="{top:g}" '
            f'width="{edge.right - edge.left + 16:g}" height="{band.height:g}" rx="8"/>'
        )
        yield f'<text class="title" x="{edge.left:g}" y="{top + 18:g}">{escape(band.title)}</text>'


def _rooms() -> Iterator[str]:
    for room, box in boxes().items():
        kind = "thing" if "." not in room else "room on-line" if room in LINE else "room"
        yield f'<g data-room="{room}">' if "." in room else "<g>"
        yield (
            f'<rect class="{kind}" x="{box.left:g}" y="{box.y:g}" '
            f'width="{box.right - box.left:g}" height="{ROW}" rx="5"/>'
        )
        for part, text, y in (("name", box.name, box.y + 18), ("words", box.words, box.y + 33)):
            yield f'<text class="{part}" x="{box.middle:g}" y="{y:g}">{escape(text)}</text>'
        yield "</g>"


def _data_line() -> Iterator[str]:
    """Draw an arrow from each box of the line to the next: level, or straight up or down."""
    found = boxes()
    for one, other in pairwise(LINE):
        a, b = found[one], found[other]
        if a.y == b.y:
            path = f"M{a.right:g} {a.y + ROW / 2:g}H{b.left:g}"
        elif a.y < b.y:
            path = f"M{a.middle:g} {a.y + ROW:g}V{b.y:g}"
        else:
            path = f"M{a.middle:g} {a.y:g}V{b.y + ROW:g}"
        yield f'<path class="data" d="{path}" marker-end="url(#arrow)"/>'


def _kept() -> Iterator[str]:
    """Draw what goes between the orchestrator and its store, past the trainer."""
    x = boxes()["orchestrator.spec"].middle
    top = tops()["orchestrator"] + ORCHESTRATOR.height
    bottom = tops()["orchestrator.store"]
    yield (
        f'<path class="keep" d="M{x:g} {top:g}V{bottom:g}" marker-start="url(#keep)" '
        'marker-end="url(#keep)"/>'
    )


if __name__ == "__main__":
    PICTURE.write_text(drawn())
