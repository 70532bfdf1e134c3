"""The exit code of each kind of error, for all commands of the orchestrator."""

from __future__ import annotations

from orchestrator.store.files.contract import FullError, RefusedError, UnreachableError
from orchestrator.store.sweeps.starts import HeldError
from trainer.terminal import door
from trainer.terminal.exit_code import ExitCode

CODES: door.Codes = {
    **door.CODES,
    RefusedError: ExitCode.BAD_INPUT,  # until a person changes a key, a setting, a permission
    UnreachableError: ExitCode.LOST,  # the same command may do later
    FullError: ExitCode.LOST,
    HeldError: ExitCode.HELD,
}
"""Where a storage does not answer from the beginning, commands raise an `InputError` themselves."""
