"""The house as `docs/architecture.md` tells it: rooms from the top down, and what lies in them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("orchestrator", "trainer")

DOORS = {
    *("orchestrator.sweep", "orchestrator.front", "orchestrator.figure", "orchestrator.compare"),
    *("orchestrator.pick", "orchestrator.bundle", "orchestrator.pause", "orchestrator.resume"),
    *("orchestrator.__main__", "orchestrator.status.__main__", "orchestrator.store.__main__"),
    "orchestrator.report.__main__",
    *("orchestrator.tracking.__main__", "trainer.train", "trainer.evaluate"),
    *("trainer.explain", "orchestrator.exit_codes"),
}
"""Modules that are commands, and how they end: each package's room `doors`, wherever they lie."""


@dataclass(frozen=True, kw_only=True)
class Room:
    """One row of the tables."""

    name: str
    """Its package and its name: `orchestrator.store.trials`."""

    purpose: str
    """What it does, a sentence of Markdown."""

    imports: frozenset[str]
    """Names of the rooms that it may import."""


def _module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {
    _module_name(path): path for package in PACKAGES for path in (ROOT / package).rglob("*.py")
}
"""Every module of both packages by its dotted name, with its file."""


def _told_rooms() -> dict[str, Room]:
    rooms: dict[str, Room] = {}
    for part in (ROOT / "docs" / "architecture.md").read_text().split("\n## ")[1:3]:
        package = part.removeprefix("`").partition("/")[0]
        rows = [line.strip("|").split("|") for line in part.splitlines() if line.startswith("| ")]
        for name, purpose, *imports in rows[2:]:
            imported = frozenset(
                f"{owner}.{other.strip()}"
                for owner, others in zip((package, "trainer"), imports, strict=False)
                for other in others.split(",")
                if other.strip() != "–"
            )
            room = Room(name=f"{package}.{name.strip()}", purpose=purpose.strip(), imports=imported)
            rooms[room.name] = room
    return rooms


ROOMS = _told_rooms()
"""Rooms by name, from the top down."""


def room_of(module: str) -> str:
    """Name the innermost room that a module lies in.

    Raises:
        LookupError: it lies in none.
    """
    if module in DOORS:
        return f"{module.partition('.')[0]}.doors"
    around = [room for room in ROOMS if f"{module}.".startswith(f"{room}.")]
    if not around:
        raise LookupError(f"{module} lies in no room of docs/architecture.md; name it there")
    return max(around, key=len)


def modules_of(room: str) -> list[str]:
    """Name the modules that lie in a room, the room's own first."""
    inside = sorted(MODULES.keys() - set(PACKAGES))
    return [module for module in inside if room_of(module) == room]
