"""The front of a table of trials, as files and pictures: `python -m orchestrator.front TABLE`.

Writes `front.csv`, `front.json`, `cells.csv`, `front.png` and `front.svg` beside the table or
into another directory, and nothing where the table or an argument is bad.
"""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.exit_codes import exit_codes
from orchestrator.figures.placement import FRONTS, PLACEMENTS, FrontOf, Placement
from orchestrator.pareto.front import extract_front
from orchestrator.report.front_files import (
    FILES,
    check_writable,
    copy_into,
    front_record,
    write_front,
)
from orchestrator.report.front_text import show, show_files
from orchestrator.report.remarks import what_differs
from orchestrator.results.table_files import FORMATS, TableError, read_table
from orchestrator.table.columns import AT_KNEE, SELECTED, WeightsName
from orchestrator.table.objectives import (
    DEFAULT_OBJECTIVES,
    LARGEST,
    Objective,
    ObjectiveError,
    default_reference_point,
    on_weights,
    parse_objectives,
    weights_of,
)
from trainer.input.problems import InputError, shown
from trainer.terminal.console import print_titled, terminal
from trainer.terminal.door import door
from trainer.terminal.json_text import print_json

if TYPE_CHECKING:
    from orchestrator.spec.sweep_spec import SweepSpec

SPEC_SUFFIXES = (".yaml", ".yml")

STRICT_OBJECTIVES = ("union_accuracy", "natural_accuracy")
"""Objectives of the strict front: shares of images right under every attack, and when clean."""


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
@door(exit_codes)
def main(
    table_path: Annotated[
        Path,
        typer.Argument(
            metavar="TABLE|SPEC", help=f"Trials in {' or '.join(FORMATS)}, or a sweep's .yaml."
        ),
    ],
    *,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Where the files go; default: beside TABLE, or the sweep's."
        ),
    ] = None,
    objective: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="A column, or min:COLUMN, max:COLUMN; once for each; "
            f"default: {', '.join(DEFAULT_OBJECTIVES)}.",
        ),
    ] = None,
    storage: Annotated[
        str | None, typer.Option(metavar="FOLDER|URL", help="Of a SPEC: where its sweep is kept.")
    ] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=YAML", help="Of a SPEC: as its sweep was started with."),
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option(metavar="A,B", help="The hypervolume's end, one number an objective."),
    ] = None,
    keep_collapsed: Annotated[
        bool,
        typer.Option(
            "--keep-collapsed",
            help="Let collapsed models on the front, and what a constant classifier equals.",
        ),
    ] = False,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict",
            help=f"The strict front, {' and '.join(STRICT_OBJECTIVES)}; default of --out: a folder "
            "`strict` there.",
        ),
    ] = False,
    weights: Annotated[
        WeightsName | None,
        typer.Option(
            help="`last`, of the last epoch, or `best` on validation; default: as the sweep says, "
            "of a TABLE `last`. Default of --out for others: a folder of that name there."
        ),
    ] = None,
    axes: Annotated[
        Placement,
        typer.Option(
            help="`score`: the first objective is vertical; `paper`: the sacrifice, as in Figure 7."
        ),
    ] = PLACEMENTS[0],
    of: Annotated[
        FrontOf,
        typer.Option(
            help="What the front shown is of: `cells`, means over seeds; `trials`, single ones, of "
            "which the luckiest lead."
        ),
    ] = FRONTS[0],
    note: Annotated[str, typer.Option(help="Small print of the pictures, such as the data.")] = "",
    prints_json: Annotated[
        bool, typer.Option("--json", help="Print front.json's content alone.")
    ] = (False),
) -> None:
    """Extract the empirical Pareto front of a table of trials; write and draw it."""
    console = terminal()
    directory = table_path.parent if out is None else out
    below = "/strict" if strict and out is None else ""
    if strict and objective:
        raise ObjectiveError(f"objective must be left out beside --strict, got {objective[0]}")
    objective = list(STRICT_OBJECTIVES) if strict else objective
    shown, chosen = None, None
    if table_path.suffix in SPEC_SUFFIXES:
        # Here alone: all that a sweep file may say is not needed to read a table.
        from orchestrator.results.trials_table import sweep_table_and_choice  # noqa: PLC0415
        from orchestrator.store.files.by_url import open_files  # noqa: PLC0415

        spec = _sweep(table_path, storage, assignments, weights)
        if out is None:
            directory, shown = _place_of(spec)
        objectives = parse_objectives(objective) if objective else spec.objectives
        ends = default_reference_point(objectives) if objective else spec.reference_point
        objectives, beside = _of_weights(objectives, spec.policy.weights, weights)
        table, chosen = sweep_table_and_choice(spec, objectives)
        note = ", ".join(part for part in (note, chosen.note()) if part)
    elif storage is not None or assignments:
        raise TableError(f"{table_path}: must be a SPEC for --storage and --set, got a table")
    else:
        objectives = parse_objectives(objective or DEFAULT_OBJECTIVES)
        objectives, beside = _of_weights(objectives, weights_of(objectives), weights)
        ends = default_reference_point(objectives) if reference is None else ()
        _refuse_own_front(table_path, directory)
        table = read_table(table_path, objectives)
        if objective or weights is not None:  # cells were selected by the sweep's own objectives
            table = table.drop(columns=[SELECTED, AT_KNEE], errors="ignore")
    reference_point = ends if reference is None else _reference_point(reference, objectives)
    front, usual = (
        extract_front(
            table, objectives=objectives, reference_point=reference_point, keep_collapsed=keep
        )
        for keep in (keep_collapsed, False)
    )
    below += beside if out is None else ""
    directory /= below.removeprefix("/")
    with written_into(directory):
        check_writable(directory)
    if not prints_json:  # before the pictures, which take longer than all else
        show(front, console, of=of)
        if chosen is not None:
            print_titled(console, list(chosen.lines()))
    facts = {} if chosen is None else {"selection": chosen.record()}
    with written_into(directory):
        paths = write_front(front, directory, placement=axes, of=of, note=note, facts=facts)
    if shown is not None:
        copy_into(paths, open_files(spec.storage), f"{spec.folder}{below}")
    if prints_json:
        print_json(front_record(front) | facts)
        return
    show_files(
        f"{shown}{below}" if shown else str(directory), [path.name for path in paths], console
    )
    if keep_collapsed:
        print_titled(console, [("kept", what_differs(front, usual))])


