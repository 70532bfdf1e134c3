"""What a sweep tells of itself to people, beside the store that it lives by."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from trainer.training import EpochRow


class Tracker(Protocol):
    """Told of trials as they go. It never fails a sweep and never keeps one waiting: the store
    has everything, so what a tracker misses it is told again by the next start."""

    def trial(
        self,
        trial_id: str,
        *,
        name: str,
        params: Mapping[str, Any],
        rows: Callable[[], Sequence[EpochRow]],
        scores: Mapping[str, float],
        status: str,
    ) -> None:
        """What is known of a trial: the newest epoch while it is `running`, all of it later.

        Args:
            name: for people.
            params: what it is, by dotted name.
            rows: epochs, read only where they are not known yet.
            scores: accuracies and what follows from them.
            status: as in `trials.csv`.
        """

    def sweep(self, *, metrics: Mapping[str, float], files: Sequence[Path]) -> None:
        """The front: its numbers, its table and pictures."""

    def close(self) -> bool:
        """Wait for what is under way; whether all that was told arrived."""


class NoTracker(Tracker):
    """For `tracking: none`."""

    def trial(
        self,
        trial_id: str,
        *,
        name: str,
        params: Mapping[str, Any],
        rows: Callable[[], Sequence[EpochRow]],
        scores: Mapping[str, float],
        status: str,
    ) -> None: ...

    def sweep(self, *, metrics: Mapping[str, float], files: Sequence[Path]) -> None: ...

    def close(self) -> bool:
        return True
