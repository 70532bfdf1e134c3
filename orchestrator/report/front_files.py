"""The front of a table of trials as files: tables, numbers and pictures."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from orchestrator.figures.appearance import USUAL, Appearance
from orchestrator.figures.placement import FrontOf, Placement
from orchestrator.pareto.eligibility import is_collapsed
from orchestrator.pareto.front import Front, is_selected, settings_columns, settings_of
from orchestrator.report.certainty import certainty_record
from orchestrator.results.table_files import write_csv
from orchestrator.table.objectives import weights_of
from trainer.terminal.json_text import json_text

if TYPE_CHECKING:
    from orchestrator.store import Files

logger = logging.getLogger(__name__)

FILES = ("front.csv", "front.json", "cells.csv", "front.png", "front.svg")
PDF = "front.pdf"
"""The picture for a paper, which is written where it is asked for."""

RESOLVED, OWN = "spec.yaml", "trials"
"""File by which a sweep's folder is known, and stem of the table that `FILES` there are of."""


def front_names(kind: str) -> tuple[str, ...]:
    """Name the files of a front of a kind, in the order of `FILES`."""
    front = f"front_{kind}"
    return (f"{front}.csv", f"{front}.json", f"cells_{kind}.csv", f"{front}.png", f"{front}.svg")


def names_beside(table_path: Path, directory: Path) -> tuple[str, ...]:
    """Name the files of a table's front in a folder: `FILES`; where those are a sweep's, which are
    of its own trials, those of the table's kind, such as `front_confirmed.csv`."""
    kind = table_path.stem
    is_of_sweep = (directory / RESOLVED).is_file()
    return front_names(kind) if is_of_sweep and kind != OWN else FILES


def front_record(front: Front) -> dict[str, Any]:
    """The front as values of JSON, as `front.json` has it; empty cells are null."""
    settings = settings_columns(front.points, front.objectives)
    has_split = "split" in front.measured
    collapsed = is_collapsed(front.measured, front.objectives)
    sure = {} if front.certainty is None else {"statistics": certainty_record(front.certainty)}
    return {
        "objectives": [
            {"name": objective.name, "direction": str(objective.direction)}
            for objective in front.objectives
        ],
        "reference_point": list(front.reference_point),
        "weights": weights_of(front.objectives),
        "hypervolume": front.hypervolume,
        "knee": front.knee,
        "cells": _cells_record(front),
        **sure,
        "is_selected_apart": front.is_selected_apart,
        "selected": list(front.measured["trial_id"][is_selected(front.measured)]),
        "splits": sorted(front.measured["split"].dropna().unique()) if has_split else [],
        "trials": {"used": front.used, "dropped": front.dropped},
        "collapsed": list(front.measured["trial_id"][collapsed]),
        "keep_collapsed": front.keep_collapsed,
        "constant_accuracy": front.constant_accuracy,
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


def _cells_record(front: Front) -> dict[str, Any]:
    """The front of cells, whose points are the rows of `cells.csv` that are on it."""
    knee = None if front.knee_of_cells is None else front.cells.iloc[front.knee_of_cells]
    settings = settings_columns(front.cells, front.objectives)
    return {
        "hypervolume": front.hypervolume_of_cells,
        "on_front": int(front.cells["on_front"].sum()),
        "knee": None
        if knee is None
        else {
            "method": _plain(knee.get("method")),
            "settings": {k: _plain(v) for k, v in settings_of(knee, settings).items()},
        },
    }


def write_front(
    front: Front,
    directory: Path,
    *,
    names: Sequence[str] = FILES,
    placement: Placement,
    of: FrontOf,
    note: str,
    facts: Mapping[str, Any],
    appearance: Appearance = USUAL,
    has_pdf: bool = False,
    published: pd.DataFrame | None = None,
) -> list[Path]:
    """Write the front's files into `directory`, made where missing, and return their paths.

    Each file is finished in a temporary folder there, then renamed into its place.

    Args:
        names: of the files, in the place of `FILES`.
        placement: which objective stands on which axis of the pictures.
        of: what the front in the pictures is of.
        note: joins the pictures' small print.
        facts: go into `front.json` beside the front's record.
        appearance: how the pictures are set.
        has_pdf: whether a PDF is written too, named as the SVG is.
        published: numbers of others that the pictures have beside it.

    Raises:
        OSError: `directory` cannot be made or written.
    """
    # Here alone, since it takes as long to import as all that a reader of the front needs.
    from orchestrator.figures.front import draw_front  # noqa: PLC0415
    from orchestrator.figures.style import save_as  # noqa: PLC0415

    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".front-", dir=directory) as name:
        staging = Path(name)
        write_csv(front.points, staging / "front.csv")
        write_csv(front.cells, staging / "cells.csv")
        record = json_text({**front_record(front), **facts})
        (staging / "front.json").write_text(f"{record}\n", encoding="utf-8")
        figure = draw_front(
            front,
            staging / "front.png",
            staging / "front.svg",
            placement=placement,
            of=of,
            note=note,
            appearance=appearance,
            published=published,
        )
        files = dict(zip(FILES, names, strict=True))
        if has_pdf:
            save_as(figure, staging / PDF)
            files[PDF] = str(Path(files["front.svg"]).with_suffix(".pdf"))
        paths = [(staging / file).replace(directory / name) for file, name in files.items()]
    logger.info("front of %d trials written to %s", len(front.points), directory)
    return paths


def check_writable(directory: Path) -> None:
    """Make the folder where it is missing, and check that `write_front` may write there.

    Raises:
        OSError: it may not.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".front-", dir=directory):
        pass


def copy_into(paths: Iterable[Path], files: Files, folder: str) -> None:
    """Copy local files, each whole, into a folder of the storage."""
    for path in paths:
        files.write(f"{folder}/{path.name}", path.read_bytes())


def _plain(value: Any) -> Any:
    """A cell as a value of Python; None where it is empty."""
    if pd.isna(value):
        return None
    return value.item() if hasattr(value, "item") else value
