"""Stopping rules as a user writes them, named by dotted path."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.search.stopping import Decision, Evaluations, Rule
from trainer.training.loop import EpochRow


class From(Rule):
    """Ends every trial that has so many epochs."""

    epoch: int

    def decide(self, rows: Sequence[EpochRow], evaluations: Evaluations) -> Decision | None:
        del evaluations
        last = rows[-1]["epoch"]
        if last < self.epoch:
            return None
        return Decision(reason=f"it has {last:g} epochs", numbers={"epoch": last})

    def words(self) -> str:
        return f"ends trials after epoch {self.epoch}"


class Raising(From):
    """Breaks."""

    def decide(self, rows: Sequence[EpochRow], evaluations: Evaluations) -> Decision | None:
        raise LookupError("no such column")


class Endless(From):
    """Decides by a number that no record can hold."""

    def decide(self, rows: Sequence[EpochRow], evaluations: Evaluations) -> Decision | None:
        return Decision(reason="too large", numbers={"loss": float("inf")})


class Wordless(Rule):
    """Lacks a verb."""

    def decide(self, rows: Sequence[EpochRow], evaluations: Evaluations) -> Decision | None:
        return None


class Affirming(From):
    """Decides by what is no decision."""

    def decide(self, rows: Sequence[EpochRow], evaluations: Evaluations) -> Decision | None:
        return True  # type: ignore[return-value]
