"""One picture for a paper: `python -m orchestrator.figure NAME TABLE|SPEC --width 3.25in`.

Writes it as PNG, SVG and PDF, and the table of its numbers as LaTeX and Markdown where it has one,
into a folder `figures` beside the table or the sweep's files, or where `--out` says; nothing where
the table or an argument is bad.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from orchestrator.exit_codes import exit_codes
from orchestrator.figures.appearance import SCALES, WIDTH, appearance_in
from orchestrator.figures.placement import FRONTS, PLACEMENTS, FrontOf, Placement
from orchestrator.front import (
    NO_BITS,
    SPEC_SUFFIXES,
    STRICT_OBJECTIVES,
    place_of,
    published_in,
    reference_point_in,
    started_sweep,
    trials_in,
    written_into,
)
from orchestrator.pareto.chosen_cells import CellsShown
from orchestrator.pareto.front import Front, extract_front, methods_in
from orchestrator.pareto.sure_front import with_certainty
from orchestrator.report.front_files import OWN, copy_into
from orchestrator.report.front_text import show_files
from orchestrator.report.paper_figures import FIGURES, figure_of, named_in
from orchestrator.report.paper_tables import WRITERS
from orchestrator.report.sought import Drawn, PaperFigure, Sought
from orchestrator.results.table_files import FORMATS, TableError
from orchestrator.table.columns import WeightsName
from orchestrator.table.models import ModelsName
from orchestrator.table.objectives import default_reference_point, on_weights, parse_objectives
from trainer.input.problems import InputError, shown
from trainer.terminal.console import print_titled, terminal
from trainer.terminal.door import door

if TYPE_CHECKING:
    import pandas as pd

    from orchestrator.results.as_stored import StoredResults
    from orchestrator.spec.sweep_spec import SweepSpec

FOLDER = "figures"
"""Folder beside a sweep's files in which its pictures for papers lie by default."""

PICTURES = (".png", ".svg", ".pdf")

TALLEST = 10.0
"""Inches of a page's height."""

