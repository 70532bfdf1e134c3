"""The comparison of a sweep's methods, on what its numbers stand on as it is now."""

from __future__ import annotations

import pandas as pd

from orchestrator.plan.plan import Plan
from orchestrator.report.contrasts import MODELS, Comparison, compared
from orchestrator.results.choice import Choice
from orchestrator.results.confirmation import Confirmed, confirmed_table
from orchestrator.results.images import Images, is_settled
from orchestrator.results.reevaluation import coverage
from orchestrator.results.trials_table import choosing_table
from orchestrator.spec.space import REFERENCE
from orchestrator.spec.sweep_spec import SweepSpec


def sweep_comparison(
    spec: SweepSpec,
    plan: Plan,
    table: pd.DataFrame,
    images: Images,
    *,
    chosen: Choice,
    fresh: Confirmed | None,
) -> Comparison:
    """Compare the methods: on what confirms the sweep once that is complete, on its own trials
    before. The best other method is the one that its own trials have on the images that choose.

    Args:
        table: of its own trials.
        images: on which that stands.
    """
    is_confirmed = fresh is not None and fresh.is_complete
    shown_before = fresh.shown_before if fresh and is_confirmed else chosen.shown_before
    return compared(
        confirmed_table(spec, plan, "suite") if is_confirmed else table,
        pairs=spec.contrasts.pairs,
        margin=spec.contrasts.margin,
        largest_sacrifice=spec.contrasts.largest_sacrifice,
        choosing=choosing_table(spec, plan, images),
        controls=spec.contrasts.controls,
        reference=REFERENCE,
        covered=coverage(spec, plan),
        models=fresh.models if fresh and is_confirmed else MODELS,
        is_confirmed=is_confirmed,
        is_claim_suite=spec.suite.claim,
        is_exploratory=shown_before is not None,
        is_complete=is_confirmed or is_settled(spec, plan),
        weights=spec.policy.weights,
    )
