"""Published numbers beside a front: which are placed on its axes, and which are not comparable."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import pandas as pd

from orchestrator.results.published import Published
from orchestrator.table.columns import of_weights
from orchestrator.table.objectives import Objective

if TYPE_CHECKING:
    from orchestrator.results.comparable import Difference
    from orchestrator.spec.sweep_spec import SweepSpec

Told = TypeVar("Told", bound=Hashable)

NOT_COUNTED = "drawn alone: on no front, in no hypervolume, in no contrast"

MOST_NAMED = 4
"""Most results that one line names."""


@dataclass(frozen=True, kw_only=True)
class PublishedNumbers:
    """Published results, held against the front that they are laid over."""

    file: str
    placed: tuple[Published, ...]
    missing: tuple[tuple[Published, tuple[str, ...]], ...]
    """Those that are not placed, with the axes' columns that they have no number of."""

    differing: tuple[tuple[Published, tuple[Difference, ...]], ...] | None
    """Those that are placed and not comparable, with what differs; None of a bare table, where it
    is not known."""

    columns: tuple[str, ...]
    """Of the two axes, as the last epoch's weights have them."""

    def points(self, objectives: Sequence[Objective]) -> pd.DataFrame:
        """Return what is drawn: `label`, and a column for each of the objectives of the axes."""
        rows = [
            {"label": row.label}
            | {
                objective.name: row.numbers[column]
                for objective, column in zip(objectives[:2], self.columns, strict=True)
            }
            for row in self.placed
        ]
        return pd.DataFrame(rows, columns=["label", *(it.name for it in objectives[:2])])

    def lines(self) -> Iterator[tuple[str, str]]:
        """Yield what a reader must know: titles and sentences."""
        of = len(self.placed) + len(self.missing)
        yield "published", f"{len(self.placed)} of {of} of {self.file}, {NOT_COUNTED}"
        for rows, lacking in _grouped(self.missing):
            yield "not placed", f"{_named(rows)}: without {' and '.join(lacking)}"
        if self.differing is None:
            if self.placed:
                yield "comparable", "not known of a table: give the sweep's .yaml"
            return
        for rows, found in _grouped(self.differing):
            yield "not comparable", f"{_named(rows)}: {'; '.join(map(str, found))}"

    def note(self) -> str:
        """Say in brief how comparable they are, for the small print of pictures."""
        if not self.placed:
            return ""
        if self.differing is None:
            return "whether published numbers are comparable is not known"
        facts = dict.fromkeys(it.fact for _, found in self.differing for it in found)
        return f"published numbers differ in {', '.join(facts)}" if facts else ""

    def facts(self) -> dict[str, Any]:
        """All of it as values of JSON, as `front.json` has it beside the front."""
        return {"published": self._record()}

    def _record(self) -> dict[str, Any]:
        known = None if self.differing is None else {it.label: why for it, why in self.differing}
        return {
            "file": self.file,
            "columns": list(self.columns),
            "placed": [
                {
                    "label": row.label,
                    "numbers": dict(row.numbers),
                    "facts": dict(row.facts),
                    "not_comparable": None
                    if known is None
                    else list(map(str, known.get(row.label, ()))),
                }
                for row in self.placed
            ],
            "not_placed": {row.label: list(lacking) for row, lacking in self.missing},
        }


def held_against(
    rows: Sequence[Published],
    objectives: Sequence[Objective],
    spec: SweepSpec | None,
    *,
    file: str,
) -> PublishedNumbers:
    """Hold published results against the front that they are laid over.

    Args:
        objectives: of the front, of which the first two have an axis.
        spec: of the sweep; None of a bare table.
        file: where the results were read.
    """
    columns = tuple(of_weights(objective.name, "last") for objective in objectives[:2])
    lacking = [(row, tuple(row.lacks(columns))) for row in rows]
    placed = tuple(row for row, names in lacking if not names)
    differing = None
    if spec is not None:
        # Here alone: all that a sweep file may say is not needed to read a table.
        from orchestrator.results.comparable import differences  # noqa: PLC0415

        found = [(row, tuple(differences(row, spec, columns))) for row in placed]
        differing = tuple((row, those) for row, those in found if those)
    return PublishedNumbers(
        file=file,
        placed=placed,
        missing=tuple((row, names) for row, names in lacking if names),
        differing=differing,
        columns=columns,
    )


def _grouped(
    told: Sequence[tuple[Published, tuple[Told, ...]]],
) -> Iterator[tuple[list[Published], tuple[Told, ...]]]:
    """Yield results of which the same is told, together."""
    by_told: dict[tuple[Told, ...], list[Published]] = {}
    for row, said in told:
        by_told.setdefault(said, []).append(row)
    for said, rows in by_told.items():
        yield rows, said


def _named(rows: Sequence[Published]) -> str:
    names = ", ".join(row.label for row in rows[:MOST_NAMED])
    return f"{names} and {len(rows) - MOST_NAMED} more" if len(rows) > MOST_NAMED else names
