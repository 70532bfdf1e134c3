"""Which images' numbers a sweep shows, and the ledger of when it showed those of a test set.

Whoever sees test numbers and goes on choosing does so by them, whichever command showed them. So
nothing shows them that is not in the ledger: a start of the sweep records that they are shown, and
then shows them; commands that only read, such as `status`, `front` and `compare`, show what a start
has recorded, and until then the validation images that pick.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from orchestrator.plan.plan import Plan
from orchestrator.results.images import Images, is_of_before, showable_images
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store import Files
from orchestrator.store.sweeps.ledger import read_of, record_read
from orchestrator.store.sweeps.records import ReadOfTest
from trainer.input.settings import content_id


def shown_images(spec: SweepSpec, plan: Plan, files: Files) -> Images:
    """Return the images whose numbers are shown by a command that only reads."""
    images = showable_images(spec, plan)
    if not _is_to_be_recorded(spec, plan, images) or is_of_before(plan):
        return images
    is_recorded = read_of(files, spec.name, question(spec, plan)) is not None
    return images if is_recorded else "picking"


def record_shown(spec: SweepSpec, plan: Plan, files: Files) -> Images:
    """Return the images whose numbers a start shows. Where these are test images, it is recorded in
    the store's ledger."""
    images = showable_images(spec, plan)
    if _is_to_be_recorded(spec, plan, images):
        done = sum(planned.evaluation is not None for planned in plan.trials)
        now = datetime.now(UTC).isoformat(timespec="microseconds")  # two reads have an order
        read = ReadOfTest(at=now, suite=spec.suite.id, data=data_names(plan), trials=done)
        record_read(files, spec.name, question(spec, plan), read)
    return images


def question(spec: SweepSpec, plan: Plan) -> str:
    """Name all that test numbers are chosen and compared by, what validation looks at among it:
    equal names, the same question."""
    trials = sorted(planned.earlier_id for planned in plan.trials)
    content = {"trials": trials, "selection": spec.selection} | compared_by(spec)
    if (weights := spec.policy.weights) != "last":  # as all were before there were others
        content["weights"] = weights
    return content_id("r", content)


def compared_by(spec: SweepSpec) -> dict[str, Any]:
    """Return by what methods are compared in the end, as values of JSON."""
    contrasts = asdict(spec.contrasts)
    del contrasts["controls"]  # follow from the pairs and the trials
    return {
        "suite": spec.suite.id,
        "objectives": [str(objective) for objective in spec.objectives],
        "contrasts": contrasts,
    }


def data_names(plan: Plan) -> dict[str, str]:
    """Return the names of the plan's data sets by their fingerprints."""
    return {planned.trial.fingerprint: planned.trial.data.name for planned in plan.trials}


def _is_to_be_recorded(spec: SweepSpec, plan: Plan, images: Images) -> bool:
    """Whether these images are a test set of which there are numbers."""
    has_numbers = any(planned.evaluation is not None for planned in plan.trials)
    return images == "suite" and spec.suite.split == "test" and has_numbers