HELP = "Draw one picture for a paper, of TABLE or of SPEC. NAME is one of:\n\n"
HELP += "\n\n".join(
    f"{name}: {figure.says}{' (of a SPEC alone)' if figure.needs == 'store' else ''}."
    for name, figure in FIGURES.items()
)

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command(help=HELP)
@door(exit_codes)
def main(
    name: Annotated[str, typer.Argument(metavar="NAME", help=f"{', '.join(FIGURES)}.")],
    source: Annotated[
        Path,
        typer.Argument(
            metavar="TABLE|SPEC", help=f"Trials in {' or '.join(FORMATS)}, or a sweep's .yaml."
        ),
    ],
    *,
    out: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Where it goes, once for each: .png, .svg or .pdf, .tex or .md for its table; "
            f"default: all of these in a folder `{FOLDER}` beside TABLE, or the sweep's files.",
        ),
    ] = None,
    width: Annotated[
        str | None,
        typer.Option(
            metavar="LENGTH",
            help="As 3.25in, 84mm, 8.4cm or 240pt (TeX's, as \\columnwidth is told); text keeps "
            f"its size. Default: {WIDTH:g}in.",
        ),
    ] = None,
    rename: Annotated[
        list[str] | None,
        typer.Option(
            metavar="METHOD=NAME|FILE",
            help="What a method is called, or a .yaml of METHOD: NAME; once for each.",
        ),
    ] = None,
    method: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Show this method's cells alone; once for each."),
    ] = None,
    cells: Annotated[
        CellsShown | None,
        typer.Option(
            help="Which cells parallel, attacks, security and weights show: `one` of each method, "
            "those on the `front`, or `all`. Default: `one`, of parallel `front`."
        ),
    ] = None,
    objective: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="A column, or min:COLUMN, max:COLUMN, in place of the sweep's; once for each.",
        ),
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option(metavar="A,B", help="Where a front's region ends, one number an objective."),
    ] = None,
    axes: Annotated[
        Placement | None,
        typer.Option(
            help="Of a front: `score`, the first objective is vertical; `paper`, the sacrifice is."
        ),
    ] = None,
    scale: Annotated[
        Literal["both", "raw", "log"] | None,
        typer.Option(help="Of a front: panels with raw axes, a logarithmic one, or both."),
    ] = None,
    of: Annotated[
        FrontOf | None,
        typer.Option(help="What a front is of: `cells`, means over seeds; `trials`, single ones."),
    ] = None,
    published: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Of a front: a small .csv or .yaml of published numbers, drawn beside it and "
            "counted nowhere.",
        ),
    ] = None,
    weights: Annotated[
        WeightsName | None,
        typer.Option(help="`last` or `best` on validation; default: as the sweep says."),
    ] = None,
    models: Annotated[
        ModelsName,
        typer.Option(
            help="Of a SPEC: `own`, by which cells were also chosen, or `confirmed`, those with "
            "fresh seeds."
        ),
    ] = "own",
    storage: Annotated[
        str | None, typer.Option(metavar="FOLDER|URL", help="Of a SPEC: where its sweep is kept.")
    ] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=YAML", help="Of a SPEC: as its sweep was started with."),
    ] = None,
    note: Annotated[str, typer.Option(help="More small print, such as the data.")] = "",
) -> None:
    console = terminal()
    figure = figure_of(name)
    chosen: dict[str, object] = {"--method": method, "--cells": cells, "--published": published}
    chosen |= {"--axes": axes, "--scale": scale, "--of": of}
    _refuse_idle(name, figure, [option for option, value in chosen.items() if value is not None])
    _refuse_formats(name, figure, out or [])
    is_strict = figure.is_strict and not objective
    asked = _Asked(
        named=list(STRICT_OBJECTIVES) if is_strict else objective,
        is_strict=is_strict,
        is_sure=figure.is_sure,
        reference=reference,
        weights=weights,
        models=models,
    )
    if source.suffix in SPEC_SUFFIXES:
        read = _of_sweep(source, storage, assignments, asked)
    elif figure.needs == "store":
        raise TableError(
            f"{name} must be of a sweep's .yaml, got {shown(str(source))}: what it shows lies in a "
            f"sweep's storage, in no table of trials; give the sweep's file"
        )
    elif storage is not None or assignments or models != "own":
        raise TableError(f"{source}: must be a SPEC for --storage, --set and --models, got a table")
    else:
        read = _of_table(source, asked)
    objectives = read.front.objectives
    others = None if published is None else published_in(published, objectives, read.spec)
    notes = (note, read.note, "" if others is None else others.note())
    drawn = figure.draw(
        Sought(
            name=name,
            table=read.table,
            front=read.front,
            appearance=appearance_in(
                width,
                rename or (),
                methods_in(read.front),
                tuple(it for it in SCALES if scale in {None, "both", it}),
            ),
            placement=axes or PLACEMENTS[0],
            of=of or FRONTS[0],
            is_named=bool(objective),
            methods=named_in(read.front, method or []),
            cells=cells,
            note=", ".join(filter(None, notes)),
            published=None if others is None else others.points(objectives),
            spec=read.spec,
            found=read.found,
            choosing=read.choosing,
        )
    )
    if (tall := drawn.figure.get_figheight()) > TALLEST:
        fewer = " and ".join(it for it in ("--method", "--cells") if it in figure.takes)
        remedy = f"{fewer} choose{'s' * (fewer == '--method')} fewer" if fewer else "make it wider"
        size = f"{tall:.0f}in tall, more than a page has: {remedy}"
        print_titled(console, [("size", size)])
    if out:
        paths = _written(drawn, out)
        print_titled(console, [("files", " ".join(map(str, paths)))])
        return
    folder = read.folder / FOLDER
    stem = f"{name}{read.whose}"
    paths = [folder / f"{stem}{suffix}" for suffix in PICTURES]
    if drawn.table is not None:
        paths += [folder / f"{figure.table}{read.whose}{suffix}" for suffix in WRITERS]
    _written(drawn, paths)
    place = str(folder)
    if read.url is not None and read.spec is not None:
        from orchestrator.store.files.by_url import open_files  # noqa: PLC0415

        copy_into(paths, open_files(read.spec.storage), f"{read.spec.folder}/{FOLDER}")
        place = f"{read.url}/{FOLDER}"
    show_files(place, [path.name for path in paths], console)


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """Of what a picture is to be, beside where that is."""

    named: list[str] | None  # objectives
    is_strict: bool
    is_sure: bool  # whether its picture says how sure the front is
    reference: str | None
    weights: WeightsName | None
    models: ModelsName


