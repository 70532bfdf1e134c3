"""Pause a sweep: `python -m orchestrator.pause SPEC`; `orchestrator.resume` resumes it."""

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
    read_sweep,
)
from orchestrator.store.files.by_url import open_files
from orchestrator.store.records.version import enter
from orchestrator.store.sweeps import orders
from orchestrator.store.sweeps.starts import all_starts
from trainer.terminal.console import print_line, terminal
from trainer.terminal.door import door

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
@door(exit_codes)
def main(spec_path: SpecPath, *, storage: Storage = None, assignments: Assignments = None) -> None:
    """Ask every start of a sweep, now and later, to pause until the sweep is resumed.

    Trials at work save a checkpoint and keep their memory; no other is taken up.
    """
    spec = read_sweep(spec_path, storage, assignments)
    files = open_files(spec.storage)
    check_storage(files, spec.document)
    check_started(spec, files)
    enter(files)
    is_new = orders.pause(files, spec.name)
    running = [start for start in all_starts(files, spec.name) if not start.is_over]
    said = "is paused" if is_new else "was paused before"
    if running:
        effect = (
            "its trials at work save a checkpoint and rest within seconds, keeping their memory; "
            "no other is taken up"
        )
    else:
        effect = "nobody runs it now; a start will wait"
    go_on = command("resume", spec)
    print_line(terminal(), f"{spec.name} {said}: {effect}; to go on: {go_on}")


if __name__ == "__main__":
    app()
