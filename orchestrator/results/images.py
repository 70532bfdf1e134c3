"""On which images the numbers of a sweep's table stand, and which of them pick.

Of the images of a data set some train, half of the held-out ones steer (stopping rules and searches
look at them), the other half pick (the front of cells, its knee, and what follows from these), and
the test set is read when all of that is over. A test number seen earlier would lead the next one.
"""

from __future__ import annotations

from typing import Literal

from orchestrator.plan.plan import Plan
from orchestrator.plan.search_progress import yet_to_come
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store.trials.records import Evaluation, OnImages

Images = Literal["suite", "picking", "steering"]
"""All images of the sweep's own suite, or one half of the validation images."""

FEWEST_TO_PICK_BY = 1_000
"""Number of picking images below which a pick is unreliable: of 359 images' front of single trials
58 % were on the front of 359 others, and a robust accuracy of 30 % has a standard error of 1.4
points by 1,000 images."""


UNDER_WAY = frozenset({"pending", "running", "stopped"})
"""Statuses of trials that are still to come to an end."""


def is_complete(spec: SweepSpec, plan: Plan) -> bool:
    """Whether nothing of a plan is left to do, failed trials apart, its search has ended, and so
    has what confirms it, where that is asked for."""
    is_to_come = is_to_confirm(spec, plan, retry_failed=False)
    return _is_at_its_end(spec, plan, retry_failed=False) and not is_to_come


def is_settled(spec: SweepSpec, plan: Plan) -> bool:
    """Whether the numbers of a plan's own trials are final: its sweep is complete, and under
    another suite no trial is still to be trained or evaluated, but for those off the front."""
    return is_complete(spec, plan) and not any(it.left_out in UNDER_WAY for it in plan.trials)


def is_to_confirm(spec: SweepSpec, plan: Plan, *, retry_failed: bool) -> bool:
    """Whether nothing is left to do of a sweep's own trials, so that cells can be kept of it, to be
    confirmed, and none are yet.

    Args:
        retry_failed: whether failed trials are left to do.
    """
    is_asked_for = spec.confirm is not None and spec.reevaluation is None
    is_due = is_asked_for and plan.confirmation is None
    return is_due and _is_at_its_end(spec, plan, retry_failed=retry_failed)


def is_confirmed(spec: SweepSpec, plan: Plan) -> bool:
    """Whether cells of a sweep were kept, and nothing of what confirms them is left to do, failed
    trials apart; under another suite than the sweep's own, neither is any evaluation."""
    if plan.confirmation is None:
        return False
    if spec.reevaluation is None:
        return is_complete(spec, plan)
    trials = plan.confirmation.trials
    to_do = {planned.id for planned in plan.pending(retry_failed=False)}
    return not any(it.id in to_do or it.left_out in UNDER_WAY for it in trials)


def _is_at_its_end(spec: SweepSpec, plan: Plan, *, retry_failed: bool) -> bool:
    has_more = next(yet_to_come(spec, plan), None) is not None
    return not plan.pending(retry_failed=retry_failed) and not has_more


def showable_images(spec: SweepSpec, plan: Plan) -> Images:
    """Return the images whose numbers people may be shown: validation images that pick, until the
    sweep is complete, unless it selects on its test set, or its own suite is of validation images.
    Under another suite than the sweep's own there is nothing left to choose."""
    is_free = spec.suite.split == "validation" or spec.selection == "test"
    is_shown = is_free or is_of_before(plan) or spec.reevaluation is not None
    return "suite" if is_shown or is_complete(spec, plan) else "picking"


def is_of_before(plan: Plan) -> bool:
    """Whether the trials of a plan are of a version before, no model of which was evaluated on
    validation images: their test numbers were shown already."""
    return not any(planned.validation for planned in plan.trials) and any(
        planned.is_to_be_validated for planned in plan.trials
    )


def picking_images(spec: SweepSpec, shown: Images) -> Images:
    """Return the images by which a sweep selects: its test set, where it is to, and where numbers
    of that are shown."""
    return "suite" if spec.selection == "test" and shown == "suite" else "picking"


def on_half(evaluation: Evaluation, images: Literal["picking", "steering"]) -> OnImages:
    """Return how a model did on one half of the validation images; on all of them where the
    evaluation is of before the halves were told apart, or its images are all of one half."""
    if evaluation.halves is None:
        return evaluation.on_all
    return evaluation.halves.picking if images == "picking" else evaluation.halves.steering
