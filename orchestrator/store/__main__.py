"""Look after a storage: `python -m orchestrator.store ls|verify|gc STORAGE`."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Annotated

import typer

from orchestrator.exit_codes import exit_codes
from orchestrator.store import Store
from orchestrator.store.files.by_url import open_files
from orchestrator.store.files.contract import Files, UnreachableError
from orchestrator.store.housekeeping.collection import remove, survey
from orchestrator.store.housekeeping.garbage import Garbage, GarbageKind
from orchestrator.store.housekeeping.inventory import Entry, inventory
from orchestrator.store.housekeeping.verification import Finding, contents, sealed, verify
from orchestrator.store.records.version import VersionError, look
from orchestrator.terminal.units import size_text
from trainer.input.problems import InputError
from trainer.terminal.console import print_line, print_table, print_titled, terminal
from trainer.terminal.door import door
from trainer.terminal.exit_code import ExitCode
from trainer.terminal.json_text import print_json
from trainer.terminal.progress import Bar, progress_bar
from trainer.terminal.table import Column

SHOWN_NAMES = 10
"""Names that are printed of each kind of garbage, at most."""

Storage = Annotated[
    str, typer.Argument(metavar="STORAGE", help="A folder, or s3://, gs:// or az://BUCKET/PREFIX.")
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON document; all else goes to stderr.")
]

app = typer.Typer(
    add_completion=False, pretty_exceptions_enable=False, help="Look after a storage."
)


@app.command("ls")
@door(exit_codes, level=logging.ERROR)
def list_trials(
    storage: Storage = "runs",
    *,
    sweep: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only the trials of this sweep.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the trials: what each is, how far it is, what it takes, and which sweeps name it."""
    files = _opened(storage)
    entries = inventory(files, sweep=sweep)
    if as_json:
        print_json(entries)
    else:
        _show_entries(entries, files.url)


@app.command("verify")
@door(exit_codes, level=logging.ERROR)
def verify_files(
    storage: Storage = "runs",
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what is damaged, and leave it where it is.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Read every file that has a checksum; set aside what is damaged, so that it is made anew."""
    files = _opened(storage)
    sizes = contents(files)
    checked = sealed(sizes)
    count = sum(checked.values())
    with _bar(count) as bar:
        findings = list(
            verify(files, sizes, dry_run=dry_run, on_read=lambda name: bar.advance(checked[name]))
        )
    is_damaged = any(finding.is_damage for finding in findings)
    if as_json:
        print_json({"files": len(checked), "bytes": count, "findings": findings})
    else:
        _show_findings(findings, checked, dry_run=dry_run)
    raise typer.Exit(ExitCode.SOME_FAILED if is_damaged else ExitCode.DONE)


@app.command("gc")
@door(exit_codes, level=logging.ERROR)
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
    files = _opened(storage)
    found = survey(files, unreferenced=unreferenced)
    garbage = found.garbage
    if delete:
        with _bar(_bytes(garbage)) as bar:
            garbage = tuple(_told(remove(files, garbage), bar))
    if as_json:
        print_json(
            {
                "deleted": delete,
                "bytes": _bytes(garbage),
                "garbage": garbage,
                "left_alone": found.left_alone,
            }
        )
    else:
        _show_garbage(garbage, found.left_alone, deleted=delete)


def _opened(storage: str) -> Files:
    """Return the files of a storage, under the ids that its trials have now.

    Raises:
        InputError: it is none that a sweep has made, or does not answer.
    """
    try:
        files = open_files(storage)
        is_made = look(files)
    except (ValueError, UnreachableError) as error:
        raise InputError(str(error)) from error
    if not is_made:
        raise VersionError(f"storage must be one that a sweep has made, got {files.url}")
    return Store(files).files


def _bar(count: int) -> AbstractContextManager[Bar]:
    """Show a progress bar over bytes."""
    return progress_bar(count, lambda done: f"{size_text(done)} of {size_text(count)}")


def _told(garbage: Iterable[Garbage], bar: Bar) -> Iterator[Garbage]:
    for item in garbage:
        bar.advance(item.bytes)
        yield item


def _bytes(garbage: Iterable[Garbage]) -> int:
    return sum(item.bytes for item in garbage)


def _show_entries(entries: list[Entry], url: str) -> None:
    names = (
        *("trial", "data", "model", "method", "seed", "state", "epochs"),
        *("suites", "attempts", "size", "sweeps", "changed"),
    )
    rows = [
        (
            *(entry.id, entry.data, entry.model, entry.method, entry.seed, entry.state),
            f"{entry.epochs_done}/{_shown(entry.epochs)}",
            *(entry.evaluations, entry.attempts, size_text(entry.bytes)),
            *(", ".join(entry.sweeps), entry.changed),
        )
        for entry in entries
    ]
    if entries:
        _show_table(names, rows, importance=(9, 2, 3, 7, 6, 8, 5, 0, 0, 4, 1, 1))
    total = size_text(sum(entry.bytes for entry in entries))
    print_line(terminal(), f"{len(entries)} trials, {total} in {url}")


def _show_findings(findings: list[Finding], checked: dict[str, int], *, dry_run: bool) -> None:
    rows = [(str(finding.kind), finding.name, finding.consequence) for finding in findings]
    if findings:
        _show_table(("what", "file", "what follows"), rows, importance=(1, 2, 0))
    damaged = sum(finding.is_damage for finding in findings)
    read = f"{len(checked)} files, {size_text(sum(checked.values()))} read"
    aside = "" if dry_run or not damaged else " and set aside; start the sweeps again to mend them"
    print_line(terminal(), f"{read}: {damaged or 'none'} damaged{aside}")


def _show_garbage(
    garbage: tuple[Garbage, ...], left_alone: tuple[str, ...], *, deleted: bool
) -> None:
    said: list[tuple[str, str]] = []
    for kind in GarbageKind:
        items = [item for item in garbage if item.kind is kind]
        if items:
            said.append((kind, f"{len(items)} files, {size_text(_bytes(items))}"))
            said += [("", item.name) for item in items[:SHOWN_NAMES]]
            if len(items) > SHOWN_NAMES:
                said.append(("", f"and {len(items) - SHOWN_NAMES} more, see --json"))
    if left_alone:
        said.append(("left alone", f"{len(left_alone)} trials and sweeps that may be at work"))
    print_titled(terminal(), said)
    total = size_text(_bytes(garbage))
    effect = "deleted" if deleted else "to be deleted; do it with --delete"
    print_line(terminal(), f"{total} {effect}")


def _show_table(
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
    print_table(terminal(), columns, more="--json")


def _shown(value: object) -> str:
    return "?" if value is None else str(value)


if __name__ == "__main__":
    app()
