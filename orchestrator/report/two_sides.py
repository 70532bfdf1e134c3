"""A comparison of two sides as a record, files and lines: differences with intervals, no verdict,
since nobody named them beforehand."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.pareto.contrasts import Difference, split_of
from orchestrator.pareto.sides import Side, fronts_of
from orchestrator.pareto.verdicts import LEAST_SEEDS
from orchestrator.report.contrasts import UNIT, difference_record, difference_text
from orchestrator.table.models import ModelsName
from trainer.terminal.json_text import json_text

SIDES_FILES = ("comparison.json", "comparison.png", "comparison.svg")


@dataclass(frozen=True, kw_only=True)
class TwoSides:
    """Two sides beside each other."""

    first: Side
    second: Side
    largest_sacrifice: float
    differences: tuple[Difference, ...]
    settings: tuple[tuple[str, Any, Any], ...] | None  # that differ; None: not known
    models: ModelsName | None  # of the sweeps among them; None: there are none
    doubts: tuple[str, ...]  # why the numbers may not measure the same

    def record(self) -> dict[str, Any]:
        """Return all of it as values of JSON, as `comparison.json` has it."""
        return {
            "sides": [self.first.name, self.second.name],
            "models": self.models,
            "unit": UNIT,
            "largest_sacrifice": self.largest_sacrifice,
            "differences": [difference_record(it) for it in self.differences],
            "settings": None
            if self.settings is None
            else [{"key": key, "values": [a, b]} for key, a, b in self.settings],
            "doubts": list(self.doubts),
        }

    def lines(self) -> Iterator[tuple[str, str]]:
        """Yield differences and doubts for people: titles and sentences."""
        for it in self.differences:
            first, second = it.methods
            what = f"{first} against {second}"
            if first == second:
                what = f"{first} in {self.first.name} against {first} in {self.second.name}"
            yield f"{it.front} front", f"{what}: {difference_text(it)}"
        sacrifice = f"{100 * self.largest_sacrifice:g}"
        yield (
            "",
            f"in points of union accuracy, or of the score, the mean over sacrifices up to "
            f"{sacrifice} points; nothing is tested: a claim is a contrast that a sweep file names",
        )
        few = [len(it.seeds) < LEAST_SEEDS for it in self.differences]
        if any(few):
            some = "" if all(few) else " of some"
            yield "seeds", f"fewer than {LEAST_SEEDS} in common{some}, which decides nothing"
        for doubt in self.doubts:
            yield "doubtful", doubt


def write_two_sides(found: TwoSides, directory: Path) -> list[Path]:
    """Write `SIDES_FILES` into a folder, made where missing, and return their paths.

    Raises:
        OSError: the folder cannot be made or written.
    """
    # Here alone, since it takes as long to import as all that a reader of the numbers needs.
    from orchestrator.figures.comparison import draw_comparison  # noqa: PLC0415

    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".comparison-", dir=directory) as name:
        staged = [Path(name) / file for file in SIDES_FILES]
        staged[0].write_text(f"{json_text(found.record())}\n", encoding="utf-8")
        largest = found.largest_sacrifice
        sides = (found.first, found.second)
        draw_comparison(
            {
                front: (
                    found.first.front(front, largest_sacrifice=largest),
                    found.second.front(front, largest_sacrifice=largest),
                )
                for front in fronts_of(*sides)
            },
            staged[1],
            staged[2],
            names=(found.first.name, found.second.name),
            captions={
                it.front: f"{it.methods[0]} against {it.methods[1]}: {difference_text(it)}"
                for it in reversed(found.differences)
                if it.methods == (found.first.name, found.second.name)
            },
            note=_note(found),
        )
        return [path.replace(directory / path.name) for path in staged]


def _note(found: TwoSides) -> str:
    sides = (found.first, found.second)
    splits = list(dict.fromkeys(filter(None, (split_of(it.table) for it in sides))))
    images = f"{' and '.join(splits)} images" if splits else ""
    fresh = "confirmed" if found.models == "confirmed" else ""
    counts = " and ".join(f"{len(it.table)} trials of {it.name}" for it in sides)
    return " · ".join(filter(None, (counts, images, fresh)))
