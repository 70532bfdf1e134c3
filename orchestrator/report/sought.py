"""What a picture for a paper is wanted of, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from orchestrator.figures.appearance import Appearance
from orchestrator.figures.placement import FrontOf, Placement
from orchestrator.pareto.chosen_cells import CellsShown, chosen_cells
from orchestrator.pareto.eligibility import AT_FLOOR
from orchestrator.pareto.front import Front
from orchestrator.report.paper_tables import PaperTable
from orchestrator.table.columns import COLLAPSED
from trainer.input.problems import InputError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from orchestrator.results.as_stored import StoredResults
    from orchestrator.spec.sweep_spec import SweepSpec

IN_MEANS = {COLLAPSED: "collapsed", AT_FLOOR: "with a union no higher than a constant classifier's"}
"""What is said of trials that are off the front of trials and in means over seeds, by reason."""

Needs = Literal["table", "store"]
"""What a figure is drawn from: a table of trials, or a sweep in its storage."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Sought:
    """What a picture is wanted of, and how."""

    name: str
    table: pd.DataFrame  # all trials, whatever became of them
    front: Front
    appearance: Appearance
    placement: Placement
    of: FrontOf
    is_named: bool  # whether a user named the objectives
    methods: tuple[str, ...]  # that are shown; none: all
    cells: CellsShown | None  # that are shown; None: as the figure has it by default
    note: str  # what the numbers stand on, beside what is counted
    published: pd.DataFrame | None  # numbers of others that are laid over a front
    spec: SweepSpec | None  # None: of a bare table
    found: StoredResults | None
    choosing: pd.DataFrame | None  # by which cells are chosen; None: by the numbers shown

    def rows(self, default: CellsShown) -> list[int]:
        """Return the rows of `front.cells` that are shown.

        Raises:
            InputError: there are none.
        """
        which = self.cells or default
        rows = chosen_cells(self.front, which, self.methods, self.choosing)
        if not rows:
            whose = f" of {', '.join(self.methods)}" if self.methods else ""
            where = " on the front" if which == "front" else ""
            raise InputError(
                f"{self.name} must be of at least one cell that is done, got none{whose}{where}; "
                f"wait for its trials, or give --cells all or another --method"
            )
        return rows

    def how_chosen(self, default: CellsShown) -> str:
        """Say for the small print which cells these are."""
        which = self.cells or default
        if which == "all":
            return ""
        if which == "front":
            by = " and ".join(it.name.replace("_", " ") for it in self.front.objectives)
            return f"cells on the front of means by {by}"
        first = self.front.objectives[0].name.replace("_", " ")
        where = "shown here: optimistic" if self.choosing is None else "that pick"
        return f"of each method the cell with the best {first} on images {where}"


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A picture, not saved yet, and the table of its numbers, where it has one."""

    figure: Figure
    table: PaperTable | None = None


@dataclass(frozen=True, kw_only=True)
class PaperFigure:
    """A figure by name."""

    says: str
    """What it shows, one sentence for people."""

    needs: Needs
    draw: Callable[[Sought], Drawn]
    is_strict: bool = False
    """Whether it is of the strict objectives, unless others are named."""

    is_sure: bool = False
    """Whether it says how sure the front is, by each model's answers to each image."""

    takes: frozenset[str] = frozenset({"--method", "--cells"})
    """Options of the command that make a difference to it, of those that need not."""

    table: str = ""
    """Stem of the files of its table, which are written by default; empty: it has none."""


def stands_on(sought: Sought) -> str:
    """Say on which images numbers stand, how many trials, and what else a reader must know.

    Collapsed trials and those at a constant classifier's floor are off the front of trials and in
    all means over seeds: they are counted among the trials, and told.
    """
    trials = sought.front.measured
    splits = sorted(trials["split"].dropna().unique()) if "split" in trials else []
    images = f"{' and '.join(splits)} images" if splits else ""
    count = f"{len(trials)} trial{'s' * (len(trials) != 1)}"
    dropped = ", ".join(
        f"{number} {reason.removeprefix('status ')}"
        for reason, number in sought.front.dropped.items()
        if reason not in IN_MEANS
    )
    kept = ", ".join(
        f"{number} {IN_MEANS[reason]}"
        for reason, number in sought.front.dropped.items()
        if reason in IN_MEANS
    )
    parts = [count + (f" (left out: {dropped})" if dropped else ""), images]
    parts += [f"in the means, and off the front: {kept}" if kept else "", sought.note]
    return " · ".join(filter(None, parts))
