"""What a sweep reports of itself to people, beside the store that it depends on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from trainer.training.loop import EpochRow


@dataclass(frozen=True, kw_only=True)
class TrackedTrial:
    """What a tracker is given of a trial.

    Attributes:
        id: the trial's id.
        name: the trial's name for people.
        params: what the trial is, by dotted name.
        scores: accuracies and what follows from them, seconds and passes; of a trial that is over.
        status: the trial's, as in `trials.csv`.
        pruned: by which rule it was ended early, and why; None: it was not.
        rows: epochs, read only where they are not known yet.
        began: when its first attempt began (UTC, ISO 8601), read as `rows` are; None: not known.
        ended: when it was done, failed, stopped or pruned; None while it runs.
        validation: id of what validation looked at in its epochs; None: not known.
    """

    id: str
    name: str
    params: Mapping[str, Any]
    scores: Mapping[str, float]
    status: str
    pruned: str | None
    rows: Callable[[], Sequence[EpochRow]]
    began: Callable[[], str | None]
    ended: str | None
    validation: str | None = None


class Tracker(Protocol):
    """Receives what happens to trials. It never fails a sweep and never keeps one waiting: the
    store has everything, so what a tracker misses the next start sends again."""

    def trial(self, trial: TrackedTrial) -> None:
        """Take what is known of a trial: the newest epoch while `running`, all of it later."""

    def sweep(self, *, metrics: Mapping[str, float], files: Sequence[Path]) -> None:
        """Take the front: its numbers, its table and pictures."""

    def close(self) -> bool:
        """Wait for what is under way, and return whether everything arrived."""


class NoTracker(Tracker):
    """Tracks nothing: `tracking: none`."""

    def trial(self, trial: TrackedTrial) -> None: ...

    def sweep(self, *, metrics: Mapping[str, float], files: Sequence[Path]) -> None: ...

    def close(self) -> bool:
        return True
