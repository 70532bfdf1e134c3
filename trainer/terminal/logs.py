"""What a command logs: to stderr, one line a message with its level, without secrets."""

from __future__ import annotations

import logging
import sys
import threading
from types import TracebackType

from trainer.input.redaction import redacted_lines

logger = logging.getLogger(__name__)


def log_to_stderr(level: int) -> None:
    """Log this process's messages from the level on to stderr, unless logging was set up before.

    Python's own warnings and the tracebacks of errors that nobody caught, which may show a URL or a
    user's key as well, are logged from here on, in place of being printed as they are.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(_Redacting("%(levelname)s: %(message)s"))
    logging.basicConfig(level=level, handlers=[handler])
    logging.captureWarnings(True)
    sys.excepthook = _log_uncaught
    if threading.excepthook is threading.__excepthook__:
        threading.excepthook = _log_uncaught_in_thread


class _Redacting(logging.Formatter):
    """Takes secrets out of messages and of tracebacks, whose exceptions may show a URL."""

    def format(self, record: logging.LogRecord) -> str:
        return redacted_lines(super().format(record))


def _log_uncaught(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    logger.critical("broke off by an error of its own", exc_info=(kind, error, trace))


def _log_uncaught_in_thread(raised: threading.ExceptHookArgs) -> None:
    if raised.exc_value is not None and not isinstance(raised.exc_value, SystemExit):
        name = "a thread" if raised.thread is None else raised.thread.name
        found = (raised.exc_type, raised.exc_value, raised.exc_traceback)
        logger.error("%s broke off", name, exc_info=found)
