"""Results for people, as tables, and for programs, as JSON."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from tests.bench.speed.contest import Result, Row


def table(group: str, results: list[Result]) -> Table:
    """A group's contests one below the other, each under its title and its bound."""
    drawn = Table(title=group, title_justify="left")
    drawn.add_column("")
    for heading in ("seconds", "x bound", "of rounds", "target", "met"):
        drawn.add_column(heading, justify="right", no_wrap=True)
    for result in results:
        drawn.add_section()
        drawn.add_row(Text(result.title, style="bold"))
        drawn.add_row(Text(result.bound.name, style="dim"), f"{result.bound.median:.4g}", "1")
        for row in result.rows:
            drawn.add_row(*cells(row))
        for name, reason in result.refused.items():
            drawn.add_row(f"{name}: not timed, {reason}")
    return drawn


def cells(row: Row) -> tuple[str, ...]:
    """Name, median in seconds, ratio, its lowest and highest of a round, target, whether met."""
    return (
        row.name,
        f"{row.median:.4g}",
        f"{row.ratio:.3g}",
        f"{row.lowest:.3g} - {row.highest:.3g}",
        "" if row.target is None else f"{row.target:.2f}",
        "" if row.met is None else ("yes" if row.met else "NO"),
    )


def document(
    groups: dict[str, list[Result]], *, machine: dict[str, Any], rounds: int, data: str
) -> str:
    """JSON: `machine`, `rounds`, `data` and by group the contests with all seconds."""
    contests = {group: [each.record() for each in results] for group, results in groups.items()}
    whole = {"machine": machine, "rounds": rounds, "data": data, "groups": contests}
    return json.dumps(whole, indent=2) + "\n"


def write(path: Path, text: str) -> None:
    """Beside its place, then renamed into it."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_text(text)
    beside.replace(path)
