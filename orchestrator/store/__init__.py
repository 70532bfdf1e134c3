"""The store: everything that must survive, by content.

What lies where: see `orchestrator.store.records.layout`. Many may attempt a trial; its result is
created once, and who comes second has lost.
"""

from __future__ import annotations

from orchestrator.store.files.contract import Files
from orchestrator.store.files.local import LocalFiles
from orchestrator.store.leases.records import FailureKind
from orchestrator.store.trials.attempt import Attempt
from orchestrator.store.trials.present_files import PresentFiles, present
from orchestrator.store.trials.progress import Failure, Progress
from orchestrator.store.trials.stored_trial import StoredTrial

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
        """Open a store over a file layer. Its own `files` name trials by their present ids.

        Args:
            direct: the same files for signs of life, which must not wait where `files` does.
        """
        self.files = present(files)
        self.ids = self.files.ids
        self._direct = self.files if direct is None else PresentFiles(direct, self.ids)

    def trial(self, trial_id: str) -> StoredTrial:
        """Return the place of the trial of an id, or that had it before, whether or not anything is
        in it."""
        present_id = self.ids.present(trial_id)
        before = self.ids.validation_before(present_id)
        return StoredTrial(self.files, present_id, self._direct, before)
