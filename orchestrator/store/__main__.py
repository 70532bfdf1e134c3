"""Look after a storage: `python -m orchestrator.store ls|verify|gc STORAGE`."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.filesize import decimal
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from orchestrator.store.files.by_url import open_files
from orchestrator.store.files.contract import Files, FullError, RefusedError, UnreachableError
from orchestrator.store.housekeeping.collection import UncertainError, remove, survey
from orchestrator.store.housekeeping.garbage import Garbage, Kind
from orchestrator.store.housekeeping.inventory import Entry, UnknownSweepError, inventory
from orchestrator.store.housekeeping.verification import Finding, contents, sealed, verify
from orchestrator.store.records.version import VersionError, look
from orchestrator.terminal.exit_code import ExitCode
from trainer.input.problems import brief
from trainer.terminal.console import terminal
from trainer.terminal.logs import log_to_stderr
from trainer.terminal.table import Column, printable, table_width, terminal_table

SHOWN_NAMES = 10
"""Names that are printed of each kind of garbage, at most."""

Storage = Annotated[str, typer.Argument(metavar="STORAGE", help="A folder, or s3://BUCKET/PREFIX.")]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON document; all else goes to stderr.")
]

app = typer.Typer(
    add_completion=False, pretty_exceptions_enable=False, help="Look after a storage."
)


@app.command("ls")
def list_trials(
    storage: Storage = "runs",
    *,
    sweep: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only the trials of this sweep.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the trials: what each is, how far it is, what it takes, and which sweeps name it."""
    with _opened(storage) as files:
        entries = inventory(files, sweep=sweep)
        if as_json:
            _print_json([asdict(entry) for entry in entries])
        else:
            _show_entries(entries, files.url)


