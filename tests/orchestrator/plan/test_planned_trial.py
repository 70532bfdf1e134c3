"""What follows from how far a planned trial has come."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from orchestrator.plan.planned_trial import NOTHING
from orchestrator.store.trials.progress import BestProgress
from orchestrator.store.trials.records import Result, Trained
from tests.orchestrator.working import MakeTrial, planned

DONE = Result(
    **dict(Trained(epochs=1, seconds=1.0, collapsed=False, degraded=False)),
    attempt=1,
    bytes=1,
    at="2026-01-01T00:00:00+00:00",
)
WATCHED = BestProgress(key="here", result=DONE, evaluation=None)
TO_BE_FOUND = BestProgress(key="here", result=None, evaluation=None)


@pytest.mark.parametrize(
    ("progress", "rows_of", "has_other_rows"),
    [
        ({"result": DONE, "rows_of": "here"}, "here", False),
        ({"result": DONE, "rows_of": "elsewhere"}, "elsewhere", True),
        ({"result": DONE}, None, False),
        ({"rows_of": "elsewhere"}, "elsewhere", False),
        ({"result": DONE, "rows_of": "elsewhere", "best": WATCHED}, "here", False),
        ({"result": DONE, "rows_of": "elsewhere", "best": TO_BE_FOUND}, "elsewhere", False),
    ],
    ids=["own", "others'", "unknown", "not trained", "trained again for best", "to be"],
)
def test_rows_are_others_where_trained_under_other_settings_of_validation_alone(
    small_trial: MakeTrial, progress: dict[str, Any], rows_of: str | None, has_other_rows: bool
) -> None:
    it = replace(
        planned(small_trial()), validation_id="here", progress=replace(NOTHING, **progress)
    )
    assert (it.rows_of, it.has_other_rows) == (rows_of, has_other_rows)
