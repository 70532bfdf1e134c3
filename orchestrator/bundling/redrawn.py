"""A sweep's fronts drawn anew, where a name that tells whose it is stands in a label of theirs."""

from __future__ import annotations

import tempfile
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

import pandas as pd
from pandas.api import types

from orchestrator.bundling.traces import Traces
from orchestrator.figures.front import draw_front
from orchestrator.figures.placement import FRONTS, PLACEMENTS
from orchestrator.pareto.front import extract_front
from orchestrator.pareto.sure_front import with_certainty
from orchestrator.report.confirmed_files import CONFIRMED, CONFIRMED_STRICT
from orchestrator.report.front_files import FILES
from orchestrator.report.fronts_beside import strict_objectives
from orchestrator.report.results import small_print
from orchestrator.results.as_stored import stored_results
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.table.models import ModelsName
from orchestrator.table.objectives import Objective, default_reference_point
from trainer.input.problems import BadInput

PICTURES = slice(-2, None)
"""Place of a front's pictures, PNG and SVG, among the names of its files."""


def redrawn(spec: SweepSpec, traces: Traces, names: Collection[str]) -> dict[str, bytes]:
    """Draw those of a sweep's fronts that are named anew, of tables with neutral words.

    Args:
        names: of pictures; those that are no front of the sweep's own folder are left.
    """
    strict = strict_objectives(spec.objectives)
    found: dict[str, bytes] = {}
    kinds: tuple[tuple[tuple[str, ...], ModelsName, tuple[Objective, ...]], ...] = (
        (FILES, "own", spec.objectives),
        (CONFIRMED, "confirmed", spec.objectives),
        (CONFIRMED_STRICT, "confirmed", strict),
    )
    for files, models, objectives in kinds:
        png, svg = files[PICTURES]
        if png in names or svg in names:
            with suppress(BadInput):  # what confirms a sweep is shown once it is complete
                drawn = _drawn(spec, traces, models, objectives)
                found |= dict(zip((png, svg), drawn, strict=True))
    return found


def _drawn(
    spec: SweepSpec, traces: Traces, models: ModelsName, objectives: tuple[Objective, ...]
) -> tuple[bytes, bytes]:
    ends = spec.reference_point
    if objectives != spec.objectives:
        ends = default_reference_point(objectives)
    found = stored_results(spec, objectives, models, reads_answers=True)
    table = _without_traces(found.table, traces)
    front = extract_front(table, objectives=objectives, reference_point=ends, keep_collapsed=False)
    note = small_print(found.plan, found.note())
    with tempfile.TemporaryDirectory(prefix="redrawn-") as folder:
        png, svg = Path(folder) / "front.png", Path(folder) / "front.svg"
        draw_front(
            with_certainty(front, table, found.answers),
            png,
            svg,
            placement=PLACEMENTS[0],
            of=FRONTS[0],
            note=traces.replaced(note),
        )
        return png.read_bytes(), svg.read_bytes()


def _without_traces(table: pd.DataFrame, traces: Traces) -> pd.DataFrame:
    """Return a table with neutral words in its texts, and in the names of its columns."""

    def neutral(value: object) -> object:
        return traces.replaced(value) if isinstance(value, str) else value

    texts = {
        str(name): column.map(neutral)
        for name, column in table.items()
        if types.is_object_dtype(column.dtype) or isinstance(column.dtype, pd.StringDtype)
    }
    return table.assign(**texts).rename(columns=traces.replaced)
