"""What a sweep tells of itself to people, beside the store that it lives by."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from trainer.training.loop import EpochRow


@dataclass(frozen=True, kw_only=True)
class TrackedTrial:
    """What a tracker is told of a trial.

    Attributes:
        id: of the trial.
        name: for people.
        params: what it is, by dotted name.
        scores: accuracies and what follows from them, seconds and passes; of a trial that is over.
        status: as in `trials.csv`.
        rows: epochs, read only where they are not known yet.
        began: when its first attempt did (UTC, ISO 8601), read likewise; None where nobody knows.
        ended: when it was done, failed or stopped; None while it runs.
    """

    id: str
    name: str
    params: Mapping[str, Any]
    scores: Mapping[str, float]
    status: str
    rows: Callable[[], Sequence[EpochRow]]
    began: Callable[[], str | None]
    ended: str | None


class Tracker(Protocol):
    """Told of trials as they go. It never fails a sweep and never keeps one waiting: the store
    has everything, so what a tracker misses it is told again by the next start."""

    def trial(self, trial: TrackedTrial) -> None:
        """What is known of a trial: the newest epoch while it is `running`, all of it later."""

    def sweep(self, *, metrics: Mapping[str, float], files: Sequence[Path]) -> None:
        """The front: its numbers, its table and pictures."""

    def close(self) -> bool:
        """Wait for what is under way; whether all that was told arrived."""


class NoTracker(Tracker):
    """For `tracking: none`."""

    def trial(self, trial: TrackedTrial) -> None: ...

    def sweep(self, *, metrics: Mapping[str, float], files: Sequence[Path]) -> None: ...

    def close(self) -> bool:
        return True
