"""The bar that a command shows while it is at work on what can be counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from trainer.terminal.console import terminal


class Bar:
    """A bar that says how much is done, in words of its own."""

    def __init__(self, drawn: Progress, task: TaskID, describe: Callable[[float], str]) -> None:
        self._drawn = drawn
        self._task = task
        self._describe = describe
        self._done = 0.0

    def reach(self, done: float) -> None:
        """Show that so much is done."""
        self._done = done
        self._drawn.update(self._task, completed=done, description=self._describe(done))

    def advance(self, more: float) -> None:
        """Show that so much more is done."""
        self.reach(self._done + more)


@contextmanager
def progress_bar(
    total: float,
    describe: Callable[[float], str],
    *,
    console: Console | None = None,
    says_elapsed: bool = False,
) -> Iterator[Bar]:
    """Show a bar for the time of the block, if the console is a terminal.

    Args:
        total: what is to be done, in any unit.
        describe: says beside the bar how much of it is done.
        console: where the bar is shown; None: on stderr.
        says_elapsed: whether the time so far is shown, where `describe` says what is left.
    """
    console = terminal(stderr=True) if console is None else console
    time = TimeElapsedColumn() if says_elapsed else TimeRemainingColumn()
    columns = (BarColumn(), TextColumn("{task.description}", markup=False), time)
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as drawn:
        bar = Bar(drawn, drawn.add_task("", total=total), describe)
        bar.reach(0.0)
        yield bar
