"""The story of one trial: how its attempts went, why it waits and what a person can do."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.status.display import story_lines
from orchestrator.status.observer import Observer
from orchestrator.status.trial_story import Story, story
from orchestrator.store import Attempt, Store
from orchestrator.store.leases.records import Pruned
from orchestrator.store.records.layout import AttemptFolder
from orchestrator.store.records.version import enter
from tests.orchestrator.conftest import Begin, Finish, Read
from tests.orchestrator.plain import read_plain, write_plain

SWEEP = """\
data: digits
training: {epochs: 4}
stopping: {collapse: {epochs: 2}}
methods:
  pgd: {}
  tuned: {method: pgd, start: {from: {method: pgd}}}
evaluation: {pgd: {ladder: [1, 2]}, flow: null, rt: null}
"""
PGD, TUNED = 1, 2  # in the plan, after the reference

PRUNED = Pruned(
    rule="collapse", settings={"rule": "collapse", "epochs": 2}, reason="so", numbers={}
)

Tell = Callable[[int], Story]


@pytest.fixture
def spec(read: Read, store: Store) -> SweepSpec:
    enter(store.files)
    return read(SWEEP)


@pytest.fixture
def tell(spec: SweepSpec, store: Store) -> Tell:
    """Tell the story of one of the plan's trials, as the store has it now."""

    def story_of(number: int) -> Story:
        snapshot = Observer(spec, store.files).look()
        return story(spec, snapshot, snapshot.plan.trials[number], store)

    return story_of


@pytest.fixture
def attempt(spec: SweepSpec, store: Store, begin: Begin) -> Callable[[int], Attempt]:
    """Begin an attempt at one of the plan's trials."""
    plan = Observer(spec, store.files).look().plan
    return lambda number: begin(plan.trials[number].trial)


def change_owner(store: Store, attempt: Attempt, **values: str) -> None:
    name = AttemptFolder(attempt.folder).lease
    record = read_plain(store.files, name)
    assert record is not None
    since = "2020-01-01T00:00:00+00:00"
    write_plain(store.files, name, {**record, "since": since, "owner": record["owner"] | values})


def end_process(store: Store, attempt: Attempt) -> None:
    """Leave the attempt as one of a process of this machine that has been killed."""
    change_owner(store, attempt, started="before that")


def fall_silent(store: Store, attempt: Attempt) -> None:
    """Leave the attempt as one of another machine of which nothing was heard for years."""
    change_owner(store, attempt, machine="another", host="far")


def test_a_child_waits_for_its_parent(tell: Tell) -> None:
    parent = tell(PGD)
    assert parent.status == "pending"
    assert tell(TUNED).next[:3] == (
        f"to do: waits for {parent.trial_id}, then 4 epochs from its weights, evaluation",
        f"waits for its parent {parent.trial_id} (pgd seed=0), which is pending",
        "before it in the order: 2 others",
    )


def test_a_child_whose_parent_is_given_up_waits_for_a_person(
    tell: Tell, attempt: Callable[[int], Attempt]
) -> None:
    attempt(PGD).fail("diverged", "losses must be finite", "")
    parent, child = tell(PGD), tell(TUNED)
    assert parent.attempts[0].how == "failed: diverged"
    assert child.next[1:] == (
        f"waits for its parent {parent.trial_id} (pgd seed=0), which is failed",
        f"that one is not tried again by itself: --why {parent.trial_id} says what to do",
    )


def test_a_child_began_from_its_parents_weights(
    spec: SweepSpec, tell: Tell, attempt: Callable[[int], Attempt], finish: Finish, store: Store
) -> None:
    trial = Observer(spec, store.files).look().plan.trials[PGD].trial
    finish(trial, spec.suite, [1, 1], {"pgd": [[1, 0], [0, 0]]})
    attempt(TUNED).end("stopped")
    (first,) = tell(TUNED).attempts
    assert first.origin == f"from the weights of {trial.id}"
    assert tell(PGD).attempts[0].origin == "from the beginning"
    assert tell(PGD).next == ("nothing is left to do",)


def test_a_trial_of_before_that_lacks_validation_is_not_called_over(
    tell: Tell, spec: SweepSpec, store: Store, finish: Finish
) -> None:
    planned = Observer(spec, store.files).look().plan.trials[PGD]
    finish(planned.trial, spec.suite, [1, 1], {"pgd": [[1, 0], [0, 0]]})
    assert tell(PGD).next == ("nothing is left to do",)
    assert spec.choice_suite is not None
    store.files.remove(f"trials/{planned.id}/evaluations/{spec.choice_suite.id}.json")
    told = tell(PGD)
    assert told.status == "done"
    assert told.next[0] == "to do: evaluation on validation images"
    assert told.next[-1].startswith("nobody runs the sweep now: ")


def test_a_pruned_trial_says_by_which_rule_and_how_to_go_on(
    tell: Tell, attempt: Callable[[int], Attempt]
) -> None:
    ended = attempt(PGD)
    ended.note(pruned=PRUNED)
    ended.end("pruned")
    said = tell(PGD)
    assert said.status == "pruned"
    assert said.pruned is not None
    assert said.attempts[0].how == "pruned by the rule collapse: so"
    assert said.next == (
        "nothing is left to do while stopping.collapse ends it",
        "under a weaker rule, or with --set stopping.collapse=null, the next start takes it up",
    )
    assert ("pruned", said.pruned) in [(title, text) for title, text in story_lines(said)]


def test_an_attempt_that_fell_silent_is_taken_over_later(
    tell: Tell, attempt: Callable[[int], Attempt], store: Store
) -> None:
    silent = attempt(PGD)
    fall_silent(store, silent)
    said = tell(PGD)
    assert said.attempts[0].how == "silent since 2020-01-01T00:00:00+00:00"
    assert said.next == ("a start takes it over once it has heard nothing for 60 s",)


def test_attempts_that_nobody_let_go_are_told_apart(
    tell: Tell, attempt: Callable[[int], Attempt], store: Store
) -> None:
    first = attempt(PGD)
    end_process(store, first)
    second = attempt(PGD)
    fall_silent(store, first)
    end_process(store, second)
    said = tell(PGD)
    assert [each.how for each in said.attempts] == [
        "taken over for want of a sign of life",
        "its process is gone",
    ]
    assert [each.who for each in said.attempts] == [
        f"process {os.getpid()} on far",
        f"process {os.getpid()} on {os.uname().nodename}",
    ]
