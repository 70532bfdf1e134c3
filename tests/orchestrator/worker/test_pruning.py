"""Trials that stopping rules end, on real digits: what is kept of them, and who takes them up."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.execution.backend import RealTime
from orchestrator.execution.queue import Queue
from orchestrator.search.stopping import restored
from orchestrator.spec.policy import Policy
from orchestrator.store import Store
from orchestrator.store.records.layout import TrialFolder
from orchestrator.store.trials.result import give_up_weights
from orchestrator.worker.trial import Ending
from tests.orchestrator.working import MakeTrial, mission, on_digits, planned, run, small_suite
from trainer.config import Trial
from trainer.evaluation.suite import Suite

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def suite() -> Suite:
    return small_suite(examples=8)


@pytest.fixture
def trial(small_trial: MakeTrial) -> Trial:
    """A trial of three epochs."""
    return on_digits(small_trial)


def own(epoch: int, kind: str = "From") -> dict[str, Any]:
    """A rule that ends every trial that has so many epochs."""
    return {"own": {"rule": f"tests.orchestrator.search.stopping.own_rules:{kind}", "epoch": epoch}}


def under(rules: dict[str, Any], **policy: Any) -> Any:
    """A mission under rules."""
    return mission(Policy.model_validate({"lease": 600.0, "stopping": rules, **policy}))


def test_its_checkpoint_is_kept_and_nothing_is_trained_twice(
    trial: Trial, suite: Suite, store: Store
) -> None:
    rare = {"checkpoints": {"epochs": 3}}
    assert run(trial, suite, store, under(own(2), **rare)) == (Ending.PRUNED, [1, 2])
    assert store.trial(trial.id).progress("").epochs_done == 2
    assert run(trial, suite, store, under(own(2))) == (Ending.PRUNED, []), "asked before a step"
    assert run(trial, suite, store, under(own(3))) == (Ending.PRUNED, [3]), "not evaluated either"
    assert store.trial(trial.id).progress("").epochs_done == 3
    assert not store.trial(trial.id).progress("").trained
    assert run(trial, suite, store) == (Ending.DONE, [])
    assert [row["epoch"] for row in store.trial(trial.id).rows()] == [1, 2, 3]


def test_what_is_trained_is_not_pruned_any_more(trial: Trial, suite: Suite, store: Store) -> None:
    assert run(trial, suite, store)[0] is Ending.DONE
    assert run(trial, small_suite(examples=4), store, under(own(1))) == (Ending.DONE, [])
    give_up_weights(store.files, TrialFolder.of(trial.id))
    again = run(trial, small_suite(examples=6), store, under(own(1)))
    assert again == (Ending.DONE, [1, 2, 3]), "trained anew, for another suite"


def test_a_rule_that_raises_fails_the_trial(trial: Trial, suite: Suite, store: Store) -> None:
    assert run(trial, suite, store, under(own(1, "Raising"))) == (Ending.FAILED, [])
    failure = store.trial(trial.id).progress("").failure
    assert failure is not None
    assert failure.kind == "exception"
    assert "no such column" in failure.message


def test_another_start_leaves_it_by_equal_rules_and_goes_on_without(
    trial: Trial, suite: Suite, store: Store
) -> None:
    """Of starts with other rules, whoever runs the trial asks its own."""
    rules = under(own(1)).policy.stopping

    def queue(stopping: dict[str, Any]) -> Queue:
        return Queue(
            [planned(trial)],
            store,
            suite_id=suite.id,
            validation_id=None,
            lease=60.0,
            retries=0,
            clock=RealTime().clock,
            rules=restored(stopping),
        )

    equal, weaker, none = queue(rules), queue(own(2)), queue({})
    assert run(trial, suite, store, under(own(1))) == (Ending.PRUNED, [1])
    assert equal.next() is None
    assert equal.is_over()
    assert weaker.next() == (planned(trial), 2)
    assert none.next() == (planned(trial), 2)
    assert none.ended(trial.id, Ending.PRUNED), "its own"
