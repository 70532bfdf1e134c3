"""What a trial takes of its parents: the weights that it starts from, the schedule it replays."""

from __future__ import annotations

from torch import Tensor

from orchestrator.store import Store
from orchestrator.worker.failures import ParentError
from trainer.config import Trial
from trainer.weights.checkpoint import Weights


def start_of(trial: Trial, store: Store) -> Weights | None:
    """Read the weights from which a trial starts; None where these are its seed's.

    Raises:
        ParentError: they are not there (any more), or damaged.
    """
    if trial.start is None:
        return None
    return _weights(store, trial.start.trial, "from which it starts")


def schedule_of(trial: Trial, store: Store) -> Tensor | None:
    """Read the weights of losses that a trial replays; None where it replays none.

    Raises:
        ParentError: they are not there (any more), damaged, or were never kept.
    """
    if trial.replay is None:
        return None
    parent = trial.replay.trial
    weights = _weights(store, parent, "beside which is the schedule that it replays")
    if weights.step_weights is None:
        raise ParentError(
            f"the schedule of {parent}, which it replays, must be beside that one's weights: it "
            f"was trained, in part at least, by a version that did not keep one; delete its folder "
            f"in the storage to have it trained again"
        )
    return weights.step_weights


def _weights(store: Store, parent: str, why: str) -> Weights:
    weights = store.trial(parent).weights()
    if weights is None:
        raise ParentError(
            f"the weights of {parent}, {why}, must be in the store: they are damaged, were given "
            f"up, or are not trained yet"
        )
    return weights
