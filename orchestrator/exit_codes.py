"""The exit code of each kind of error, for all commands of the orchestrator."""

from __future__ import annotations

from trainer.terminal import door
from trainer.terminal.exit_code import ExitCode


def exit_codes() -> door.Codes:
    """Return the exit codes of errors, by their classes.

    Where a storage does not answer from the beginning, commands raise an `InputError` themselves.
    """
    # Here alone: a command asks when something was raised, and `front TABLE` needs no store.
    from orchestrator.store.files.contract import (  # noqa: PLC0415
        FullError,
        RefusedError,
        UnreachableError,
    )
    from orchestrator.store.sweeps.starts import HeldError  # noqa: PLC0415

    return {
        **door.own_codes(),
        RefusedError: ExitCode.BAD_INPUT,  # until a person changes a key, a setting, a permission
        UnreachableError: ExitCode.LOST,  # the same command may do later
        FullError: ExitCode.LOST,
        HeldError: ExitCode.HELD,
    }
