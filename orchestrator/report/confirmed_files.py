"""What a sweep leaves of the models that confirm it: a table, and two fronts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from orchestrator.figures.placement import FRONTS, PLACEMENTS
from orchestrator.pareto.answers import Answers
from orchestrator.pareto.front import Front, extract_front
from orchestrator.pareto.sure_front import with_certainty
from orchestrator.report.front_files import front_names, write_front
from orchestrator.report.fronts_beside import strict_objectives
from orchestrator.results.confirmation import Confirmed
from orchestrator.results.table_files import write_csv
from orchestrator.table.objectives import Objective, default_reference_point, weights_of

TABLE = "confirmed.csv"

CONFIRMED, CONFIRMED_STRICT = front_names("confirmed"), front_names("confirmed_strict")

NAMES = (TABLE, *CONFIRMED, *CONFIRMED_STRICT)
"""All files of what confirms a sweep."""


def write_confirmed(
    found: Confirmed,
    table: pd.DataFrame,
    directory: Path,
    *,
    data: str,
    objectives: Sequence[Objective],
    reference_point: Sequence[float],
    answers: Answers | str,
) -> tuple[list[Path], tuple[Front, ...]]:
    """Write `NAMES` into a folder that is there, and return their paths and both fronts.

    Args:
        table: of the trials that confirm the sweep.
        data: the data set's name.
        objectives, reference_point: of the sweep's own front; beside it stands the strict one.
        answers: of the models to each image, under the objectives of both.
    """
    write_csv(table, directory / TABLE)
    paths = [directory / TABLE]
    made: list[Front] = []
    weights, strict = weights_of(objectives), strict_objectives(objectives)
    fronts = {
        CONFIRMED: (objectives, reference_point),
        CONFIRMED_STRICT: (strict, default_reference_point(strict)),
    }
    for names, (its_objectives, ends) in fronts.items():
        front = extract_front(
            table, objectives=its_objectives, reference_point=ends, keep_collapsed=False
        )
        made.append(with_certainty(front, table, answers))
        paths += write_front(
            made[-1],
            directory,
            names=names,
            placement=PLACEMENTS[0],
            of=FRONTS[0],
            note=f"{data}, {found.note(weights)}",
            facts=found.facts("confirmed"),
        )
    return paths, tuple(made)
