"""Resume a sweep that was paused: `python -m orchestrator.resume SPEC`."""

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
    last_address,
    read_sweep,
)
from orchestrator.store.files.by_url import open_files
from orchestrator.store.files.contract import RefusedError, UnreachableError
from orchestrator.store.sweeps import orders
from orchestrator.store.sweeps.starts import all_starts
from orchestrator.terminal.exit_code import ExitCode
from trainer.input.problems import BadInput
from trainer.terminal.console import terminal
from trainer.terminal.logs import log_to_stderr

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(spec_path: SpecPath, *, storage: Storage = None, assignments: Assignments = None) -> None:
    """Ask every start of a paused sweep to go on; a sweep that nobody runs is not started."""
    log_to_stderr(logging.WARNING)
    console = terminal()
    try:
        spec = read_sweep(spec_path, storage, assignments)
        files = open_files(spec.storage)
        check_storage(spec, files)
        check_started(spec, files)
        was_paused = orders.resume(files, spec.name)
        starts = all_starts(files, spec.name)
    except (BadInput, UnreachableError, RefusedError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(ExitCode.BAD_INPUT) from None
    said = "goes on: trials at work take their next step within seconds"
    if not was_paused:
        said = "was not paused"
    elif all(start.is_over for start in starts):
        start_it = command("sweep", spec, address=last_address(starts))
        said = f"may go on; nobody runs it now: {start_it}"
    console.print(f"{spec.name} {said}", soft_wrap=True)


if __name__ == "__main__":
    app()
