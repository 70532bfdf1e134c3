"""Shows a sweep again and again until it is over: `python -m orchestrator.status --watch`.

It is over when nobody runs it and nothing is left to do, or when those who were seen to run it
have stopped. Before its first start, it is waited for.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator

from rich.console import Console, Group
from rich.live import Live

from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.status.display import MOST_ROWS, chosen, columns, hidden, summary, sweep_lines
from orchestrator.status.observer import Observer, SweepSnapshot
from orchestrator.store.files.contract import UnreachableError
from orchestrator.store.leases.lease import SilenceTimer
from trainer.terminal.console import print_line
from trainer.terminal.table import terminal_table, titled

SECONDS_BETWEEN_LOOKS = 2.0

FEWEST_ROWS = 5
"""Fewest trials in a picture, even where the terminal is too low for them."""

OTHER_LINES = 17
"""Lines of a picture beside its trials."""


def keep_watching(
    spec: SweepSpec,
    observer: Observer,
    snapshot: SweepSnapshot,
    *,
    damaged: Collection[str],
    rest: str,
    console: Console,
) -> None:
    """Show a sweep, first as it was seen and then as it goes on: a picture on a terminal, elsewhere
    a line whenever something changes.

    Args:
        damaged: files that were found damaged; there may be more later.
        rest: a command that shows all trials.
    """
    looks = _looks(spec, observer, snapshot)
    if not console.is_terminal:
        last = None
        for now, trouble in looks:
            line = f"{summary(spec, now)}{trouble}"
            if line != last:
                print_line(console, f"{now.at} {line}")
            last = line
        return
    with Live(console=console, auto_refresh=False) as live:
        for now, trouble in looks:
            limit = min(MOST_ROWS, max(FEWEST_ROWS, console.height - OTHER_LINES))
            rows = list(observer.trials(now, chosen(now.plan.every, limit)))
            more = hidden(now.plan, rows, rest)
            trials = terminal_table(columns(spec, rows), width=console.width, more="--json")
            said = [*sweep_lines(spec, now, damaged, more), ("front", _front(now, trouble))]
            live.update(Group(trials, titled(said, width=console.width)), refresh=True)


def _looks(
    spec: SweepSpec, observer: Observer, first: SweepSnapshot
) -> Iterator[tuple[SweepSnapshot, str]]:
    """Yield how far the sweep is, and why it could not be read if so, until it is over."""
    snapshot, trouble = first, ""
    timer, was_run = SilenceTimer(), False
    while True:
        yield snapshot, trouble
        lasts = spec.policy.lease
        is_run = any(not timer.is_free(start, lasts) for start in snapshot.runners)
        was_run = was_run or is_run
        if not is_run and (was_run or not snapshot.forecast.trials):
            return
        time.sleep(SECONDS_BETWEEN_LOOKS)
        try:
            snapshot, trouble = observer.look(), ""
        except UnreachableError as error:
            trouble = f"; not seen since: {error}"


def _front(snapshot: SweepSnapshot, trouble: str) -> str:
    front = snapshot.front
    return f"{len(front.points)} trials, hypervolume {front.hypervolume:.6g}{trouble}"
