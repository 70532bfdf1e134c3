"""How every command begins and ends: its log, and the exit code of what it raises.

A command raises what is wrong, and prints no error itself. What the caller can mend is an
`InputError` and becomes one message; what nobody foresaw is logged with its traceback.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import typer

from trainer.input.problems import BadInput, InputError, brief
from trainer.input.redaction import redacted
from trainer.terminal.exit_code import ExitCode
from trainer.terminal.logs import log_to_stderr

logger = logging.getLogger(__name__)

Codes = Mapping[type[Exception], ExitCode]
"""Exit codes by the class of what is raised; a subclass without one has its nearest parent's."""

_NO_ERRORS = (typer.Exit, typer.Abort, BrokenPipeError)
"""What typer itself knows how to end with; the last is by whoever reads what is printed."""


def own_codes() -> Codes:
    """Return the exit codes of errors that any command may raise."""
    return {InputError: ExitCode.BAD_INPUT}


@contextmanager
def door(
    codes: Callable[[], Codes] = own_codes,
    *,
    level: int = logging.WARNING,
    broke_off: str | None = None,
) -> Iterator[None]:
    """Run a block, or as a decorator a whole command, as every command is run.

    Messages from `level` on are logged to stderr. An error of one of the `codes` is told there
    without a traceback, and its code raised as `typer.Exit`; any other is logged with its
    traceback, and is `ExitCode.LOST`. SIGINT ends with 130, as typer has it.

    Args:
        codes: gives the exit codes, and is asked when something was raised.
        broke_off: what is said where the command was lost: what broke off, and what remains.
    """
    log_to_stderr(level)
    try:
        yield
    except _NO_ERRORS:
        raise
    except Exception as error:
        code = code_of(error, codes())
        if code is None:
            logger.exception("%s", broke_off or "broke off by an error of its own")
            raise typer.Exit(ExitCode.LOST) from None
        remains = f"; {broke_off}" if code is ExitCode.LOST and broke_off else ""
        raise failed(f"error: {_message(error)}{remains}", code) from None


@contextmanager
def refusing(*kinds: type[Exception]) -> Iterator[None]:
    """Tell errors of these kinds as bad input: for a block that reads alone, and starts nothing."""
    try:
        yield
    except _NO_ERRORS:
        raise
    except kinds as error:
        raise failed(f"error: {_message(error)}", ExitCode.BAD_INPUT) from None


def failed(message: str, code: int) -> typer.Exit:
    """Print a message on stderr; return what ends the command with the code once it is raised."""
    typer.echo(message, err=True)
    return typer.Exit(code)


def code_of(error: Exception, codes: Codes) -> ExitCode | None:
    """Return the exit code of an error: its class's, or that of the nearest parent with one."""
    return next((codes[kind] for kind in type(error).__mro__ if kind in codes), None)


def _message(error: Exception) -> str:
    """Return an error's text, without secrets and of a readable length; each problem of bad input
    is so already."""
    return str(error) if isinstance(error, BadInput) else brief(redacted(str(error)))
