"""What a sweep shows on the terminal while it runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console

from orchestrator.plan.planned_trial import PlannedTrial
from orchestrator.terminal.units import duration
from trainer.terminal.console import print_line
from trainer.terminal.progress import Bar, progress_bar

QUIET_SECONDS = 30.0
"""Seconds between lines of progress where there is no terminal to draw on."""


@dataclass
class Tally:
    """How far the work on a start's trials is, in epochs; an evaluation counts as one."""

    todo: dict[str, int]  # epochs left at the start, by trial id
    clock: Callable[[], float]  # of the back end, in seconds
    done: dict[str, int] = field(default_factory=dict)
    running: set[str] = field(default_factory=set)
    ended: int = 0
    failed: int = 0
    pruned: int = 0
    began: float = field(init=False)

    def __post_init__(self) -> None:
        self.began = self.clock()

    @classmethod
    def of(cls, trials: Sequence[PlannedTrial], clock: Callable[[], float]) -> Tally:
        """Make the tally of trials that are about to be run, in a back end's time."""
        tally = cls({}, clock)
        tally.add(trials)
        return tally

    def add(self, trials: Sequence[PlannedTrial]) -> None:
        """Count trials that are to be run as well."""
        self.todo |= {planned.id: planned.epochs_left + 1 for planned in trials}

    def started(self, trial_id: str) -> None:
        """Count the trial as running: a worker took it up."""
        self.running.add(trial_id)

    def epoch_done(self, trial_id: str) -> None:
        """Count one more epoch of the trial."""
        self.done[trial_id] = min(self.done.get(trial_id, 0) + 1, self.todo[trial_id] - 1)

    def let_go(self, trial_id: str) -> None:
        """Count the trial as waiting: its worker let go of it, and another will take it up."""
        self.running.discard(trial_id)

    def trial_ended(self, trial_id: str, *, failed: bool, pruned: bool) -> None:
        """Count the trial as over: failed, pruned, or else done."""
        self.running.discard(trial_id)
        self.done[trial_id] = self.todo[trial_id]
        self.ended += 1
        self.failed += failed
        self.pruned += pruned

    @property
    def share(self) -> float:
        """Share of the work that is done, in [0, 1]."""
        return sum(self.done.values()) / max(1, sum(self.todo.values()))

    def seconds_left(self) -> float | None:
        """Seconds that the rest takes at the pace so far; None before anything is done."""
        elapsed = self.clock() - self.began
        return elapsed * (1 - self.share) / self.share if self.share else None

    def __str__(self) -> str:
        left = self.seconds_left()
        done = self.ended - self.failed - self.pruned
        parts = [f"{done} of {len(self.todo)} trials done"]
        parts += [f"{len(self.running)} running"]
        parts += [f"{self.pruned} pruned"] if self.pruned else []
        parts += [f"{self.failed} failed"] if self.failed else []
        parts += [f"about {duration(left)} left" if left is not None else "time left not known yet"]
        return ", ".join(parts)


class Display:
    """Shows a tally: a bar on a terminal, a line now and then elsewhere, in the time of who reads
    it."""

    def __init__(self, console: Console, tally: Tally) -> None:
        """Show `tally` on `console`."""
        self._console = console
        self._tally = tally
        self._shown_at = time.monotonic()
        self._bar: Bar | None = None

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Draw the bar for the time of the block, if the console is a terminal."""
        if not self._console.is_terminal:
            yield
            return
        with progress_bar(
            1.0, lambda _: str(self._tally), console=self._console, says_elapsed=True
        ) as bar:
            self._bar = bar
            yield
        self._bar = None

    def update(self) -> None:
        """Show that the tally has changed."""
        if self._bar is not None:
            self._bar.reach(self._tally.share)
        elif time.monotonic() - self._shown_at >= QUIET_SECONDS:
            self._shown_at = time.monotonic()
            print_line(self._console, str(self._tally))
