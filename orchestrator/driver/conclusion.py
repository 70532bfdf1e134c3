"""What a start leaves at its end: results, what the tracker hears of them, and no more weights than
are kept."""

from __future__ import annotations

import tempfile
from pathlib import Path

from orchestrator.driver.retention import keep_front_alone
from orchestrator.driver.tracked_trials import starts_elsewhere, track_front, track_trials
from orchestrator.plan.manifest import write_manifest
from orchestrator.plan.plan import Plan
from orchestrator.report.contrasts import compared
from orchestrator.report.results import Results, write_results
from orchestrator.results.choice import choice
from orchestrator.results.few_steps import few_steps
from orchestrator.results.images import is_complete
from orchestrator.results.reevaluation import coverage
from orchestrator.results.shown import record_shown
from orchestrator.results.trials_table import choosing_table, trials_table, validation_table
from orchestrator.spec.space import REFERENCE
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
    write_manifest(files, spec, plan)
    images = record_shown(spec, plan, files)
    table = trials_table(spec, plan, images)
    validation = None if spec.choice_suite is None else validation_table(spec, plan, images)
    chosen = choice(spec, plan, files, images, counts_reads=True)
    covered = coverage(spec, plan)
    comparison = compared(
        table,
        pairs=spec.contrasts.pairs,
        margin=spec.contrasts.margin,
        largest_sacrifice=spec.contrasts.largest_sacrifice,
        choosing=choosing_table(spec, plan, images),
        reference=REFERENCE,
        covered=covered,
        is_claim_suite=spec.suite.claim,
        is_exploratory=chosen.shown_before is not None,
    )
    with tempfile.TemporaryDirectory(prefix="front-") as staging:
        results = write_results(
            plan,
            table,
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
        )
        theirs = starts_elsewhere(files, spec.name, start)
        track_trials(tracker, store, plan, table, theirs=theirs)
        is_over = spec.reevaluation is None and is_complete(spec, plan)
        if is_over and spec.policy.retention.weights == "front":
            kept = {*results.front.points["trial_id"], *table["trial_id"][table[SELECTED]]}
            keep_front_alone(store, plan, sweep=spec.name, kept=kept, others=theirs)
        track_front(tracker, results.front, results.staged)
        return results, tracker.close()  # which waits until the files are sent
