"""The store: everything that must survive, by content.

    store.json, store.json.copy                  what this is, and its version
    trials/<id>/trial.json                       what the trial is
    trials/<id>/attempts/<number>/               one attempt at it, under a lease
        lease.json, beat.json, ended.json        who, that it lives, how it ended (and why)
        origin.json                              from where it went on, with the rows until there
        rows/EEEEEE.json                         one epoch's facts
        checkpoints/EEEEEE-SSSSSS.pt             the newest two, by epochs and steps done
        last_steps.jsonl                         before a loss became NaN
        weights.pt                               the trained model
        outcomes/<suite id>.npz                  bits
    trials/<id>/result.json                      names the attempt whose weights count
    trials/<id>/dropped.json                     that, once the weights were given up to make room
    trials/<id>/evaluations/<suite id>.json      accuracies, and the attempt that has their bits
    families/<family>/EEEEEE-<id>                trials that differ in their length alone
    sweeps/<name>/...                            tables, pictures, the resolved spec, its starts

Many may attempt a trial; `result.json` is created once, and who comes second has lost.
"""

from __future__ import annotations

from orchestrator.store.files.contract import Files
from orchestrator.store.files.local import LocalFiles
from orchestrator.store.leases.records import FailureKind
from orchestrator.store.trials.attempt import Attempt
from orchestrator.store.trials.stored_trial import Failure, Progress, StoredTrial

__all__ = [
    "Attempt",
    "Failure",
    "FailureKind",
    "Files",
    "LocalFiles",
    "Progress",
    "Store",
    "StoredTrial",
]


class Store:
    """Trials by id, in `files`."""

    def __init__(self, files: Files, direct: Files | None = None) -> None:
        """Open a store over a file layer.

        Args:
            direct: the same files for signs of life, which must not wait where `files` does.
        """
        self.files = files
        self._direct = direct or files

    def trial(self, trial_id: str) -> StoredTrial:
        """Return the trial's place, whether or not anything is in it."""
        return StoredTrial(self.files, trial_id, self._direct)