@dataclass(frozen=True, kw_only=True, eq=False)
class _Source:
    """What a picture is of."""

    table: pd.DataFrame
    front: Front
    note: str
    folder: Path
    whose: str  # what its files' names end in, where they are of other models or weights
    url: str | None = None
    spec: SweepSpec | None = None
    found: StoredResults | None = None
    choosing: pd.DataFrame | None = None


def _of_sweep(
    path: Path, storage: str | None, assignments: list[str] | None, asked: _Asked
) -> _Source:
    # Here alone: all that a sweep file may say is not needed to read a table.
    from orchestrator.report.results import small_print  # noqa: PLC0415
    from orchestrator.results.as_stored import stored_results  # noqa: PLC0415
    from orchestrator.results.trials_table import table_on  # noqa: PLC0415

    spec = started_sweep(path, storage, assignments, asked.weights)
    folder, url = place_of(spec)
    objectives = parse_objectives(asked.named) if asked.named else spec.objectives
    ends = default_reference_point(objectives) if asked.named else spec.reference_point
    objectives = on_weights(objectives, asked.weights or spec.policy.weights)
    found = stored_results(spec, objectives, asked.models, reads_answers=asked.is_sure)
    front = extract_front(
        found.table,
        objectives=objectives,
        reference_point=reference_point_in(asked.reference, objectives)
        if asked.reference is not None
        else ends,
        keep_collapsed=False,
    )
    is_apart = asked.weights not in {None, spec.policy.weights}
    choosing = None
    if spec.choice_suite is not None and found.images == "suite":
        of_cells = found.table["split"].to_numpy()  # so that its cells are those of the table
        choosing = table_on(spec, found.plan, "picking").assign(split=of_cells)
    return _Source(
        table=found.table,
        front=with_certainty(front, found.table, found.answers) if asked.is_sure else front,
        note=small_print(found.plan, found.note()),
        folder=folder,
        whose="_confirmed" * (asked.models == "confirmed") + f"_{asked.weights}" * is_apart,
        url=url,
        spec=spec,
        found=found,
        choosing=choosing,
    )


def _of_table(path: Path, asked: _Asked) -> _Source:
    table, objectives, usual = trials_in(
        path, asked.named, asked.weights, is_strict=asked.is_strict
    )
    ends = (
        default_reference_point(objectives)
        if asked.reference is None
        else reference_point_in(asked.reference, objectives)
    )
    front = extract_front(table, objectives=objectives, reference_point=ends, keep_collapsed=False)
    is_apart = asked.weights not in {None, usual}
    return _Source(
        table=table,
        front=with_certainty(front, table, NO_BITS) if asked.is_sure else front,
        note="",
        folder=path.parent,
        whose=f"_{path.stem}" * (path.stem != OWN) + f"_{asked.weights}" * is_apart,
    )


def _refuse_idle(name: str, figure: PaperFigure, given: Sequence[str]) -> None:
    """Refuse options that would make no difference to a picture."""
    for option in given:
        if option not in figure.takes:
            takes = (
                f"it takes {', '.join(sorted(figure.takes))}" if figure.takes else "leave it out"
            )
            raise InputError(
                f"{option} must be left out of {name}, which has no use for it; {takes}"
            )


def _refuse_formats(name: str, figure: PaperFigure, out: Sequence[Path]) -> None:
    formats = [*PICTURES, *(WRITERS if figure.table else ())]
    for path in out:
        if path.suffix not in formats:
            raise InputError(
                f"--out of {name} must end in one of {', '.join(formats)}, got {shown(str(path))}"
            )


def _written(drawn: Drawn, paths: Sequence[Path]) -> list[Path]:
    """Write each file of a picture, of the format that its suffix says, whole or not at all."""
    from orchestrator.figures.style import save_as  # noqa: PLC0415

    for path in paths:
        with written_into(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".figure-", dir=path.parent) as staging:
                staged = Path(staging) / path.name
                if path.suffix in WRITERS:
                    assert drawn.table is not None
                    staged.write_text(WRITERS[path.suffix](drawn.table), encoding="utf-8")
                else:
                    save_as(drawn.figure, staged)
                staged.replace(path)
    return list(paths)


if __name__ == "__main__":
    app()
