"""What the tests reach, room by room: `python -m tests.workshop.reached coverage.json`.

`make coverage` writes the file. A branch is a way on from a line that has several; the table has
the shares of lines and of branches, then with `--missing` the lines and the ways that no test took.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.workshop.rooms import MODULES, ROOMS, ROOT, modules_of


@dataclass(frozen=True, kw_only=True)
class Reached:
    """Lines and branches of some modules, and how many of them were reached."""

    lines: int = 0
    lines_reached: int = 0
    branches: int = 0
    branches_reached: int = 0

    def __add__(self, other: Reached) -> Reached:
        """Add two counts of different modules."""
        return Reached(
            lines=self.lines + other.lines,
            lines_reached=self.lines_reached + other.lines_reached,
            branches=self.branches + other.branches,
            branches_reached=self.branches_reached + other.branches_reached,
        )

    @classmethod
    def of(cls, summary: dict[str, Any]) -> Reached:
        """Read the counts of one file, as Coverage.py writes them."""
        return cls(
            lines=summary["num_statements"],
            lines_reached=summary["covered_lines"],
            branches=summary["num_branches"],
            branches_reached=summary["covered_branches"],
        )


def by_module(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the part of each module in a report of Coverage.py (`coverage json`)."""
    files = {path.relative_to(ROOT).as_posix(): name for name, path in MODULES.items()}
    return {files[path]: part for path, part in report["files"].items() if path in files}


def by_room(report: dict[str, Any]) -> dict[str, Reached]:
    """Count what is reached of each room, from the top down."""
    modules = by_module(report)
    return {
        room: sum(
            (Reached.of(modules[name]["summary"]) for name in modules_of(room) if name in modules),
            start=Reached(),
        )
        for room in ROOMS
    }


def table(rooms: dict[str, Reached]) -> Iterator[str]:
    """Write a table in Markdown: a row a room, then one of all."""
    yield "| room | lines | reached | branches | reached |"
    yield "| --- | --: | --: | --: | --: |"
    for name, reached in {**rooms, "all": sum(rooms.values(), start=Reached())}.items():
        lines = _share(reached.lines_reached, reached.lines)
        branches = _share(reached.branches_reached, reached.branches)
        yield f"| {name} | {reached.lines} | {lines} | {reached.branches} | {branches} |"


def _share(part: int, whole: int) -> str:
    """Write a share in per cent, rounded down so that 100 is said of the whole alone."""
    return f"{part * 1000 // whole / 10:g} %" if whole else ""


def missing(report: dict[str, Any]) -> Iterator[str]:
    """Name each module that was not wholly reached, with its lines and ways from line to line."""
    for name, part in sorted(by_module(report).items()):
        lines = part["missing_lines"]
        ways = [(a, b) for a, b in part["missing_branches"] if a not in lines]
        if lines or ways:
            told = [*_ranges(lines), *(f"{a}->{b if b > 0 else 'out'}" for a, b in ways)]
            yield f"{name}: {', '.join(told)}"


def _ranges(lines: list[int]) -> Iterator[str]:
    """Write numbers that follow each other as one: 4, 7-9."""
    for _, run in itertools.groupby(enumerate(lines), lambda pair: pair[1] - pair[0]):
        (_, first), *rest = run
        yield f"{first}-{rest[-1][1]}" if rest else f"{first}"


def main() -> None:
    """Print the table of a report, and what is missing where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("report", type=Path, help="what `coverage json` wrote")
    parser.add_argument("--missing", action="store_true", help="name lines and branches too")
    options = parser.parse_args()
    report = json.loads(options.report.read_text())
    print("\n".join(table(by_room(report))))
    if options.missing:
        print("\n" + "\n".join(missing(report)))


if __name__ == "__main__":
    main()
