"""The model to take of a sweep: `python -m orchestrator.pick SPEC`.

Chosen on validation images, by limits and a preference; told with its numbers on those that may be
shown, how sure the choice is, and where its weights are. It changes nothing in the storage.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.exit_codes import exit_codes
from orchestrator.front import written_into
from orchestrator.report.picked_model import lines, numbers_table, picked_record, rule_words
from orchestrator.results.candidates import Wish, once_each
from orchestrator.results.picked import pick_model
from orchestrator.results.taken_home import FILES, copy_model, refuse_used
from orchestrator.spec.arguments import Assignments, SpecPath, Storage, check_started, read_sweep
from orchestrator.store.files.by_url import open_files
from trainer.input.problems import InputError
from trainer.terminal.console import print_table, print_titled, terminal
from trainer.terminal.door import door
from trainer.terminal.json_text import print_json

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
@door(exit_codes)
def main(
    spec_path: SpecPath,
    *,
    at_most: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN=NUMBER", help="Limit on a column of trials.csv; repeatable."),
    ] = None,
    at_least: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN=NUMBER", help="Likewise, from below."),
    ] = None,
    prefer: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN=SHARE",
            help="Weight of an objective, scaled over the front, from 0 to 1; the others share the "
            "rest. Repeatable.",
        ),
    ] = None,
    knee: Annotated[bool, typer.Option("--knee", help="The front's knee; the default.")] = False,
    copy: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Copy the model there, for `trainer.load`: new, or empty."
        ),
    ] = None,
    storage: Storage = None,
    assignments: Assignments = None,
    prints_json: Annotated[bool, typer.Option("--json", help="Print all of it as JSON.")] = False,
) -> None:
    """Choose a model of a sweep on validation, and say how sure that is and how to load it."""
    console = terminal()
    if knee and prefer:
        raise InputError(f"--knee must be left out beside --prefer, got --prefer {prefer[0]}")
    wish = Wish(
        at_most=once_each("--at-most", at_most or ()),
        at_least=once_each("--at-least", at_least or ()),
        prefer=once_each("--prefer", prefer or ()),
    )
    if copy is not None:
        refuse_used(copy)
    spec = read_sweep(spec_path, storage, assignments)
    check_started(spec, open_files(spec.storage))
    picked = pick_model(spec, wish)
    if copy is not None:
        with written_into(copy):
            copy_model(spec, picked, rule=rule_words(picked), folder=copy)
    if prints_json:
        print_json(picked_record(spec, picked) | {"copy": None if copy is None else str(copy)})
        return
    print_table(console, numbers_table(picked.numbers), more="--json")
    print_titled(console, list(lines(spec, picked)))
    if copy is not None:
        load = f"import trainer; model = trainer.load({str(copy)!r})"
        print_titled(console, [("copied", f"{copy}: {' '.join(FILES)}"), ("load", load)])


if __name__ == "__main__":
    app()
