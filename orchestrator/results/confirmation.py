"""What confirms a sweep: the cells that were kept, how far their fresh trials are, and what is
known of them. The test set is read for them once they are complete, and not before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from orchestrator.plan.plan import Plan
from orchestrator.results.images import Images, is_confirmed
from orchestrator.results.shown import compared_by, data_names, question
from orchestrator.results.trials_table import table_on
from orchestrator.spec.confirm import Confirm
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store import Files
from orchestrator.store.sweeps.ledger import read_of, reads_by_sweep, record_read
from orchestrator.store.sweeps.records import ReadOfTest
from orchestrator.table.columns import WeightsName
from orchestrator.table.models import ModelsName
from trainer.evaluation.suite import SplitName
from trainer.input.settings import content_id


@dataclass(frozen=True, kw_only=True)
class Confirmed:
    """How far a sweep is confirmed."""

    asked: Confirm
    id: str | None  # None: nothing is kept yet
    cells: Mapping[str, int]  # that were kept, by method; the standard reference's among them
    passed_over: Mapping[str, int]  # cells that could not be, by reason
    trials: int  # with fresh seeds
    parents: int  # beside them, which some of them stand on
    done: int  # of the trials
    is_complete: bool  # and its numbers are shown
    split: SplitName  # images that their numbers stand on
    shown_before: str | None  # when other test numbers of the sweep were; UTC, ISO 8601

    @property
    def models(self) -> str:
        """Say what models the numbers are of."""
        count = len(self.asked.seeds)
        return f"{count} fresh seeds of the cells kept, trained after they were chosen"

    @property
    def progress(self) -> str:
        """Say how far it is."""
        if self.id is None:
            return "no cells are kept yet"
        return f"{self.done} of {self.trials} trials done"

    def lines(self) -> Iterator[tuple[str, str]]:
        """Yield how far it is for people: what each line is about, and what it says."""
        seeds = _span(self.asked.seeds)
        if self.id is None:
            cells = f"{self.asked.per_method} cell{'s' * (self.asked.per_method > 1)}"
            yield (
                "confirm",
                f"{cells} of each method, picked on {self.asked.by}, with {seeds}, once the "
                f"sweep's own trials are over",
            )
            return
        kept = ", ".join(f"{count} {method}" for method, count in self.cells.items())
        said = f"{self.progress}: {kept}, picked on {self.asked.by}"
        more = f", and {self.parents} trials that these stand on" if self.parents else ""
        yield "confirm", f"{said}, each with {seeds}{more}"
        if self.passed_over:
            why = ", ".join(f"{count} {reason}" for reason, count in self.passed_over.items())
            yield "", f"not kept, for a trial of theirs: {why}"
        if self.is_complete:
            yield "", "their fronts: front_confirmed.*; front.* is that of the sweep's own models"
        else:
            yield "", "their test numbers are shown once nothing is left to do"
        if self.shown_before is not None:
            yield (
                "exploratory",
                f"test numbers of this sweep were shown on {self.shown_before} before these cells "
                f"were kept: what they suggested, fresh seeds cannot confirm",
            )

    def note(self, weights: WeightsName) -> str:
        """Say in brief what their numbers stand on, for the small print of pictures."""
        models = f"{self.models} (best weights)" if weights == "best" else self.models
        state = "confirmed" if self.is_complete else self.progress
        return f"{models}, {state}, {self.split} images"

    def facts(self, models: ModelsName) -> dict[str, Any]:
        """Say whose models a front is of, and how far it is, as `front.json` has that."""
        return {"models": models, "confirmation": self.record()}

    def record(self) -> dict[str, Any]:
        """How far it is as values of JSON."""
        return {
            "id": self.id,
            "per_method": self.asked.per_method,
            "by": self.asked.by,
            "seeds": list(self.asked.seeds),
            "cells": dict(self.cells),
            "passed_over": dict(self.passed_over),
            "trials": self.trials,
            "parents": self.parents,
            "done": self.done,
            "is_complete": self.is_complete,
            "split": self.split,
            "is_exploratory": self.shown_before is not None,
            "test_shown_before": self.shown_before,
        }


def confirmed_images(spec: SweepSpec, plan: Plan, files: Files) -> Images:
    """Return the images on which a command that only reads shows what confirms a sweep: those of
    the suite once it is complete and a start has recorded that they are shown."""
    if plan.confirmation is None or not is_confirmed(spec, plan):
        return "picking"
    is_recorded = read_of(files, spec.name, confirmation_question(spec, plan)) is not None
    return "suite" if is_recorded else "picking"


def record_confirmed(spec: SweepSpec, plan: Plan, files: Files) -> Images:
    """Return the images on which a start shows what confirms a sweep. Where these are test images,
    it is recorded in the store's ledger."""
    if plan.confirmation is None or not is_confirmed(spec, plan):
        return "picking"
    done = sum(it.evaluation is not None for it in plan.of_confirmation("confirm").trials)
    now = datetime.now(UTC).isoformat(timespec="microseconds")  # two reads have an order
    read = ReadOfTest(
        at=now,
        suite=spec.suite.id,
        data=data_names(plan),
        trials=done,
        confirmation=plan.confirmation.kept.id,
    )
    record_read(files, spec.name, confirmation_question(spec, plan), read)
    return "suite"