@app.command("verify")
def verify_files(
    storage: Storage = "runs",
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what is damaged, and leave it where it is.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Read every file that has a checksum; set aside what is damaged, so that it is made anew."""
    with _opened(storage) as files:
        sizes = contents(files)
        checked = sealed(sizes)
        with _bar(sum(checked.values())) as advance:
            findings = list(
                verify(files, sizes, dry_run=dry_run, on_read=lambda name: advance(checked[name]))
            )
        is_damaged = any(finding.is_damage for finding in findings)
        if as_json:
            _print_json(
                {
                    "files": len(checked),
                    "bytes": sum(checked.values()),
                    "findings": [asdict(finding) for finding in findings],
                }
            )
        else:
            _show_findings(findings, checked, dry_run=dry_run)
    raise typer.Exit(ExitCode.SOME_FAILED if is_damaged else ExitCode.DONE)


@app.command("gc")
def collect_garbage(
    storage: Storage = "runs",
    *,
    delete: Annotated[bool, typer.Option("--delete", help="Delete it; else only say it.")] = False,
    unreferenced: Annotated[
        bool, typer.Option("--unreferenced", help="Also the trials that no sweep here names.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List what nothing will ask for again, and how many bytes it takes."""
    with _opened(storage) as files:
        found = survey(files, unreferenced=unreferenced)
        garbage = found.garbage
        if delete:
            with _bar(sum(item.bytes for item in garbage)) as advance:
                garbage = tuple(_told(remove(files, garbage), advance))
        if as_json:
            _print_json(
                {
                    "deleted": delete,
                    "bytes": sum(item.bytes for item in garbage),
                    "garbage": [asdict(item) for item in garbage],
                    "left_alone": list(found.left_alone),
                }
            )
        else:
            _show_garbage(garbage, found.left_alone, deleted=delete)


@contextmanager
def _opened(storage: str) -> Iterator[Files]:
    """Open a storage's files for the time of the block; what is wrong with it ends the command."""
    log_to_stderr(logging.ERROR)
    try:
        files = open_files(storage)
        if not look(files):
            raise VersionError(f"storage must be one that a sweep has made, got {files.url}")
    except (ValueError, RefusedError, UnreachableError) as error:
        raise _failed(error, ExitCode.BAD_INPUT) from None
    try:
        yield files
    except (VersionError, UncertainError, UnknownSweepError, RefusedError) as error:
        raise _failed(error, ExitCode.BAD_INPUT) from None
    except (UnreachableError, FullError) as error:
        raise _failed(error, ExitCode.LOST) from None


def _failed(error: Exception, code: ExitCode) -> typer.Exit:
    typer.echo(brief(f"error: {error}"), err=True)
    return typer.Exit(code)


@contextmanager
def _bar(total: int) -> Iterator[Callable[[int], None]]:
    """Show a progress bar over bytes on stderr, if that is a terminal."""
    console = terminal(stderr=True)
    columns = (BarColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
    done = 0
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task("", total=total)

        def advance(size: int) -> None:
            nonlocal done
            done += size
            description = f"{decimal(done)} of {decimal(total)}"
            bar.update(task, completed=done, description=description)

        yield advance


def _told(garbage: Iterable[Garbage], advance: Callable[[int], None]) -> Iterator[Garbage]:
    for item in garbage:
        advance(item.bytes)
        yield item


def _show_entries(entries: list[Entry], url: str) -> None:
    names = (
        *("trial", "data", "model", "method", "seed", "state", "epochs"),
        *("suites", "attempts", "size", "sweeps", "changed"),
    )
    rows = [
        (
            *(entry.id, entry.data, entry.model, entry.method, entry.seed, entry.state),
            f"{entry.epochs_done}/{_shown(entry.epochs)}",
            *(entry.evaluations, entry.attempts, decimal(entry.bytes)),
            *(", ".join(entry.sweeps), entry.changed),
        )
        for entry in entries
    ]
    if entries:
        _print_table(names, rows, importance=(9, 2, 3, 7, 6, 8, 5, 0, 0, 4, 1, 1))
    total = decimal(sum(entry.bytes for entry in entries))
    _print(f"{len(entries)} trials, {total} in {url}")


def _show_findings(findings: list[Finding], checked: dict[str, int], *, dry_run: bool) -> None:
    rows = [(str(finding.kind), finding.name, finding.consequence) for finding in findings]
    if findings:
        _print_table(("what", "file", "what follows"), rows, importance=(1, 2, 0))
    damaged = sum(finding.is_damage for finding in findings)
    read = f"{len(checked)} files, {decimal(sum(checked.values()))} read"
    aside = "" if dry_run or not damaged else " and set aside; start the sweeps again to mend them"
    _print(f"{read}: {damaged or 'none'} damaged{aside}")


def _show_garbage(
    garbage: tuple[Garbage, ...], left_alone: tuple[str, ...], *, deleted: bool
) -> None:
    for kind in Kind:
        items = [item for item in garbage if item.kind is kind]
        if items:
            size = decimal(sum(item.bytes for item in items))
            _print(f"{kind:14}{len(items)} files, {size}")
            for item in items[:SHOWN_NAMES]:
                _print(f"{'':14}{item.name}")
            if len(items) > SHOWN_NAMES:
                _print(f"{'':14}and {len(items) - SHOWN_NAMES} more, see --json")
    if left_alone:
        _print(f"{'left alone':14}{len(left_alone)} trials and sweeps that may be at work")
    total = decimal(sum(item.bytes for item in garbage))
    _print(f"{total} {'deleted' if deleted else 'to be deleted; do it with --delete'}")


def _print_table(
    names: Sequence[str], rows: Sequence[Sequence[object]], *, importance: Sequence[int]
) -> None:
    columns = [
        Column(
            name=name,
            cells=[_shown(row[at]) for row in rows],
            importance=importance[at],
            stays=name in {"trial", "state", "file"},
            is_number=name in {"seed", "epochs", "suites", "attempts", "size"},
            is_sentence=name == "what follows",
        )
        for at, name in enumerate(names)
    ]
    console = terminal()
    table = terminal_table(columns, width=table_width(console), more="--json")
    console.print(table, soft_wrap=True)


def _print(line: str) -> None:
    terminal().print(Text(printable(line)), soft_wrap=True)


def _print_json(record: Any) -> None:
    typer.echo(json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False))


def _shown(value: object) -> str:
    return "?" if value is None else str(value)


if __name__ == "__main__":
    app()
