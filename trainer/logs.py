"""What a command logs: to stderr, a level and a message a line, without secrets."""

from __future__ import annotations

import logging

from trainer.redaction import redacted_lines


def log_to_stderr(level: int) -> None:
    """Show what this process logs from the level on, unless somebody has set up logging before."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Redacting("%(levelname)s: %(message)s"))
    logging.basicConfig(level=level, handlers=[handler])


class _Redacting(logging.Formatter):
    """Takes secrets out of messages and of tracebacks, whose exceptions may show a URL."""

    def format(self, record: logging.LogRecord) -> str:
        return redacted_lines(super().format(record))
