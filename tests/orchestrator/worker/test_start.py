"""Trials that start from the weights of others, on real digits, against training by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from orchestrator.spec.policy import Policy
from orchestrator.store import Store
from orchestrator.store.records.layout import TrialFolder
from orchestrator.store.trials.records import Predecessor
from orchestrator.store.trials.result import give_up_weights
from orchestrator.worker.trial import Ending
from tests.orchestrator.working import (
    CPU,
    MakeTrial,
    mission,
    on_digits,
    result_of,
    run,
    small_suite,
)
from trainer.config import Start, Trial, read_trial
from trainer.data import load
from trainer.evaluation.suite import Suite
from trainer.input.document import Document
from trainer.input.problems import BadInput
from trainer.training.loop import EpochRow, train
from trainer.weights.checkpoint import Checkpoint, Weights

pytestmark = pytest.mark.slow


class Silent:
    """Hears of steps and epochs, and does nothing."""

    def step_done(self, checkpoint: Callable[[], Checkpoint]) -> None: ...
    def epoch_done(self, row: EpochRow, checkpoint: Callable[[], Checkpoint]) -> None: ...


@pytest.fixture(scope="module")
def suite() -> Suite:
    return small_suite(examples=24)


@pytest.fixture
def parent(small_trial: MakeTrial) -> Trial:
    return on_digits(small_trial)


def child_of(parent: Trial, small_trial: MakeTrial, **sections: Any) -> Trial:
    """A trial of another method and two epochs, from the parent's weights."""
    child = on_digits(small_trial, "pgd", **{"training": {"epochs": 2}, **sections})
    return child.model_copy(update={"start": Start(trial=parent.id)})


def test_a_childs_record_is_read_back(parent: Trial, small_trial: MakeTrial) -> None:
    child = child_of(parent, small_trial)
    assert read_trial(Document.from_plain(child.record(), "test")) == child
    assert child.parents == (parent.id,)
    rootless = child.model_copy(update={"start": None})
    assert "start" not in rootless.content()
    assert "start" not in rootless.record()
    assert len({child.id, rootless.id, parent.id}) == 3
    assert child.family != rootless.family


def test_a_child_is_trained_as_by_hand_from_its_parents_weights(
    parent: Trial, small_trial: MakeTrial, suite: Suite, store: Store
) -> None:
    child = child_of(parent, small_trial)
    run(parent, suite, store)
    weights = store.trial(parent.id).weights()
    assert weights is not None
    assert run(child, suite, store) == (Ending.DONE, [1, 2])
    rootless = child.model_copy(update={"start": None})
    by_hand = train(
        rootless,
        load(child.data, CPU),
        device=CPU,
        reporter=Silent(),
        resume=None,
        start=weights,
        micro_batches=1,
    )
    trained = store.trial(child.id).weights()
    assert trained is not None
    assert trained.model.keys() == by_hand.state_dict().keys()
    for name, tensor in by_hand.state_dict().items():
        assert torch.equal(trained.model[name], tensor), name
    result = store.trial(child.id).progress("").result
    assert result is not None
    assert result.parents == (parent.id,)
    run(rootless, suite, store)
    own = store.trial(rootless.id).progress("").result
    assert own is not None
    assert own.parents is None
    assert result.passes == own.passes, "its own alone"


def test_a_child_whose_weights_do_not_move_does_what_its_parent_does(
    parent: Trial, small_trial: MakeTrial, suite: Suite, store: Store
) -> None:
    still = {"optimiser": {"name": "sgd", "learning_rate": 1e-30, "momentum": 0.0}, "epochs": 1}
    child = child_of(parent, small_trial, training=still)
    run(parent, suite, store)
    run(child, suite, store)
    mine, its = result_of(child, suite, store), result_of(parent, suite, store)
    assert mine["weights"] == its["weights"]
    assert (mine["natural"], mine["bits"]) == (its["natural"], its["bits"])


def test_a_child_goes_on_from_its_own_checkpoint_whatever_became_of_its_parent(
    parent: Trial, small_trial: MakeTrial, suite: Suite, store: Store
) -> None:
    child = child_of(parent, small_trial)
    run(parent, suite, store)
    own = {"own": {"rule": "tests.orchestrator.search.stopping.own_rules:From", "epoch": 1}}
    stopping = mission(Policy.model_validate({"lease": 600.0, "stopping": own}))
    assert run(child, suite, store, stopping) == (Ending.PRUNED, [1])
    give_up_weights(store.files, TrialFolder.of(parent.id))
    assert run(child, suite, store) == (Ending.DONE, [2])


def test_a_longer_child_goes_on_from_a_shorter_of_the_same_parent_alone(
    parent: Trial, small_trial: MakeTrial, suite: Suite, store: Store
) -> None:
    constant = {"optimiser": {"schedule": [[0, 1]]}}
    short = child_of(parent, small_trial, training={"epochs": 1, **constant})
    long = child_of(parent, small_trial, training={"epochs": 2, **constant})
    other = long.model_copy(update={"start": None})
    run(parent, suite, store)
    run(short, suite, store)
    assert run(long, suite, store) == (Ending.DONE, [2])
    origin = Predecessor.read(store.files, TrialFolder.of(long.id).attempt(1).origin)
    assert origin is not None
    assert origin.trial == short.id
    assert run(other, suite, store) == (Ending.DONE, [1, 2])


def test_without_its_parents_weights_a_child_fails_until_they_are_there(
    parent: Trial, small_trial: MakeTrial, suite: Suite, store: Store
) -> None:
    child = child_of(parent, small_trial)
    assert run(child, suite, store) == (Ending.FAILED, [])
    failure = store.trial(child.id).progress("").failure
    assert failure is not None
    assert (failure.kind, failure.is_deterministic, failure.is_retried) == ("parent", False, False)
    assert parent.id in failure.message
    run(parent, suite, store)
    assert run(child, suite, store) == (Ending.DONE, [1, 2])


def test_weights_of_another_network_are_refused(parent: Trial, small_trial: MakeTrial) -> None:
    child = child_of(parent, small_trial)
    alone: dict[str, Any] = {"device": CPU, "reporter": Silent(), "resume": None}
    with pytest.raises(BadInput, match=f"must be at hand, which are those of {parent.id}"):
        train(child, load(child.data, CPU), micro_batches=1, **alone)
    wrong = Weights(trial={}, model={"weight": torch.zeros(3)})
    with pytest.raises(BadInput, match=f"weights of {parent.id}"):
        train(child, load(child.data, CPU), micro_batches=1, start=wrong, **alone)
