"""The front of a table of trials, as files and pictures: `python -m orchestrator.front TABLE`.

Writes `front.csv`, `front.json`, `cells.csv`, `front.png` and `front.svg` beside the table or
into another directory, and nothing where the table or an argument is bad. In a sweep's folder these
are of the sweep's own trials, and another table's files have its name: `front_confirmed.csv`, ...
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
from orchestrator.figures.appearance import WIDTH, appearance_in
from orchestrator.figures.placement import FRONTS, PLACEMENTS, FrontOf, Placement
from orchestrator.pareto.answers import Answers
from orchestrator.pareto.front import by_contract, extract_front, methods_in
from orchestrator.pareto.sure_front import with_certainty
from orchestrator.report.front_files import (
    FILES,
    check_writable,
    copy_into,
    front_names,
    front_record,
    names_beside,
    write_front,
)
from orchestrator.report.front_text import show, show_files
from orchestrator.report.remarks import what_differs
from orchestrator.results.table_files import FORMATS, TableError, read_table
from orchestrator.table.best_weights import stood_on
from orchestrator.table.columns import AT_KNEE, SELECTED, WeightsName
from orchestrator.table.models import ModelsName
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
    import pandas as pd

    from orchestrator.report.published_numbers import PublishedNumbers
    from orchestrator.spec.sweep_spec import SweepSpec

NO_BITS = Answers(why_not="a table has no answers to single images")

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
            "whose TABLE has columns of the best ones if it does. Default of --out for others: a "
            "folder of that name there."
        ),
    ] = None,
    models: Annotated[
        ModelsName,
        typer.Option(
            help="Of a SPEC: `own`, by which cells were also chosen, or `confirmed`: those with "
            "fresh seeds, once all are done. Their files are `front_confirmed.csv` and so on."
        ),
    ] = "own",
    axes: Annotated[
        Placement,
        typer.Option(
            help="`score`: the first objective is vertical; `paper`: the sacrifice, as in the "
            "paper's Figure 7."
        ),
    ] = PLACEMENTS[0],
    of: Annotated[
        FrontOf,
        typer.Option(
            help="What the front shown is of: `cells`, means over seeds; `trials`, single ones, of "
            "which the luckiest lead."
        ),
    ] = FRONTS[0],
    width: Annotated[
        str | None,
        typer.Option(
            metavar="LENGTH",
            help="Of the pictures, as 3.25in, 84mm or 240pt; text keeps its size. Default: "
            f"{WIDTH:g}in.",
        ),
    ] = None,
    rename: Annotated[
        list[str] | None,
        typer.Option(
            metavar="METHOD=NAME|FILE",
            help="What a method is called in the pictures, or a .yaml of METHOD: NAME.",
        ),
    ] = None,
    pdf: Annotated[
        bool, typer.Option("--pdf", help="Write the picture as a PDF too, with its fonts in it.")
    ] = False,
    published: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A small .csv or .yaml of published numbers, drawn beside the front and counted "
            "nowhere; default of --out: a folder `published` there.",
        ),
    ] = None,
    note: Annotated[str, typer.Option(help="Small print of the pictures, such as the data.")] = "",
    prints_json: Annotated[
        bool, typer.Option("--json", help="Print front.json's content alone.")
    ] = (False),
) -> None:
    """Extract the empirical Pareto front of a table of trials; write and draw it."""
    console = terminal()
    if strict and objective:
        raise ObjectiveError(f"objective must be left out beside --strict, got {objective[0]}")
    named = list(STRICT_OBJECTIVES) if strict else objective
    folder = table_path.parent if out is None else out
    url, found, spec = None, None, None
    if table_path.suffix in SPEC_SUFFIXES:
        # Here alone: all that a sweep file may say is not needed to read a table.
        from orchestrator.results.as_stored import stored_results  # noqa: PLC0415

        spec = started_sweep(table_path, storage, assignments, weights)
        if out is None:
            folder, url = place_of(spec)
        objectives = parse_objectives(named) if named else spec.objectives
        ends = default_reference_point(objectives) if named else spec.reference_point
        usual = spec.policy.weights
        objectives = on_weights(objectives, weights or usual)
        found = stored_results(spec, objectives, models, reads_answers=True)
        table = found.table
        names = FILES if models == "own" else front_names(models)
    else:
        if storage is not None or assignments or models != "own":
            raise TableError(
                f"{table_path}: must be a SPEC for --storage, --set and --models, got a table"
            )
        names = names_beside(table_path, folder)
        _refuse_own_front(table_path, folder, names)
        table, objectives, usual = trials_in(table_path, named, weights, is_strict=strict)
        ends = default_reference_point(objectives) if reference is None else ()
    reference_point = ends if reference is None else reference_point_in(reference, objectives)
    front, without = (
        extract_front(
            table, objectives=objectives, reference_point=reference_point, keep_collapsed=keep
        )
        for keep in (keep_collapsed, False)
    )
    others = None if published is None else published_in(published, objectives, spec)
    appearance = appearance_in(width, rename or (), methods_in(front))
    front = with_certainty(front, table, NO_BITS if found is None else found.answers)
    below = (
        ""
        if out is not None
        else _below(weights, usual, is_strict=strict, has_published=others is not None)
    )
    directory = folder / below.removeprefix("/")
    with written_into(directory):
        check_writable(directory)
    if not prints_json:  # before the pictures, which take longer than all else
        show(front, console, of=of, names=names)
        print_titled(console, [line for it in (found, others) if it for line in it.lines()])
    facts = ({} if found is None else found.facts()) | ({} if others is None else others.facts())
    with written_into(directory):
        paths = write_front(
            front,
            directory,
            names=names,
            placement=axes,
            of=of,
            note=", ".join(filter(None, (note, *(it.note() for it in (found, others) if it)))),
            facts=facts,
            appearance=appearance,
            has_pdf=pdf,
            published=None if others is None else others.points(objectives),
        )
    if url is not None and spec is not None:
        _copy_to_storage(paths, spec, below)
    if prints_json:
        print_json(front_record(front) | facts)
        return
    show_files(f"{url}{below}" if url else str(directory), [path.name for path in paths], console)
    kept = [("kept", what_differs(front, without))] if keep_collapsed else []
    whose = "" if found is None else found.whose()
    print_titled(console, [*kept, *([("models", whose)] if whose else [])])


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


def started_sweep(
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


def trials_in(
    path: Path, named: Sequence[str] | None, weights: WeightsName | None, *, is_strict: bool
) -> tuple[pd.DataFrame, tuple[Objective, ...], WeightsName]:
    """Read a table of trials; return it with the objectives of its front, and the weights that are
    usual for it. Objectives that a user names are taken as they are named.

    Raises:
        TableError: what is wrong with it.
    """
    asked = parse_objectives(named or DEFAULT_OBJECTIVES)
    objectives = asked if weights is None else on_weights(asked, weights)
    table = read_table(path, objectives)
    usual = weights_of(asked)
    if is_strict or not named:
        usual = stood_on(table, [objective.name for objective in asked])
    if weights is None and weights_of(objectives) != usual:
        objectives = on_weights(asked, usual)
        table = by_contract(table, objectives)
    if named or weights not in {None, usual}:  # cells were selected by the sweep's own objectives
        table = table.drop(columns=[SELECTED, AT_KNEE], errors="ignore")
    return table, objectives, usual


def _refuse_own_front(table_path: Path, directory: Path, names: Sequence[str]) -> None:
    if os.path.realpath(table_path) in [
        os.path.realpath(directory / name) for name in (*FILES, *names)
    ]:
        message = "must not be overwritten by its own front; give --out"
        raise TableError(f"{table_path}: {message}")


def _below(
    weights: WeightsName | None, usual: WeightsName, *, is_strict: bool, has_published: bool
) -> str:
    """Return the place, below the folder of the usual front's files, for those of another."""
    below = "/strict" * is_strict + f"/{weights}" * (weights not in {None, usual})
    return below + "/published" * has_published


