"""What a start decides for all that come after it, kept in the store before any trial runs."""

from __future__ import annotations

from rich.console import Console

from orchestrator.spec.auto_precision import AutoPrecision, explained, keep
from orchestrator.store import Files
from orchestrator.store.records.layout import SweepFolder
from trainer.terminal.console import print_line


def keep_decisions(
    files: Files,
    *,
    sweep: str,
    folder: str,
    resolved: str,
    precision: AutoPrecision | None,
    console: Console,
) -> None:
    """Keep what `training.precision: auto` has come to, saying so where that is new, and then the
    resolved specification.

    Args:
        folder: that of the sweep's files, or of those under another suite.
        resolved: the specification as YAML, without secrets.
        precision: None where the sweep file does not leave it open, or nothing is trained.

    Raises:
        DecidedOtherwiseError: another start has decided for another precision meanwhile.
    """
    if precision is not None and precision.state != "kept":
        keep(files, sweep, precision)
        print_line(console, f"training.precision is auto: {explained(precision)}")
    files.write(SweepFolder(folder).spec, resolved.encode())
