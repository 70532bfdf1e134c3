"""Records of a sweep for people to look at, in MLflow or nowhere."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

from orchestrator.tracking.database import database_uri
from orchestrator.tracking.mlflow_tracker import MlflowTracker
from orchestrator.tracking.tracker import NoTracker, TrackedTrial, Tracker

OFF = "none"
EMBEDDED = "sqlite"

SCHEMES = frozenset(
    {"http", "https", "file", "sqlite", "postgresql", "mysql", "mssql"}
    | {"databricks", "databricks-uc", "uc"}
)
"""Beginnings of URIs at which MLflow keeps runs (3.17); a driver may follow (`mysql+pymysql`)."""

PLUGINS = "mlflow.tracking_store"
"""Group of entry points by which other packages add schemes to MLflow."""

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
    """Whether `tracking` says where runs are kept: `none`, `sqlite`, or a URI of a kind that MLflow
    knows, by itself or by a plugin, which leads somewhere (`sqlite://` is a database in memory)."""
    if tracking in {OFF, EMBEDDED}:
        return True
    scheme, separator, place = tracking.partition("://")
    kind = scheme.partition("+")[0]
    is_known = kind in SCHEMES or any(it.name == kind for it in entry_points(group=PLUGINS))
    return bool(separator) and is_known and place.strip("/") not in {"", ":memory:"}


def tracking_uri(tracking: str, storage: str) -> str:
    """Return the MLflow URI that a specification's `tracking` stands for: `sqlite` is a database
    under the storage, anything else itself."""
    return database_uri(f"{storage}/mlflow.db") if tracking == EMBEDDED else tracking


def open_tracker(
    tracking: str,
    storage: str,
    sweep: str,
    is_ours: Callable[[str], bool],
    present_id: Callable[[str], str] = str,
) -> Tracker:
    """Open the tracker of a sweep; it connects in the background.

    Args:
        is_ours: whether this process is to make a run that is not there yet, by its key.
        present_id: gives the id that a trial has now, by one that its run may have of before.
    """
    if tracking == OFF:
        return NoTracker()
    artifacts = Path(storage) / "mlflow-artifacts" if tracking == EMBEDDED else None
    uri = tracking_uri(tracking, storage)
    return MlflowTracker(uri, sweep, artifacts, is_ours, present_id)
