"""What a trial takes of its parents, and what is said where it is not there."""

from __future__ import annotations

import pytest
import torch

from orchestrator.store import Store
from orchestrator.store.trials.records import Trained
from orchestrator.worker.failures import ParentError
from orchestrator.worker.parents import schedule_of, start_of
from tests.orchestrator.conftest import Begin
from tests.orchestrator.working import MakeTrial
from trainer.weights.checkpoint import Weights


@pytest.mark.parametrize("schedule", [torch.tensor([[0.5, 0.5], [0.25, torch.nan]]), None])
def test_a_schedule_is_read_beside_the_weights(
    small_trial: MakeTrial, store: Store, begin: Begin, schedule: torch.Tensor | None
) -> None:
    parent = small_trial(method={"method": "pgd", "natural_weight": 0.5})
    child = small_trial(replay={"trial": parent.id}, start={"trial": parent.id})
    for read in (start_of, schedule_of):
        assert read(parent, store) is None
        with pytest.raises(ParentError, match=rf"{parent.id}.* not trained yet"):
            read(child, store)
    weights = Weights(
        trial=parent.record(),
        model={"weight": torch.ones(1)},
        image_shape=(1, 8, 8),
        num_classes=10,
        step_weights=schedule,
    )
    begin(parent).publish(weights, Trained(epochs=3, seconds=1.0), keeps_last=False)
    start = start_of(child, store)
    assert start is not None
    if schedule is None:
        with pytest.raises(ParentError, match=r"a version that did not keep one; delete its"):
            schedule_of(child, store)
        return
    read_back = schedule_of(child, store)
    assert read_back is not None
    assert torch.equal(read_back.nan_to_num(-1.0), schedule.nan_to_num(-1.0))
