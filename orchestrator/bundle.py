"""A sweep in one archive for a reviewer: `python -m orchestrator.bundle SPEC [--anonymous]`.

The sweep file, tables, pictures, versions and the commands that run it again. An anonymous one
tells no host, user, folder or address: every byte is searched for these before it is written.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.bundling.bundle import Bundle, make_bundle
from orchestrator.exit_codes import exit_codes
from orchestrator.front import written_into
from orchestrator.spec.arguments import Assignments, SpecPath, Storage, check_started, read_sweep
from orchestrator.store.files.by_url import open_files
from orchestrator.terminal.units import size_text
from trainer.input.problems import InputError
from trainer.input.whole_file import write_whole
from trainer.terminal.console import print_titled, terminal
from trainer.terminal.door import door
from trainer.terminal.json_text import print_json

SUFFIX = ".zip"

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
@door(exit_codes)
def main(
    spec_path: SpecPath,
    *,
    anonymous: Annotated[
        bool,
        typer.Option("--anonymous", help="Replace what tells hosts, users, folders and addresses."),
    ] = False,
    with_bits: Annotated[
        bool,
        typer.Option(
            "--with-bits",
            help="With each trial's outcome bits, from which its numbers follow without training.",
        ),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="The archive; default: NAME.zip, or NAME-anonymous.zip, here."
        ),
    ] = None,
    storage: Storage = None,
    assignments: Assignments = None,
    prints_json: Annotated[bool, typer.Option("--json", help="Print all of it as JSON.")] = False,
) -> None:
    """Put what a sweep left into one archive, with what made it and how to run it again."""
    if out is not None and out.suffix != SUFFIX:
        raise InputError(f"--out must end in {SUFFIX}, got {out}")
    spec = read_sweep(spec_path, storage, assignments)
    check_started(spec, open_files(spec.storage))
    made = make_bundle(spec, is_anonymous=anonymous, with_bits=with_bits)
    ending = f"-anonymous{SUFFIX}" if anonymous else SUFFIX
    path = Path(f"{made.folder}{ending}") if out is None else out
    with written_into(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, made.data)
    if prints_json:
        print_json({"archive": str(path)} | made.record())
        return
    print_titled(terminal(), [*_lines(path, made, name=spec.name)])


def _lines(path: Path, made: Bundle, *, name: str) -> list[tuple[str, str]]:
    said = f"{path}: {len(made.files)} files, {size_text(len(made.data))}"
    lines = [("bundle", f"{said}, of which {size_text(made.bits)} bits" if made.bits else said)]
    lines += made.lines
    if made.incomplete:
        lines.append(("incomplete", made.incomplete))
    if made.absent:
        lines.append(("not there", ", ".join(made.absent)))
    for why in dict.fromkeys(made.left_out.values()):
        names = ", ".join(name for name, its in made.left_out.items() if its == why)
        lines.append(("left out", f"{names}: {why}"))
    if made.searched is not None:
        lines.append(
            (
                "anonymous",
                f"nothing of {made.searched} names, folders and addresses is in any byte of it; "
                f"your own words are: the sweep's name {name!r}, labels, comments in modules",
            )
        )
    if made.common:
        names = ", ".join(made.common)
        lines.append(("", f"left where they stand, as words of any sweep's: {names}"))
    return lines


if __name__ == "__main__":
    app()
