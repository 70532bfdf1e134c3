"""The cells of a sweep that may be picked, and what a person's wish means for them."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from orchestrator.pareto.eligibility import is_measured
from orchestrator.pareto.front import (
    cell_numbers,
    cells_and_part,
    settings_columns,
    settings_of,
)
from orchestrator.pareto.picking import Limit, PickError, Rule, all_shares, why_none
from orchestrator.table.columns import WeightsName, direction_of, is_of_best, of_weights
from orchestrator.table.objectives import Objective, minimised
from orchestrator.table.setting_values import named_value
from trainer.input.problems import label
from trainer.input.settings import parse_number

Floats = npt.NDArray[np.float64]

EXAMPLES = {
    "--at-most": "sacrificed_accuracy=0.02",
    "--at-least": "natural_accuracy=0.9",
    "--prefer": "robustness_score=0.7",
}
"""What may follow each option that names a column and a number."""

NEEDED = "give --prefer COLUMN=SHARE, or a limit by --at-most or --at-least COLUMN=NUMBER"
"""Remedy where a front has no knee."""


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What a person asks of a model, under the names of columns as they were written."""

    at_most: Mapping[str, float] = field(default_factory=dict)
    at_least: Mapping[str, float] = field(default_factory=dict)
    prefer: Mapping[str, float] = field(default_factory=dict)  # shares of objectives; none: knee


@dataclass(frozen=True, kw_only=True)
class CellName:
    """A cell by what it is: its method's label, and the settings that vary."""

    method: str
    settings: Mapping[str, Any]

    def __str__(self) -> str:
        return " ".join([self.method, *(named_value(k, v) for k, v in self.settings.items())])

    def record(self) -> dict[str, Any]:
        """The same as values of JSON."""
        settings = {
            name: value.item() if isinstance(value, np.generic) else value
            for name, value in self.settings.items()
        }
        return {"name": str(self), "method": self.method, "settings": settings}