@contextmanager
def written_into(directory: Path) -> Iterator[None]:
    """Refuse a folder into which a block cannot write.

    Raises:
        InputError: what the system says of it.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"{directory}: must be a writable folder: {reason}") from error


def _sweep(
    path: Path, storage: str | None, assignments: list[str] | None, weights: WeightsName | None
) -> SweepSpec:
    """Read a sweep that was started.

    Raises:
        InputError: it was not, or has no best weights, for which it is asked.
    """
    from orchestrator.spec.arguments import check_started, read_sweep  # noqa: PLC0415
    from orchestrator.store.files.by_url import open_files  # noqa: PLC0415

    spec = read_sweep(str(path), storage, assignments)
    check_started(spec, open_files(spec.storage))
    if weights == "best" and spec.policy.weights == "last":
        raise InputError(
            f"--weights must be last where a sweep keeps no others, as {spec.name}, got best; "
            f"write `weights: best` into its file and start it again"
        )
    return spec


def _of_weights(
    objectives: tuple[Objective, ...], usual: WeightsName, weights: WeightsName | None
) -> tuple[tuple[Objective, ...], str]:
    """Return the objectives of the weights that are asked for, or else the usual ones, and the part
    of a folder's name by which the front of others is told apart."""
    beside = "" if weights in {None, usual} else f"/{weights}"
    return on_weights(objectives, weights or usual), beside


def _refuse_own_front(table_path: Path, directory: Path) -> None:
    if os.path.realpath(table_path) in [os.path.realpath(directory / file) for file in FILES]:
        message = "must not be overwritten by its own front; give --out"
        raise TableError(f"{table_path}: {message}")


def _place_of(spec: SweepSpec) -> tuple[Path, str | None]:
    """Return the folder for a sweep's files: a local one, and the URL that they are copied to,
    where the storage is not local."""
    if "://" not in spec.storage:
        return Path(spec.storage) / spec.folder, None
    return Path(tempfile.mkdtemp(prefix="front-")), f"{spec.storage}/{spec.folder}"


def _reference_point(text: str, objectives: Sequence[Objective]) -> tuple[float, ...]:
    try:
        reference = tuple(float(part) for part in text.split(","))
    except ValueError:
        reference = ()
    if len(reference) != len(objectives) or not all(map(math.isfinite, reference)):
        raise ObjectiveError(
            f"reference_point must be {len(objectives)} finite numbers with commas between, "
            f"for {', '.join(objective.name for objective in objectives)}, got {shown(text)}"
        )
    if max(map(abs, reference)) > LARGEST:
        raise ObjectiveError(
            f"reference_point must lie within {LARGEST:g} of 0, got {shown(text)}: "
            f"volumes of larger numbers overflow"
        )
    return reference


if __name__ == "__main__":
    app()
