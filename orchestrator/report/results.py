"""What a sweep leaves for people: tables and pictures, in the storage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from orchestrator.figures.placement import FRONTS, PLACEMENTS
from orchestrator.pareto.answers import Answers
from orchestrator.pareto.front import Front, extract_front
from orchestrator.pareto.sure_front import with_certainty
from orchestrator.plan.plan import Plan
from orchestrator.report.contrasts import Comparison, write_contrasts
from orchestrator.report.front_files import copy_into, write_front
from orchestrator.results.choice import Choice
from orchestrator.results.confirmation import Confirmed
from orchestrator.results.few_steps import FewSteps
from orchestrator.results.images import Images
from orchestrator.results.reevaluation import Coverage
from orchestrator.results.table_files import write_csv
from orchestrator.store import Files
from orchestrator.table.objectives import Objective


@dataclass(frozen=True, kw_only=True, eq=False)
class FreshResults:
    """What is known of the models that confirm a sweep."""

    table: pd.DataFrame
    fronts: tuple[Front, ...]  # with how sure they are
    answers: Answers | str


@dataclass(frozen=True, kw_only=True, eq=False)
class Results:
    """The front of a sweep and the files that show it."""

    front: Front
    table: pd.DataFrame  # of the sweep's own trials
    images: Images  # that it stands on
    validation: pd.DataFrame | None  # the same on the images that pick; None where there are none
    answers: Answers | str  # of the table's models to each image
    covered: Coverage | None  # under another suite; None under the sweep's own
    fresh: FreshResults | None  # None: nothing confirms it yet
    comparison: Comparison  # of the methods
    chosen: Choice  # what its numbers stand on
    few: FewSteps  # what of them is made by rungs that hardly attack
    confirmed: Confirmed | None  # how far what confirms it is; None: that is not asked for
    staged: tuple[Path, ...]  # as they were before they went into the storage


def write_results(
    plan: Plan,
    table: pd.DataFrame,
    images: Images,
    files: Files,
    *,
    folder: str,
    staging: Path,
    objectives: Sequence[Objective],
    reference_point: Sequence[float],
    comparison: Comparison,
    covered: Coverage | None,
    validation: pd.DataFrame | None,
    chosen: Choice,
    few: FewSteps,
    confirmed: Confirmed | None,
    answers: Answers | str,
) -> Results:
    """Make the tables and pictures in a local folder, then copy each whole into the storage.

    Args:
        table: of the plan's trials.
        images: that it stands on.
        folder: that of the storage in which they are to lie.
        staging: the local one, empty.
        objectives, reference_point: by which the front is drawn, and its hypervolume measured.
        comparison: of the table's methods.
        covered: what the plan covers under another suite than the sweep's own; None under its own.
        validation: the table on the validation images that pick; None where there is none.
        chosen: what the table stands on, and what chose among its cells.
        few: what of the table's numbers is made by rungs that hardly attack.
        confirmed: how far what confirms the sweep is.
        answers: of the table's models to each image, as `with_certainty` takes them.
    """
    tables = {"trials.csv": table} | ({} if validation is None else {"validation.csv": validation})
    for name, rows in tables.items():
        write_csv(rows, staging / name)
    front = extract_front(
        table,
        objectives=objectives,
        reference_point=reference_point,
        keep_collapsed=False,
    )
    front = with_certainty(front, table, answers)
    paths = write_front(
        front,
        staging,
        placement=PLACEMENTS[0],
        of=FRONTS[0],
        note=_note(plan, covered, chosen),
        facts={"selection": chosen.record(), "few_steps": few.record()}
        | suite_facts(covered)
        | (confirmed.facts("own") if confirmed else {}),
    )
    its_tables = (staging / name for name in tables)
    staged = (*its_tables, *paths, *write_contrasts(comparison, staging))
    copy_into(staged, files, folder)
    return Results(
        front=front,
        table=table,
        images=images,
        validation=validation,
        answers=answers,
        covered=covered,
        fresh=None,
        comparison=comparison,
        chosen=chosen,
        few=few,
        confirmed=confirmed,
        staged=staged,
    )


def suite_facts(covered: Coverage | None) -> dict[str, Any]:
    """What `front.json` says under `suite`; empty where that is the sweep's own."""
    return {} if covered is None else {"suite": covered.record()}


def missing(plan: Plan) -> str:
    """Count the trials that the front is drawn without, and why: `3 of 26 trials missing: 2
    diverged, 1 pending`; empty where there are none."""
    asked_for = [planned for planned in plan.trials if planned.left_out is None]
    reasons = Counter(
        failure.kind if (failure := planned.progress.failure) else planned.status
        for planned in asked_for
        if planned.status != "done"
    )
    if not reasons:
        return ""
    why = ", ".join(f"{count} {reason.replace('_', ' ')}" for reason, count in reasons.items())
    return f"{reasons.total()} of {len(asked_for)} trials missing: {why}"


def measured_on(plan: Plan) -> str:
    """Say in brief what a plan's models are measured on: the data, and how far each category's
    attack reaches."""
    evaluations = [planned.evaluation for planned in plan.trials if planned.evaluation]
    reach = evaluations[0].reach if evaluations else {}
    return ", ".join([plan.trials[0].trial.data.name, *(f"{k} {v}" for k, v in reach.items())])


def small_print(plan: Plan, chosen: str) -> str:
    """Say in brief what a picture of a plan stands on: the data and how far attacks reach, what
    chose, and what is missing."""
    return ", ".join(filter(None, (measured_on(plan), chosen, missing(plan))))


def _note(plan: Plan, covered: Coverage | None, chosen: Choice) -> str:
    """Small print of the picture: the data, how far each category's attack reaches, what chose,
    what is missing; for another suite a second line says on how many trials it was tried."""
    note = small_print(plan, chosen.note())
    if covered is not None:
        note += "\n" + "; ".join(text for _, text in covered.lines())
    return note