@dataclass(frozen=True, kw_only=True, eq=False)
class Candidates:
    """The cells of a table that may be picked: with a result of every seed, not all collapsed, and
    above the constant classifier's floor."""

    table: pd.DataFrame  # of trials, on the images that pick
    objectives: tuple[Objective, ...]
    averages: pd.DataFrame  # as `orchestrator.pareto.front.cells` has them, of these alone
    cells: int  # all that the table has
    numbers: pd.Series[int]  # by row of the table: index of `averages`

    @classmethod
    def of(cls, table: pd.DataFrame, objectives: tuple[Objective, ...]) -> Candidates:
        """Find the cells of a table of trials that may be picked.

        Raises:
            PickError: there is none.
        """
        averages, may_be = cells_and_part(table, objectives, keep_collapsed=False)
        if not may_be.any():
            raise PickError(
                f"a model must be of a cell with a result of every seed on the images that pick, "
                f"not collapsed and better than a constant answer, got none of {len(averages)} "
                f"cells; run the sweep to its end, or see what became of its trials: "
                f"python -m orchestrator.status"
            )
        return cls(
            table=table,
            objectives=objectives,
            averages=averages[may_be],
            cells=len(averages),
            numbers=cell_numbers(table, objectives),
        )

    def __len__(self) -> int:
        return len(self.averages)

    def points(self) -> Floats:
        """Return the means (C, M) of the objectives, minimised."""
        names = [it.name for it in self.objectives]
        means = self.averages[[f"{name}_mean" for name in names]]
        return minimised(means.set_axis(names, axis="columns"), self.objectives)

    def means(self, columns: Sequence[str]) -> Floats:
        """Return the means (C, Q) of some columns; NaN where there is none."""
        means = self.averages[[f"{name}_mean" for name in columns]]
        return means.to_numpy(dtype=np.float64, na_value=np.nan)

    def values(self, at: int) -> dict[str, float]:
        """Return the means of a cell's objectives, in user units."""
        names = [it.name for it in self.objectives]
        return dict(zip(names, self.means(names)[at].tolist(), strict=True))

    def name(self, at: int) -> CellName:
        """Name a cell by its place."""
        row = self.averages.iloc[at]
        settings = settings_columns(self.averages, self.objectives)
        return CellName(method=str(row["method"]), settings=settings_of(row, settings))

    def trials(self, at: int) -> list[str]:
        """Return the ids of a cell's trials that have numbers, collapsed ones too."""
        its = self.table[self.numbers == self.averages.index[at]]
        return list(its.loc[is_measured(its, self.objectives), "trial_id"])

    def rule(self, wish: Wish, weights: WeightsName) -> Rule:
        """Return the rule that a wish means for these cells.

        Args:
            weights: those that the sweep's fronts stand on; columns are of these.

        Raises:
            PickError: a column that is not there or is no objective, a bound that is no finite
                number, or shares that mean nothing.
        """
        columns = [
            name
            for name in map(str, self.table)
            if direction_of(name) is not None and f"{name}_mean" in self.averages
        ]
        limits = [
            Limit(column=_found(option, name, columns, weights), bound=bound, is_at_most=is_at_most)
            for option, bounds, is_at_most in (
                ("--at-most", wish.at_most, True),
                ("--at-least", wish.at_least, False),
            )
            for name, bound in bounds.items()
            if _is_finite(option, name, bound)
        ]
        if not wish.prefer:
            return Rule(limits=tuple(limits))
        names = [it.name for it in self.objectives]
        named = {_found("--prefer", it, names, weights): s for it, s in wish.prefer.items()}
        return Rule(limits=tuple(limits), shares=all_shares(named, names))

    def nothing(self, rule: Rule) -> PickError:
        """Say why no cell is picked by a rule: none is within its limits, or there is no knee."""
        names = [str(self.name(at)) for at in range(len(self))]
        if rule.limits:
            asked = " and ".join(map(str, rule.limits))
            nearest = why_none(rule, self.means([it.column for it in rule.limits]), names)
            return PickError(f"no cell has {asked} on the images that pick; {nearest}")
        return PickError(
            f"there is no knee: the front of the {len(self)} cells that may be picked has fewer "
            f"than three points, or is nowhere bent; {NEEDED}"
        )


def _found(option: str, name: str, columns: Sequence[str], weights: WeightsName) -> str:
    """Return the column that a name means: of the weights that the sweep stands on.

    Raises:
        PickError: there is none.
    """
    if (its := of_weights(name, weights)) in columns:
        return its
    own = [of_weights(it, "last") for it in columns if is_of_best(it) == (weights == "best")]
    usual = list(dict.fromkeys(own or columns))
    near = difflib.get_close_matches(name, usual, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    kind = "an objective of the sweep" if option == "--prefer" else "a column of numbers"
    raise PickError(
        f"{option} must name {kind}, one of {', '.join(usual)}, got {label(name)}{hint}"
    )


def _is_finite(option: str, name: str, bound: float) -> bool:
    """Whether a bound is a number that a column can be within; raises PickError where not."""
    if not math.isfinite(bound):
        raise PickError(
            f"{option} {label(name)} must be a finite number, got {bound:g}; leave it out for none"
        )
    return True


def once_each(option: str, texts: Iterable[str]) -> dict[str, float]:
    """Read an option's `COLUMN=NUMBER`s; 2/100 is a number too.

    Raises:
        PickError: one that is none, or a column that stands twice.
    """
    found: dict[str, float] = {}
    for text in texts:
        name, _, said = text.partition("=")
        number = parse_number(said.strip()) if said else None
        if not name.strip() or not isinstance(number, float):
            raise PickError(
                f"{option} must be COLUMN=NUMBER, such as {EXAMPLES[option]}, got {label(text)}"
            )
        if name.strip() in found:
            raise PickError(f"{option} must name a column once, got {label(name)} twice")
        found[name.strip()] = number
    return found
