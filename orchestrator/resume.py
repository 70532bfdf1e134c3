"""Resume a sweep that was paused: `python -m orchestrator.resume SPEC`."""

from __future__ import annotations

import typer

from orchestrator.driver.preflight import check_storage
from orchestrator.exit_codes import exit_codes
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
from orchestrator.store.sweeps import orders
from orchestrator.store.sweeps.starts import all_starts
from trainer.terminal.console import print_line, terminal
from trainer.terminal.door import door

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
@door(exit_codes)
def main(spec_path: SpecPath, *, storage: Storage = None, assignments: Assignments = None) -> None:
    """Ask every start of a paused sweep to go on; a sweep that nobody runs is not started."""
    spec = read_sweep(spec_path, storage, assignments)
    files = open_files(spec.storage)
    check_storage(files, spec.document)
    check_started(spec, files)
    was_paused = orders.resume(files, spec.name)
    starts = all_starts(files, spec.name)
    said = "goes on: trials at work take their next step within seconds"
    if not was_paused:
        said = "was not paused"
    elif all(start.is_over for start in starts):
        start_it = command("sweep", spec, address=last_address(starts))
        said = f"may go on; nobody runs it now: {start_it}"
    print_line(terminal(), f"{spec.name} {said}")


if __name__ == "__main__":
    app()
