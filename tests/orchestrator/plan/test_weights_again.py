"""Weights that are made again: looked for generation by generation, each at once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from orchestrator.plan.plan import make_plan
from orchestrator.plan.planned_trial import NOTHING
from orchestrator.plan.weights_again import with_weights_again
from orchestrator.store import Store
from orchestrator.store.records.layout import TrialFolder
from orchestrator.store.trials.result import give_up_weights
from tests.orchestrator.conftest import Finish, Read
from tests.orchestrator.store.files.test_looks import Meeting

SWEEP = """\
data: digits
methods:
  first: {method: pgd}
  second: {method: pgd, start: {from: first}}
  third: {method: pgd, start: {from: second}}
seeds: [0, 1]
evaluation: {pgd: {ladder: [1, 2]}, flow: null, rt: null}
"""


def test_of_each_generation_all_are_looked_at_at_once(
    read: Read, store: Store, finish: Finish, tmp_path: Path
) -> None:
    """Third trials need second ones, whose weights are gone, and these the first ones."""
    spec = read(SWEEP)
    for planned in make_plan(spec, store).trials:
        if planned.method in {"first", "second"}:
            finish(planned.trial, spec.suite, [1, 1], {"pgd": [[1, 0], [0, 0]]})
            give_up_weights(store.files, TrialFolder.of(planned.id))
    begun = [replace(it, again=None) for it in make_plan(spec, store).trials]
    trials = [
        replace(it, progress=NOTHING if it.method == "third" else store.trial(it.id).progress(""))
        for it in begun
    ]
    meeting = Meeting(tmp_path / "runs", "result.json", parties=2)
    found = with_weights_again(trials, Store(meeting), spec.suite.id, retry_failed=False)
    again = {it.id: it.again for it in found if it.again is not None}
    assert len(again) == 4
    heirs = {it.parents[0]: it.id for it in trials if it.parents}
    assert again == {
        parent: f"its weights were given up, and {heir} needs them"
        for parent, heir in heirs.items()
    }
    assert meeting.met >= 2, "once for each generation"
