"""Two sides of a comparison: sweeps, tables or methods, each with its front and its heights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from orchestrator.pareto.contrasts import FRONTS, Difference, Heights, split_of
from orchestrator.pareto.front import Front, extract_front


@dataclass(frozen=True, kw_only=True)
class Side:
    """Trials that are compared with those of another side."""

    name: str
    table: pd.DataFrame  # with `method` and `seed`; of its method alone, where it is one's

    def front(self, front: str, *, largest_sacrifice: float) -> Front:
        """Extract one of `FRONTS` of the side's trials, up to the largest acceptable sacrifice."""
        return extract_front(
            self.table,
            objectives=FRONTS[front],
            reference_point=(0.0, largest_sacrifice),
            keep_collapsed=False,
        )

    def has(self, front: str) -> bool:
        """Whether the table has the objectives of one of `FRONTS`."""
        return {objective.name for objective in FRONTS[front]} <= set(self.table)

    def natural_of_standard(self) -> float | None:
        """Natural accuracy of the standard trials that sacrifices are counted from; None where no
        row says both."""
        if "natural_accuracy" not in self.table:
            return None
        sums = (self.table["natural_accuracy"] + self.table["sacrificed_accuracy"]).dropna()
        return float(sums.mean()) if len(sums) else None


def side(table: pd.DataFrame, name: str, *, method: str | None, reference: str) -> Side:
    """Return the trials of a table's method, or of all methods but the reference."""
    is_in = table["method"] != reference if method is None else table["method"] == method
    return Side(name=name, table=table[is_in.fillna(False).astype(bool)])


def fronts_of(first: Side, second: Side) -> list[str]:
    """Name the fronts that both sides have the objectives of, the strict one first."""
    return [front for front in FRONTS if first.has(front) and second.has(front)]


def differences(first: Side, second: Side, *, largest_sacrifice: float) -> Iterator[Difference]:
    """Yield the difference between the sides as wholes on each front that both have, then that of
    each method which both have, where they have several."""
    methods = [list(dict.fromkeys(each.table["method"].dropna())) for each in (first, second)]
    both = [method for method in methods[0] if method in methods[1]]
    for front in fronts_of(first, second):
        whole = [
            Heights(it.table.assign(method=it.name), front, largest_sacrifice=largest_sacrifice)
            for it in (first, second)
        ]
        yield whole[0].difference(first.name, second.name, whole[1])
    if max(map(len, methods)) < 2:
        return
    for front in fronts_of(first, second):
        ours, theirs = (
            Heights(it.table, front, largest_sacrifice=largest_sacrifice) for it in (first, second)
        )
        for method in both:
            yield ours.difference(method, method, theirs)


def doubts(first: Side, second: Side) -> Iterator[str]:
    """Yield why numbers of the two sides may not measure the same."""
    splits = split_of(first.table), split_of(second.table)
    if splits[0] != splits[1]:
        a, b = (split or "unnamed" for split in splits)
        yield f"{first.name} stands on {a} images, {second.name} on {b} ones"
    ours, theirs = first.natural_of_standard(), second.natural_of_standard()
    if ours is not None and theirs is not None and abs(ours - theirs) > ROUNDING:
        yield (
            f"sacrifices and scores are counted from other standard trials: of natural accuracy "
            f"{ours:.4f} in {first.name}, {theirs:.4f} in {second.name}"
        )


ROUNDING = 1e-9
"""Difference of accuracies that is none."""
