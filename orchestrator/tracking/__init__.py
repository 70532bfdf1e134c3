"""Records of a sweep for people to look at, in MLflow or nowhere."""

from __future__ import annotations

from pathlib import Path

from orchestrator.tracking.mlflow_tracker import MlflowTracker
from orchestrator.tracking.tracker import NoTracker, Tracker

OFF = "none"
EMBEDDED = "sqlite"

__all__ = ["MlflowTracker", "NoTracker", "Tracker", "open_tracker", "tracking_uri"]


def tracking_uri(tracking: str, storage: Path) -> str:
    """The MLflow URI that a specification's `tracking` stands for: `sqlite` is a database under
    the storage, anything else itself."""
    return f"sqlite:///{storage / 'mlflow.db'}" if tracking == EMBEDDED else tracking


def open_tracker(tracking: str, storage: Path, sweep: str) -> Tracker:
    """The tracker of a sweep; it connects in the background."""
    if tracking == OFF:
        return NoTracker()
    artifacts = storage / "mlflow-artifacts" if tracking == EMBEDDED else None
    return MlflowTracker(tracking_uri(tracking, storage), sweep, artifacts)
