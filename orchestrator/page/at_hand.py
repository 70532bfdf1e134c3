"""What a sweep has at hand for its page: its tables, the fronts over them, its comparison."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pandas as pd

from orchestrator.page.fronts import FRESH, OWN, NamedFront, NamedTable, fronts_over
from orchestrator.pareto.answers import Answers
from orchestrator.pareto.front import Front, extract_front
from orchestrator.pareto.sure_front import with_certainty
from orchestrator.plan.plan import Plan
from orchestrator.plan.planned_trial import PlannedTrial
from orchestrator.report.contrasts import Comparison
from orchestrator.report.fronts_beside import columns_of_fronts
from orchestrator.report.results import FreshResults, Results
from orchestrator.report.sweep_comparison import sweep_comparison
from orchestrator.results.answers import answers
from orchestrator.results.choice import Choice, choice
from orchestrator.results.confirmation import (
    Confirmed,
    confirmed,
    confirmed_images,
    confirmed_table,
)
from orchestrator.results.few_steps import FewSteps, few_steps
from orchestrator.results.images import Images
from orchestrator.results.reevaluation import Coverage, coverage
from orchestrator.results.shown import shown_images
from orchestrator.results.trials_table import trials_table, validation_table
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store import Store
from orchestrator.store.records.layout import TrialFolder
from orchestrator.table.columns import WeightsName
from trainer.input.redaction import redacted

PICKING = "validation images that pick"


@dataclass(frozen=True, kw_only=True, eq=False)
class AtHand:
    """A sweep's results, as its page is made of them."""

    spec: SweepSpec
    plan: Plan
    store: Store
    tables: tuple[NamedTable, ...]  # the one that is shown first is the first
    comparison: Comparison
    chosen: Choice
    few: FewSteps
    confirmed: Confirmed | None
    covered: Coverage | None


def as_concluded(spec: SweepSpec, plan: Plan, store: Store, results: Results) -> AtHand:
    """Return what a start has at hand at its end, where nothing is computed a second time."""
    return AtHand(
        spec=spec,
        plan=plan,
        store=store,
        tables=_tables(
            spec,
            plan,
            store,
            own=results.table,
            images=results.images,
            known=results.answers,
            front=results.front,
            validation=results.validation,
            confirmed=results.confirmed,
            fresh=results.fresh,
        ),
        comparison=results.comparison,
        chosen=results.chosen,
        few=results.few,
        confirmed=results.confirmed,
        covered=results.covered,
    )


def as_stored(spec: SweepSpec, plan: Plan, store: Store, *, unread: str = "") -> AtHand:
    """Gather a sweep's results as its storage has them, on the images whose numbers a command that
    only reads may show; nothing is changed.

    Args:
        unread: why the answers to single images are not read; empty: they are.
    """
    files = store.files
    images = shown_images(spec, plan, files)
    table = trials_table(spec, plan, images)
    chosen = choice(spec, plan, files, images, counts_reads=True)
    images_confirmed = confirmed_images(spec, plan, files)
    fresh = confirmed(spec, plan, files, images_confirmed)
    names = columns_of_fronts(spec.objectives)
    its = None
    if fresh is not None and fresh.id is not None:
        of_confirmation = plan.of_confirmation("confirm")
        its = FreshResults(
            table=confirmed_table(spec, plan, images_confirmed),
            fronts=(),
            answers=unread or answers(spec, of_confirmation, store, images_confirmed, names),
        )
    return AtHand(
        spec=spec,
        plan=plan,
        store=store,
        tables=_tables(
            spec,
            plan,
            store,
            own=table,
            images=images,
            known=unread or answers(spec, plan, store, images, names),
            front=None,
            validation=validation_table(spec, plan, images) if spec.choice_suite else None,
            confirmed=fresh,
            fresh=its,
        ),
        comparison=sweep_comparison(spec, plan, table, images, chosen=chosen, fresh=fresh),
        chosen=chosen,
        few=few_steps(spec, plan, store, images),
        confirmed=fresh,
        covered=coverage(spec, plan),
    )


def _tables(
    spec: SweepSpec,
    plan: Plan,
    store: Store,
    *,
    own: pd.DataFrame,
    images: Images,
    known: Answers | str,
    front: Front | None,
    validation: pd.DataFrame | None,
    confirmed: Confirmed | None,
    fresh: FreshResults | None,
) -> tuple[NamedTable, ...]:
    """Return the sweep's own models, these on the images that picked, where others are shown, and
    those that confirm it: first what the contrasts stand on."""
    split = spec.suite.split if images == "suite" else "validation"
    folders = dict(_folders(plan.every, spec, store))
    found = [
        NamedTable(
            models=OWN,
            images=f"{split} images" if images == "suite" else PICKING,
            split=split,
            table=own,
            fronts=_fronts(spec, own, known, [] if front is None else [front]),
            weights=folders,
        )
    ]
    if validation is not None and images == "suite":
        found.append(
            NamedTable(
                models=OWN,
                images=PICKING,
                split="validation",
                table=validation,
                fronts=_fronts(spec, validation, None, ()),
                weights=folders,
            )
        )
    if fresh is not None and confirmed is not None:
        its = NamedTable(
            models=FRESH,
            images=f"{confirmed.split} images",
            split=confirmed.split,
            table=fresh.table,
            fronts=_fronts(spec, fresh.table, fresh.answers, fresh.fronts),
            weights=folders,
        )
        found.insert(0 if confirmed.is_complete else len(found), its)
    return tuple(found)


def _fronts(
    spec: SweepSpec, table: pd.DataFrame, known: Answers | str | None, made: Iterable[Front]
) -> tuple[NamedFront, ...]:
    """Return the fronts of a table, the sweep's own first."""
    made = list(made)
    first = next((front for front in made if front.objectives == spec.objectives), None)
    if first is None:
        first = extract_front(
            table,
            objectives=spec.objectives,
            reference_point=spec.reference_point,
            keep_collapsed=False,
        )
        first = first if known is None else with_certainty(first, table, known)
    return fronts_over(table, first, known, made)


def _folders(
    trials: Iterable[PlannedTrial], spec: SweepSpec, store: Store
) -> Iterator[tuple[str, str]]:
    """Yield where the weights of each trial that is done lie, those that fronts stand on."""
    for planned in trials:
        place = _folder(planned, spec.policy.weights, store)
        if place is not None:
            yield planned.id, f"{redacted(spec.storage)}/{place}"


def _folder(planned: PlannedTrial, weights: WeightsName, store: Store) -> str | None:
    best = planned.progress.best if weights == "best" else None
    result = planned.progress.result if best is None else best.result
    if result is None or planned.status != "done":
        return None
    place = TrialFolder.of(planned.id, None if best is None else best.key)
    return store.files.place(place.attempt(result.attempt).weights).rpartition("/")[0]