def published_in(
    path: Path, objectives: Sequence[Objective], spec: SweepSpec | None
) -> PublishedNumbers:
    """Read published numbers that are to be laid over a front of these objectives.

    Args:
        spec: the sweep whose front it is; None of a bare table.

    Raises:
        InputError: what is wrong with them.
    """
    # Here alone, as all that only some options need.
    from orchestrator.report.published_numbers import held_against  # noqa: PLC0415
    from orchestrator.results.published import read_published  # noqa: PLC0415

    return held_against(read_published(path), objectives, spec, file=path.name)


def _copy_to_storage(paths: Sequence[Path], spec: SweepSpec, below: str) -> None:
    from orchestrator.store.files.by_url import open_files  # noqa: PLC0415

    copy_into(paths, open_files(spec.storage), f"{spec.folder}{below}")


def place_of(spec: SweepSpec) -> tuple[Path, str | None]:
    """Return the folder for a sweep's files: a local one, and the URL that they are copied to,
    where the storage is not local."""
    if "://" not in spec.storage:
        return Path(spec.storage) / spec.folder, None
    return Path(tempfile.mkdtemp(prefix="front-")), f"{spec.storage}/{spec.folder}"


def reference_point_in(text: str, objectives: Sequence[Objective]) -> tuple[float, ...]:
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
