"""A recording as the plan of its sweep, from which the project's own tables follow."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from orchestrator.plan.plan import Plan, make_plan
from orchestrator.plan.planned_trial import PlannedTrial
from orchestrator.report.contrasts import Comparison, compared
from orchestrator.results.images import Images, is_complete, showable_images
from orchestrator.results.trials_table import (
    choosing_table,
    trials_table,
    validation_table,
)
from orchestrator.spec.space import REFERENCE
from orchestrator.spec.sweep_spec import SweepSpec, read_spec
from orchestrator.store import LocalFiles, Progress, Store
from tests.bench.comparison.recording import Measured, RecordedTrial, Recording
from trainer.input.settings import plain


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """A recorded sweep with its tables: as its last lines and files would have them."""

    recording: Recording
    spec: SweepSpec
    plan: Plan
    images: Images  # that may be shown: the test images once the sweep is complete
    table: pd.DataFrame  # on these
    validation: pd.DataFrame  # on the validation images that pick

    @property
    def is_complete(self) -> bool:
        """Whether nothing of the sweep is left to do."""
        return is_complete(self.spec, self.plan)

    @property
    def is_on_test(self) -> bool:
        """Whether the table stands on the test images."""
        return self.images == "suite" and self.spec.suite.split == "test"

    def comparison(self) -> Comparison:
        """Compare the methods as the sweep does at its end."""
        contrasts = self.spec.contrasts
        return compared(
            self.table,
            pairs=contrasts.pairs,
            margin=contrasts.margin,
            largest_sacrifice=contrasts.largest_sacrifice,
            choosing=choosing_table(self.spec, self.plan, self.images),
            controls=contrasts.controls,
            reference=REFERENCE,
            covered=None,
            is_claim_suite=self.spec.suite.claim,
            is_exploratory=False,
            is_complete=self.is_complete,
        )


def replanned(recording: Recording) -> Recorded:
    """Plan the recorded sweep again, with the progress that its recording has.

    Trials are found by method, settings and seed, so that a recording outlives changes of ids.

    Raises:
        KeyError: the plan has a trial of which the recording has none.
    """
    with tempfile.TemporaryDirectory(prefix="recorded-") as folder:
        path = Path(folder) / "recorded.yaml"
        path.write_text(recording.spec, encoding="utf-8")
        spec = read_spec(str(path), [f"storage={folder}/runs", "tracking=none"], {})
        store = Store(LocalFiles(Path(folder) / "runs"))
        plan = make_plan(spec, store, fingerprint_of=lambda _: recording.fingerprint)
    found = {_place(it.method, it.settings, it.seed): it for it in recording.trials}
    trials = tuple(
        _with_progress(it, found[_place(it.method, it.settings, it.trial.seed)])
        for it in plan.trials
    )
    plan = replace(plan, trials=trials)
    images = showable_images(spec, plan)
    return Recorded(
        recording=recording,
        spec=spec,
        plan=plan,
        images=images,
        table=trials_table(spec, plan, images),
        validation=validation_table(spec, plan, images),
    )


def _place(method: str, settings: Mapping[str, Any], seed: int) -> str:
    return json.dumps([method, plain(dict(settings)), seed], sort_keys=True)


def _with_progress(planned: PlannedTrial, recorded: RecordedTrial) -> PlannedTrial:
    if recorded.status != "done":
        return replace(planned, id=recorded.id)
    progress = Progress(
        result=recorded.result,
        evaluation=_record(recorded.on_suite),
        validation=_record(recorded.on_validation),
        epochs_done=planned.trial.training.epochs,
        steps_done=0,
        lease=None,
    )
    return replace(planned, id=recorded.id, progress=progress, waits_for=())


def _record(it: Measured | None) -> Any:
    return None if it is None else it.record
