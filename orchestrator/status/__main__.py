"""Say how far a sweep is: `python -m orchestrator.status SPEC`.

It reads the storage alone and writes nothing: while the sweep runs, from another machine, or long
after. Where the data are not, trials are named by what the sweep's last start found.
"""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from orchestrator.exit_codes import exit_codes
from orchestrator.figures.placement import FRONTS
from orchestrator.report.front_text import show, show_files
from orchestrator.spec.arguments import (
    Assignments,
    SpecPath,
    Storage,
    check_version,
    command,
    read_sweep,
)
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.status.display import MOST_ROWS, chosen, columns, hidden, story_lines, sweep_lines
from orchestrator.status.live import keep_watching
from orchestrator.status.observer import Observer, SweepSnapshot
from orchestrator.status.trial_story import matching, story
from orchestrator.store import Store
from orchestrator.store.files.by_url import open_files
from orchestrator.store.records.read_only import ReadOnly, only_read
from orchestrator.store.sweeps.starts import all_starts
from trainer.input.problems import BadInput, Problem
from trainer.terminal.console import print_line, print_table, print_titled, terminal
from trainer.terminal.door import door
from trainer.terminal.json_text import print_json

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
@door(exit_codes)
def main(
    spec_path: SpecPath,
    *,
    storage: Storage = None,
    assignments: Assignments = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Look every 2 s until the sweep is over.")
    ] = False,
    why: Annotated[
        str | None,
        typer.Option(
            metavar="TRIAL", help="The whole story of one trial; its id or how it begins."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Say how far a sweep is, from its storage alone; nothing is written."""
    console = terminal()
    if watch and (as_json or why is not None):
        raise BadInput(Problem("--watch", "", "must stand without --json and --why"))
    spec = read_sweep(spec_path, storage, assignments)
    rest = f"{command('status', spec)} --json"
    with only_read(open_files(spec.storage)) as files:
        check_version(files, spec.document)
        observer = Observer(spec, files)
        snapshot = _first_look(spec, files, observer)
        if snapshot is None:
            _say_that_nothing_is_there(spec, console, as_json=as_json)
        elif watch:
            keep_watching(
                spec, observer, snapshot, damaged=files.damaged, rest=rest, console=console
            )
        elif why is not None:
            _tell(spec, snapshot, observer.store, why, console=console, as_json=as_json)
        elif as_json:
            trials = observer.trials(snapshot, snapshot.plan.every)
            record = snapshot.record(spec, trials)
            print_json({**record, "damaged": sorted(files.damaged)})
        else:
            _show(spec, observer, snapshot, files=files, rest=rest, console=console)


def _first_look(spec: SweepSpec, files: ReadOnly, observer: Observer) -> SweepSnapshot | None:
    """Read how far the sweep is; None where it was never started and its data, by which trials are
    named, are not here.

    Raises:
        BadInput: it was started, and neither its manifest nor its data are there any more.
    """
    try:
        return observer.look()
    except BadInput:
        if all_starts(files, spec.name):
            raise
        return None


def _show(
    spec: SweepSpec,
    observer: Observer,
    snapshot: SweepSnapshot,
    *,
    files: ReadOnly,
    rest: str,
    console: Console,
) -> None:
    rows = list(observer.trials(snapshot, chosen(snapshot.plan.every, MOST_ROWS)))
    print_table(console, columns(spec, rows), more="--json")
    more = hidden(snapshot.plan, rows, rest)
    print_titled(console, sweep_lines(spec, snapshot, files.damaged, more))
    written = [name for name in files.names(spec.folder) if "." in name] or ["nothing yet"]
    show(snapshot.front, console, of=FRONTS[0])
    show_files(f"{files.url}/{spec.folder}", written, console)


def _say_that_nothing_is_there(spec: SweepSpec, console: Console, *, as_json: bool) -> None:
    if as_json:
        print_json({"name": spec.name, "storage": spec.storage, "starts": [], "trials": []})
    else:
        begin = command("sweep", spec)
        print_line(console, f"{spec.name}: nothing in {spec.storage} yet; {begin}")


def _tell(
    spec: SweepSpec,
    snapshot: SweepSnapshot,
    store: Store,
    prefix: str,
    *,
    console: Console,
    as_json: bool,
) -> None:
    found = matching(snapshot.plan.every, prefix, store.ids)
    if len(found) != 1:
        ids = ", ".join(planned.id for planned in found[:5]) or "none"
        raise BadInput(
            Problem(
                "--why",
                "",
                f"must be the id of one trial of the sweep, or how one alone begins, got "
                f"{prefix!r}; that begin so: {ids}{', ...' if len(found) > 5 else ''}",
            )
        )
    its_story = story(spec, snapshot, found[0], store)
    if as_json:
        print_json(its_story.record())
    else:
        print_titled(console, story_lines(its_story))


if __name__ == "__main__":
    app()