def confirmation_question(spec: SweepSpec, plan: Plan) -> str:
    """Name all that test numbers of what confirms a sweep are compared by."""
    assert plan.confirmation is not None
    content = {
        "confirmation": plan.confirmation.kept.id,
        "trials": sorted(planned.earlier_id for planned in plan.confirmation.trials),
    }
    return content_id("r", content | compared_by(spec))


def confirmed_table(spec: SweepSpec, plan: Plan, images: Images) -> pd.DataFrame:
    """Make the table of the trials that confirm a sweep, as that of its own trials, on the images
    whose numbers are shown of them. Nothing is selected by it."""
    return table_on(spec, plan.of_confirmation("confirm"), images)


def confirmed(spec: SweepSpec, plan: Plan, files: Files, images: Images) -> Confirmed | None:
    """Say how far a sweep is confirmed, by its plan and the store's ledger of test sets; None where
    that is not asked for.

    Args:
        images: whose numbers are shown of what confirms it.
    """
    if spec.confirm is None:
        return None
    trials = plan.of_confirmation("confirm").trials
    first = [planned for planned in trials if planned.trial.seed == spec.confirm.seeds[0]]
    return Confirmed(
        asked=spec.confirm,
        id=None if plan.confirmation is None else plan.confirmation.kept.id,
        cells=Counter(planned.method for planned in first),
        passed_over={} if plan.confirmation is None else plan.confirmation.kept.passed_over,
        trials=len(trials),
        parents=len(plan.of_confirmation("parent").trials),
        done=sum(planned.status == "done" for planned in trials),
        is_complete=images == "suite",
        split=spec.suite.split if images == "suite" else "validation",
        shown_before=_shown_before(spec, plan, files),
    )


def _shown_before(spec: SweepSpec, plan: Plan, files: Files) -> str | None:
    """Return when test numbers were first shown that these cells may have been kept by: of other
    trials of the sweep, or by another question. Those of the very trials that they were picked
    among are none of them: what picks is validation."""
    reads = reads_by_sweep(files, spec.name)
    if spec.reevaluation is not None:  # harder on the same models is no second look
        reads = {what: read for what, read in reads.items() if read.suite == spec.suite.id}
    same = {question(spec, plan)}
    own = None
    if plan.confirmation is not None:
        asked = confirmation_question(spec, plan)
        same.add(asked)
        own = reads.get(asked)
    others = [read.at for what, read in reads.items() if what not in same]
    return min((at for at in others if own is None or at < own.at), default=None)


def _span(seeds: tuple[int, ...]) -> str:
    if len(seeds) == 1:
        return f"1 fresh seed ({seeds[0]})"
    return f"{len(seeds)} fresh seeds ({seeds[0]} to {seeds[-1]})"
