"""Exit codes that say how a command ended."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit code of a command, besides 130 and 143 after SIGINT and SIGTERM. The same command goes
    on from each but BAD_INPUT."""

    DONE = 0
    SOME_FAILED = 1
    BAD_INPUT = 2
    LOST = 3
    HELD = 4
    BUDGET_REACHED = 5
