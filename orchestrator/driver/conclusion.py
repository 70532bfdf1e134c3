"""What a start leaves at its end: results, what the tracker hears of them, and no more weights than
are kept."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from orchestrator.driver.retention import keep_front_alone
from orchestrator.driver.tracked_trials import starts_elsewhere, track_front, track_trials
from orchestrator.plan.manifest import write_manifest
from orchestrator.plan.plan import Plan
from orchestrator.report.confirmed_files import NAMES, write_confirmed
from orchestrator.report.front_files import copy_into
from orchestrator.report.fronts_beside import columns_of_fronts
from orchestrator.report.results import FreshResults, Results, write_results
from orchestrator.report.sweep_comparison import sweep_comparison
from orchestrator.results.answers import answers
from orchestrator.results.choice import choice
from orchestrator.results.confirmation import (
    Confirmed,
    confirmed,
    confirmed_table,
    record_confirmed,
)
from orchestrator.results.few_steps import few_steps
from orchestrator.results.images import Images, is_complete
from orchestrator.results.reevaluation import coverage
from orchestrator.results.shown import record_shown
from orchestrator.results.trials_table import table_on, trials_table, validation_table
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store import Store
from orchestrator.table.columns import SELECTED
from orchestrator.tracking import Tracker


def conclude(
    spec: SweepSpec, plan: Plan, store: Store, tracker: Tracker, *, start: str
) -> tuple[Results, bool]:
    """Write the results of a plan as it stands, tell the tracker of them, and drop the weights that
    the sweep does not keep. Return the results, and whether the tracker took everything.

    Args:
        spec: all that the table, the front and the kept weights depend on.
        start: folder of this start.
    """
    files = store.files
    write_manifest(files, spec.folder, plan)
    images = record_shown(spec, plan, files)
    images_confirmed = record_confirmed(spec, plan, files)  # before reads are counted
    table = trials_table(spec, plan, images)
    validation = None if spec.choice_suite is None else validation_table(spec, plan, images)
    chosen = choice(spec, plan, files, images, counts_reads=True)
    covered = coverage(spec, plan)
    fresh = confirmed(spec, plan, files, images_confirmed)
    comparison = sweep_comparison(spec, plan, table, images, chosen=chosen, fresh=fresh)
    with tempfile.TemporaryDirectory(prefix="front-") as staging:
        results = write_results(
            plan,
            table,
            images,
            files,
            folder=spec.folder,
            staging=Path(staging),
            objectives=spec.objectives,
            reference_point=spec.reference_point,
            comparison=comparison,
            covered=covered,
            validation=validation,
            chosen=chosen,
            few=few_steps(spec, plan, store, images),
            confirmed=fresh,
            answers=answers(spec, plan, store, images, columns_of_fronts(spec.objectives)),
        )
        more, its_results = _leave_confirmed(
            spec, plan, store, fresh=fresh, images=images_confirmed, staging=Path(staging)
        )
        results = replace(results, fresh=its_results, staged=(*results.staged, *more))
        theirs = starts_elsewhere(files, spec.name, start)
        names = plan.names()
        track_trials(tracker, store, plan.trials, table, names=names, theirs=theirs)
        if (its := plan.of_confirmation("confirm", "parent")).trials:
            rows = table_on(spec, its, images_confirmed)
            track_trials(tracker, store, its.trials, rows, names=names, theirs=theirs)
        is_over = spec.reevaluation is None and is_complete(spec, plan)
        if is_over and spec.policy.retention.weights == "front":
            kept = {*results.front.points["trial_id"], *table["trial_id"][table[SELECTED]]}
            keep_front_alone(store, plan, sweep=spec.name, kept=kept, others=theirs)
        track_front(tracker, results.front, results.staged)
        return results, tracker.close()  # which waits until the files are sent


def _leave_confirmed(
    spec: SweepSpec,
    plan: Plan,
    store: Store,
    *,
    fresh: Confirmed | None,
    images: Images,
    staging: Path,
) -> tuple[Sequence[Path], FreshResults | None]:
    """Write what is known of the models that confirm the sweep, and return its files in a local
    folder, and what they are made of; where there are none, delete what another sweep of the name
    has left.

    Args:
        images: whose numbers are shown of them.
    """
    files = store.files
    if fresh is None or fresh.id is None:
        for name in {*files.names(spec.folder)} & {*NAMES}:
            files.remove(f"{spec.folder}/{name}")
        return (), None
    names = columns_of_fronts(spec.objectives)
    table = confirmed_table(spec, plan, images)
    known = answers(spec, plan.of_confirmation("confirm"), store, images, names)
    paths, fronts = write_confirmed(
        fresh,
        table,
        staging,
        data=plan.trials[0].trial.data.name,
        objectives=spec.objectives,
        reference_point=spec.reference_point,
        answers=known,
    )
    copy_into(paths, files, spec.folder)
    return paths, FreshResults(table=table, fronts=fronts, answers=known)
