"""Ends trials whose model answers with one class."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import TYPE_CHECKING

from pydantic import Field

from orchestrator.search.stopping.rule import Decision, Evaluations, Rule
from trainer.input.settings import Count

if TYPE_CHECKING:
    from trainer.training.loop import EpochRow

COLLAPSED = "validation/collapsed"


class Collapse(Rule):
    """Ends a trial that was collapsed at every validation of its last `epochs` epochs: right, if at
    all, on one class alone.

    Where not every epoch is validated, those between two collapsed ones count as collapsed.
    """

    needs_validation = True
    epochs: Count = Field(description="epochs in a row, between validations included")

    def decide(self, rows: Sequence[EpochRow], evaluations: Evaluations) -> Decision | None:
        """Decide by the newest validations: see the class."""
        del evaluations
        validated = [row for row in reversed(rows) if COLLAPSED in row]
        collapsed = [int(row["epoch"]) for row in takewhile(lambda it: it[COLLAPSED], validated)]
        if not collapsed:
            return None
        last, first = collapsed[0], collapsed[-1]
        if last - first + 1 < self.epochs:
            return None
        return Decision(
            reason=f"right on one class at most from epoch {first} to {last}",
            numbers={"first_epoch": first, "last_epoch": last, "epochs": last - first + 1},
        )

    def words(self) -> str:
        count = "an epoch" if self.epochs == 1 else f"{self.epochs} epochs in a row"
        return f"ends trials that are right on one class at most for {count}"

    @property
    def fewest_epochs(self) -> int:
        return self.epochs
