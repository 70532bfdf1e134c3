"""Records of a sweep for people to look at, in MLflow or nowhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from orchestrator.tracking.database import database_uri
from orchestrator.tracking.mlflow_tracker import MlflowTracker
from orchestrator.tracking.tracker import NoTracker, TrackedTrial, Tracker

OFF = "none"
EMBEDDED = "sqlite"

__all__ = [
    "MlflowTracker",
    "NoTracker",
    "TrackedTrial",
    "Tracker",
    "is_understood",
    "open_tracker",
    "tracking_uri",
]


def is_understood(tracking: str) -> bool:
    """Whether `tracking` says where runs are kept: `none`, `sqlite` or a URI."""
    return tracking in {OFF, EMBEDDED} or "://" in tracking


def tracking_uri(tracking: str, storage: str) -> str:
    """The MLflow URI that a specification's `tracking` stands for: `sqlite` is a database under
    the storage, anything else itself."""
    return database_uri(f"{storage}/mlflow.db") if tracking == EMBEDDED else tracking


def open_tracker(
    tracking: str, storage: str, sweep: str, is_ours: Callable[[str], bool]
) -> Tracker:
    """The tracker of a sweep; it connects in the background.

    Args:
        is_ours: whether this process is to make a run that is not there yet, by its key.
    """
    if tracking == OFF:
        return NoTracker()
    artifacts = Path(storage) / "mlflow-artifacts" if tracking == EMBEDDED else None
    return MlflowTracker(tracking_uri(tracking, storage), sweep, artifacts, is_ours)
