"""Whether the methods of a sweep are given the same: cells, seeds, epochs and passes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.plan.planned_trial import PlannedTrial
from orchestrator.terminal.units import count_text
from trainer.data.published import examples_trained
from trainer.training.passes_ahead import most_passes_of_training

EQUAL_PASSES = 1.1
"""Most that the passes of a method's trial may be of another's to be called equal: a cap is reached
in whole epochs."""


@dataclass(frozen=True, kw_only=True)
class Equality:
    """What each method is given, by label, the reference left out."""

    cells: Mapping[str, int]
    seeds: Mapping[str, tuple[int, ...]]  # of any of its cells
    epochs: Mapping[str, tuple[int, int]]  # the fewest and the most of a trial
    passes: Mapping[str, float | None]  # of a trial's training, on average; parents' included
    cap: int | None = None  # `training.max_passes`, where every trial has the same

    def record(self) -> dict[str, Any]:
        """Return the facts as values of JSON."""
        return {
            "cells": dict(self.cells),
            "seeds": {label: list(seeds) for label, seeds in self.seeds.items()},
            "epochs": {label: list(ends) for label, ends in self.epochs.items()},
            "passes": dict(self.passes),
            "cap": self.cap,
            "warnings": list(self.warnings()),
        }

    def lines(self) -> Iterator[tuple[str, str]]:
        """Yield the facts for people: what each line is about, and what it says."""
        if len(self.cells) < 2:
            return
        yield "methods", f"{self._of_epochs()}; {self._of_passes()}"
        for warning in self.warnings():
            yield "warning", warning

    def warnings(self) -> Iterator[str]:
        """Yield what makes a comparison of the methods unfair."""
        if len(set(self.cells.values())) > 1:
            yield (
                f"cells differ between methods, {_listed(self.cells)}: who has more has more "
                f"tries; give each as many, or compare as many of each"
            )
        counts = {label: len(seeds) for label, seeds in self.seeds.items()}
        if len(set(self.seeds.values())) > 1:
            yield f"seeds differ between methods, {_listed(counts)}: give each the same ones"

    def _of_epochs(self) -> str:
        found = set(self.epochs.values())
        if len(found) == 1:
            return f"epochs are equal ({_range(*found.pop())})"
        ends = {label: _range(*ends) for label, ends in self.epochs.items()}
        return f"epochs differ ({_listed(ends)})"

    def _of_passes(self) -> str:
        known = {label: passes for label, passes in self.passes.items() if passes is not None}
        if len(known) < len(self.passes):
            others = [label for label in self.passes if label not in known]
            return f"costs are not known of {', '.join(others)}"
        if max(known.values()) <= EQUAL_PASSES * min(known.values()):
            return f"costs are equal (up to {count_text(max(known.values()))} passes a trial)"
        each = _listed({label: count_text(passes) for label, passes in known.items()})
        capped = "" if self.cap is None else f" below the cap of {count_text(self.cap)}"
        return f"costs differ{capped} ({each} passes a trial)"


def equality(trials: Sequence[PlannedTrial]) -> Equality:
    """Say what each method of a plan is given, by what a trial takes at most."""
    by_id = {planned.id: planned for planned in trials}
    by_method: dict[str, list[PlannedTrial]] = {}
    for planned in trials:
        if not planned.is_reference:
            by_method.setdefault(planned.method, []).append(planned)

    def passes(planned: PlannedTrial) -> float | None:
        trial = planned.trial
        examples = examples_trained(trial.data)
        own = None if examples is None else most_passes_of_training(trial, examples)
        before: float | None = 0.0
        if trial.start is not None:
            parent = by_id.get(trial.start.trial)
            before = None if parent is None else passes(parent)
        return None if own is None or before is None else own.total + before

    caps = {planned.max_passes for its in by_method.values() for planned in its}
    return Equality(
        cells={label: len(_cells(its)) for label, its in by_method.items()},
        seeds={
            label: tuple(sorted({it.trial.seed for it in its})) for label, its in by_method.items()
        },
        epochs={
            label: (
                min(it.trial.training.epochs for it in its),
                max(it.trial.training.epochs for it in its),
            )
            for label, its in by_method.items()
        },
        passes={
            label: _mean([passes(it) for it in _cells(its)]) for label, its in by_method.items()
        },
        cap=caps.pop() if len(caps) == 1 else None,
    )


def _cells(trials: Iterable[PlannedTrial]) -> list[PlannedTrial]:
    """Return one trial of each cell of a method."""
    found: dict[str, PlannedTrial] = {}
    for planned in trials:  # told apart by what varies alone: ids of 10,000 trials take seconds
        found.setdefault(repr(sorted(planned.settings.items())), planned)
    return list(found.values())


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if len(known) == len(values) else None


def _range(least: int, most: int) -> str:
    return f"{least}" if least == most else f"{least} to {most}"


def _listed(values: Mapping[str, object]) -> str:
    return ", ".join(f"{label} {value}" for label, value in values.items())
