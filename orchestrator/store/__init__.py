"""The store: everything that must survive, by content.

    trials/<id>/trial.json                       what the trial is, and where it was planned
    trials/<id>/attempts/<token>/rows/NNNNNN.json          one epoch's facts
    trials/<id>/attempts/<token>/checkpoints/NNNNNN.pt     the newest two, while in training
    trials/<id>/attempts/<token>/weights.pt                the trained model
    trials/<id>/result.json                      names the attempt whose weights count
    trials/<id>/evaluations/<suite id>.npz, .json          bits, and the accuracies from them
    trials/<id>/failure.json                     why it failed, until it is tried again
    sweeps/<name>/...                            tables, pictures, the resolved spec

Many may attempt a trial; `result.json` is created once, and who comes second has lost.
"""

from __future__ import annotations

from orchestrator.store.files import Files, LocalFiles
from orchestrator.store.trials import Attempt, Failure, Progress, StoredTrial

__all__ = ["Attempt", "Failure", "Files", "LocalFiles", "Progress", "Store", "StoredTrial"]


class Store:
    """Trials by id, in `files`."""

    def __init__(self, files: Files) -> None:
        """A store over a file layer."""
        self.files = files

    def trial(self, trial_id: str) -> StoredTrial:
        """The trial's place, whether or not anything is in it."""
        return StoredTrial(self.files, trial_id)
