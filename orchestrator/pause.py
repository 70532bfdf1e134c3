"""Pause a sweep: `python -m orchestrator.pause SPEC`; `orchestrator.resume` resumes it."""

from __future__ import annotations

import logging

import typer

from orchestrator.driver.preflight import check_storage
from orchestrator.spec.arguments import (
    Assignments,
    SpecPath,
    Storage,
    check_started,
    command,
    read_sweep,
)
from orchestrator.store.files.by_url import open_files
from orchestrator.store.files.contract import FullError, RefusedError, UnreachableError
from orchestrator.store.records.version import enter
from orchestrator.store.sweeps import orders
from orchestrator.store.sweeps.starts import all_starts
from orchestrator.terminal.exit_code import ExitCode
from trainer.input.problems import BadInput
from trainer.terminal.console import terminal
from trainer.terminal.logs import log_to_stderr

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(spec_path: SpecPath, *, storage: Storage = None, assignments: Assignments = None) -> None:
    """Ask every start of a sweep, now and later, to pause until the sweep is resumed.

    Trials at work save a checkpoint and keep their memory; no other is taken up.
    """
    log_to_stderr(logging.WARNING)
    console = terminal()
    try:
        spec = read_sweep(spec_path, storage, assignments)
        files = open_files(spec.storage)
        check_storage(spec, files)
        check_started(spec, files)
        enter(files)
        is_new = orders.pause(files, spec.name)
        running = [start for start in all_starts(files, spec.name) if not start.is_over]
    except (BadInput, UnreachableError, RefusedError, FullError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(ExitCode.BAD_INPUT) from None
    said = "is paused" if is_new else "was paused before"
    if running:
        effect = (
            "its trials at work save a checkpoint and rest within seconds, keeping their memory; "
            "no other is taken up"
        )
    else:
        effect = "nobody runs it now; a start will wait"
    go_on = command("resume", spec)
    console.print(f"{spec.name} {said}: {effect}; to go on: {go_on}", soft_wrap=True)


if __name__ == "__main__":
    app()
