"""The page that people send on: `python -m orchestrator.report SPEC`, or of a bare TABLE.

One HTML file, which a browser opens without any network. A sweep's lies beside its tables, and is
made as the storage is now: while it runs, of the images that may be shown by then. A table says
less, and its page says what is missing.
"""

from __future__ import annotations

import os
import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.exit_codes import exit_codes
from orchestrator.front import (
    NO_BITS,
    SPEC_SUFFIXES,
    reference_point_in,
    trials_in,
    written_into,
)
from orchestrator.pareto.front import extract_front
from orchestrator.pareto.sure_front import with_certainty
from orchestrator.report.front_files import RESOLVED
from orchestrator.results.table_files import FORMATS, TableError
from orchestrator.spec.arguments import Assignments, Storage
from orchestrator.table.objectives import DEFAULT_OBJECTIVES, default_reference_point
from trainer.input.problems import InputError, shown
from trainer.input.whole_file import write_whole
from trainer.terminal.console import print_titled, terminal
from trainer.terminal.door import door
from trainer.terminal.json_text import print_json

if TYPE_CHECKING:
    from orchestrator.page.view import Page

PAGE_SUFFIXES = (".html", ".htm")

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
@door(exit_codes)
def main(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="TABLE|SPEC", help=f"Trials in {' or '.join(FORMATS)}, or a sweep's .yaml."
        ),
    ],
    *,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Where the page goes; default: report.html beside the tables."
        ),
    ] = None,
    storage: Storage = None,
    assignments: Assignments = None,
    objective: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Of a TABLE: a column, or min:COLUMN, max:COLUMN; once for each; "
            f"default: {', '.join(DEFAULT_OBJECTIVES)}.",
        ),
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option(
            metavar="A,B", help="Of a TABLE: the hypervolume's end, one number an objective."
        ),
    ] = None,
    prints_json: Annotated[
        bool, typer.Option("--json", help="Print the answer and the file as JSON.")
    ] = False,
) -> None:
    """Write the page of a sweep, or of a table of trials."""
    if out is not None and out.suffix not in PAGE_SUFFIXES:
        raise InputError(
            f"--out must be a page and end in {' or '.join(PAGE_SUFFIXES)}, got {shown(str(out))}"
        )
    if path.suffix in SPEC_SUFFIXES:
        if objective or reference is not None:
            message = "must be a TABLE for --objective and --reference, got a sweep file"
            raise TableError(f"{path}: {message}, whose objectives are its own")
        page, place = _of_sweep(path, out, storage, assignments)
    else:
        if storage is not None or assignments:
            raise TableError(f"{path}: must be a SPEC for --storage and --set, got a table")
        page, place = _of_table(path, out, objective, reference)
    if prints_json:
        print_json(
            {
                "file": place,
                "answer": list(page.answer),
                "belief": [
                    {"about": about, "says": says}
                    for about, says in (*page.tables[0].fronts[0].lines, *page.belief)
                ],
            }
        )
        return
    console = terminal()
    said = [("answer" if at == 0 else "", sentence) for at, sentence in enumerate(page.answer)]
    print_titled(console, [*said, ("page", place)])


def _of_sweep(
    path: Path, out: Path | None, storage: str | None, assignments: list[str] | None
) -> tuple[Page, str]:
    """Write the page of a sweep that was started; return it, and where it is."""
    # Here alone: all that a sweep file may say is not needed to read a table.
    from orchestrator.page.at_hand import as_stored  # noqa: PLC0415
    from orchestrator.page.document import FILE, document  # noqa: PLC0415
    from orchestrator.page.of_sweep import page_of_sweep  # noqa: PLC0415
    from orchestrator.page.versions import versions  # noqa: PLC0415
    from orchestrator.plan.manifest import plan_as_stored  # noqa: PLC0415
    from orchestrator.spec.arguments import check_started, read_sweep  # noqa: PLC0415
    from orchestrator.store import Store  # noqa: PLC0415
    from orchestrator.store.files.by_url import open_files  # noqa: PLC0415
    from orchestrator.store.records.read_only import only_read  # noqa: PLC0415

    spec = read_sweep(str(path), storage, assignments)
    files = open_files(spec.storage)
    check_started(spec, files)
    with only_read(files) as looked:
        store = Store(looked)
        found = as_stored(spec, plan_as_stored(spec, store), store)
        page = page_of_sweep(found, versions=versions(), is_live=False, written=_now())
    data = document(page)
    if out is not None:
        return page, _written(out, data)
    files.write(f"{spec.folder}/{FILE}", data)
    return page, f"{files.url}/{spec.folder}/{FILE}"


def _of_table(
    path: Path, out: Path | None, objective: list[str] | None, reference: str | None
) -> tuple[Page, str]:
    """Write the page of a table; return it, and where it is."""
    from orchestrator.page.document import FILE, document  # noqa: PLC0415
    from orchestrator.page.fronts import fronts_over  # noqa: PLC0415
    from orchestrator.page.of_table import page_of_table  # noqa: PLC0415
    from orchestrator.page.versions import versions  # noqa: PLC0415

    table, objectives, _ = trials_in(path, objective, None, is_strict=False)
    ends = (
        default_reference_point(objectives)
        if reference is None
        else reference_point_in(reference, objectives)
    )
    front = extract_front(table, objectives=objectives, reference_point=ends, keep_collapsed=False)
    given = [f"--objective={name}" for name in objective or ()]
    given += [] if reference is None else [f"--reference={reference}"]
    page = page_of_table(
        path.name,
        table,
        fronts_over(table, with_certainty(front, table, NO_BITS), NO_BITS),
        command=shlex.join(["python", "-m", "orchestrator.report", str(path), *given]),
        versions=versions(),
        written=_now(),
    )
    is_sweeps = (path.parent / RESOLVED).is_file()
    name = f"{Path(FILE).stem}_{path.stem}.html" if is_sweeps else FILE
    return page, _written(path.parent / name if out is None else out, document(page))


def _written(path: Path, data: bytes) -> str:
    with written_into(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, data)
    return os.fspath(path)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")


if __name__ == "__main__":
    app()
