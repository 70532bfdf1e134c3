"""The front of a table of trials, as files and pictures: `python -m orchestrator.front TABLE`.

Writes `front.csv`, `front.json`, `cells.csv`, `front.png` and `front.svg` beside the table or
into another directory, and nothing where the table or an argument is bad.
"""

from __future__ import annotations

import json
import logging
import math
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from orchestrator.extraction import (
    Front,
    cells,
    extract_front,
    settings_columns,
    settings_of,
)
from orchestrator.figures.front import draw_front
from orchestrator.objectives import (
    DEFAULT_OBJECTIVES,
    Objective,
    ObjectiveError,
    default_reference_point,
    parse_objectives,
)
from orchestrator.spec import read_spec
from orchestrator.table import sweep_table
from orchestrator.table_files import READERS, TableError, read_table
from trainer.problems import BadInput

logger = logging.getLogger(__name__)

FILES = ("front.csv", "front.json", "cells.csv", "front.png", "front.svg")
SPEC_SUFFIXES = (".yaml", ".yml")
SHOWN_ROWS = 20


def front_record(front: Front) -> dict[str, Any]:
    """The front as plain JSON values: what `front.json` holds. Empty values are null."""
    settings = settings_columns(front.points, front.objectives)
    return {
        "objectives": [
            {"name": objective.name, "direction": str(objective.direction)}
            for objective in front.objectives
        ],
        "reference_point": list(front.reference_point),
        "hypervolume": front.hypervolume,
        "knee": front.knee,
        "trials": {"used": front.used, "dropped": front.dropped},
        "points": [
            {
                "trial_id": trial["trial_id"],
                "method": _plain(trial.get("method")),
                "seed": _plain(trial.get("seed")),
                "objectives": {o.name: _plain(trial[o.name]) for o in front.objectives},
                "settings": {k: _plain(v) for k, v in settings_of(trial, settings).items()},
            }
            for _, trial in front.points.astype("object").iterrows()
        ],
    }


def write_front(front: Front, table: pd.DataFrame, directory: Path, *, note: str) -> list[Path]:
    """Write `FILES` into `directory`, made where missing, and return their paths.

    Each file is finished in a temporary folder there, then renamed into its place. `note`
    goes into the pictures' small print.

    Raises:
        OSError: `directory` cannot be made or written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".front-", dir=directory) as name:
        staging = Path(name)
        front.points.to_csv(staging / "front.csv", index=False)
        cells(table, front.objectives).to_csv(staging / "cells.csv", index=False)
        (staging / "front.json").write_text(_json(front_record(front)) + "\n", encoding="utf-8")
        draw_front(table, front, staging / "front.png", staging / "front.svg", note=note)
        paths = [(staging / file).replace(directory / file) for file in FILES]
    logger.info("front of %d trials written to %s", len(front.points), directory)
    return paths


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    table_path: Annotated[
        Path,
        typer.Argument(
            metavar="TABLE|SPEC", help=f"Trials in {' or '.join(READERS)}, or a sweep's .yaml."
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
    reference: Annotated[
        str | None,
        typer.Option(metavar="A,B", help="The hypervolume's end, one number an objective."),
    ] = None,
    note: Annotated[str, typer.Option(help="Small print of the pictures, such as the data.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print front.json's content alone.")] = (
        False
    ),
) -> None:
    """Extract the empirical Pareto front of a table of trials; write and draw it."""
    directory = table_path.parent if out is None else out
    try:
        if table_path.suffix in SPEC_SUFFIXES:
            spec = read_spec(str(table_path), [], os.environ)
            directory = spec.folder if out is None else out
            objectives = parse_objectives(objective) if objective else spec.objectives
            ends = default_reference_point(objectives) if objective else spec.reference_point
            table = sweep_table(spec)
        else:
            objectives = parse_objectives(objective or DEFAULT_OBJECTIVES)
            ends = default_reference_point(objectives) if reference is None else ()
            if table_path.resolve() in [(directory / file).resolve() for file in FILES]:
                message = "must not be overwritten by its own front; give --out"
                raise TableError(f"{table_path}: {message}")
            table = read_table(table_path, objectives)
        reference_point = ends if reference is None else _reference_point(reference, objectives)
        front = extract_front(table, objectives=objectives, reference_point=reference_point)
        paths = write_front(front, table, directory, note=note)
    except (BadInput, ObjectiveError, TableError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None
    except OSError as error:
        typer.echo(f"error: {directory}: must be a writable folder: {error.strerror}", err=True)
        raise typer.Exit(2) from None
    if as_json:
        typer.echo(_json(front_record(front)))
    else:
        show(front, paths, Console(highlight=False, markup=False))


def show(front: Front, paths: Sequence[Path], console: Console) -> None:
    """Print the front as a short table, its hypervolume and knee, and where the files are."""
    if front.points.empty:
        console.print("The front is empty: no trial is done with finite objectives.")
    else:
        console.print(_shown_table(front))
    names = [objective.name for objective in front.objectives]
    ends = ", ".join(
        f"{name} {end:g}" for name, end in zip(names, front.reference_point, strict=True)
    )
    dropped = ", ".join(f"{count} {reason}" for reason, count in front.dropped.items())
    for title, text in (
        ("hypervolume", f"{front.hypervolume:.6g} (up to {ends})"),
        ("knee", front.knee or "none"),
        ("trials", f"{front.used} used; left out: {dropped or 'none'}"),
        ("files", f"{paths[0].parent}: {' '.join(path.name for path in paths)}"),
    ):
        console.print(f"{title:12}{text}", soft_wrap=True)


def _shown_table(front: Front) -> Table:
    settings = settings_columns(front.points, front.objectives)
    shown = Table(box=None)
    shown.add_column("trial_id", no_wrap=True)
    for name in ("method", *settings, "seed"):
        shown.add_column(name, overflow="fold")
    for objective in front.objectives:
        shown.add_column(objective.name.replace("_", " "), justify="right")
    for _, trial in front.points.head(SHOWN_ROWS).astype("object").iterrows():
        applied = settings_of(trial, settings)
        row = [
            trial["trial_id"],
            trial.get("method", ""),
            *(_short(applied.get(name, "")) for name in settings),
            trial.get("seed", ""),
            *(f"{trial[objective.name]:.4f}" for objective in front.objectives),
        ]
        style = "bold" if trial["trial_id"] == front.knee else ""
        shown.add_row(*(Text(str(cell)) for cell in row), style=style)
    if len(front.points) > SHOWN_ROWS:
        shown.caption = f"and {len(front.points) - SHOWN_ROWS} more in front.csv"
    return shown


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _reference_point(text: str, objectives: Sequence[Objective]) -> tuple[float, ...]:
    try:
        reference = tuple(float(part) for part in text.split(","))
    except ValueError:
        reference = ()
    if len(reference) != len(objectives) or not all(map(math.isfinite, reference)):
        raise ObjectiveError(
            f"reference_point must be {len(objectives)} finite numbers with commas between, "
            f"for {', '.join(objective.name for objective in objectives)}, got '{text}'"
        )
    return reference


def _plain(value: Any) -> Any:
    """A cell as JSON knows it; null where it is empty, text where it is not finite."""
    if pd.isna(value):
        return None
    plain = value.item() if hasattr(value, "item") else value
    return str(plain) if isinstance(plain, float) and not math.isfinite(plain) else plain


def _json(record: dict[str, Any]) -> str:
    return json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False)


if __name__ == "__main__":
    app()
