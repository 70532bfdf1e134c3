"""Code of the user's own, named by dotted path: where an error arose in it, and its message."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePath
from traceback import walk_tb
from types import FrameType

PROJECT = {"trainer", "orchestrator", "__main__"}
"""Top-level packages whose code is not the user's; the last is a command of ours."""

INSTALLED = {"site-packages", "dist-packages"}
"""Folders of installed packages."""


class OwnCodeError(ValueError):
    """The user's own code failed."""


@contextmanager
def own_code(what: str) -> Iterator[None]:
    """Turn what user code raises in the block into a ValueError with the line that raised it.

    An exit of the program is such an error, too. Errors that arose outside the user's code pass
    as they are, and so does Ctrl-C.

    Args:
        what: names what the code is of, and begins the message, such as `model.name 'mine:build'`.

    Raises:
        OwnCodeError: the user's code raised something.
    """
    try:
        yield
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        line = line_of(error)
        if line is None:
            raise
        message = f"{what} must run without an error, got {in_short(error)}; see {line}"
        raise OwnCodeError(message) from error


def line_of(error: BaseException) -> str | None:
    """Return `FILE:LINE` of the innermost line of the user's code that an error passed through, or
    where its syntax is wrong; None where the error never was in that code."""
    if isinstance(error, SyntaxError) and error.filename and not _is_others(error.filename):
        return f"{error.filename}:{error.lineno}"
    lines = [
        f"{frame.f_code.co_filename}:{line}"
        for frame, line in walk_tb(error.__traceback__)
        if _is_own(frame)
    ]
    return lines[-1] if lines else None


def place_of(*functions: object) -> str | None:
    """Return `FILE:LINE` of the first of these functions that is the user's; None where none is."""
    codes = [code for each in functions if (code := getattr(each, "__code__", None)) is not None]
    own = [code for code in codes if not _is_others(code.co_filename)]
    return f"{own[0].co_filename}:{own[0].co_firstlineno}" if own else None


def in_short(error: BaseException) -> str:
    """Write an error on one line, as `KeyError: 'x'`."""
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    first = next(iter(text.strip().splitlines()), "")
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def _is_own(frame: FrameType) -> bool:
    package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
    is_known = package in PROJECT or package in sys.stdlib_module_names
    return not is_known and not _is_others(frame.f_code.co_filename)


def _is_others(file: str) -> bool:
    """Whether a file is an installed package's, or none at all, as for code that was generated."""
    return file.startswith("<") or bool(INSTALLED & set(PurePath(file).parts))
