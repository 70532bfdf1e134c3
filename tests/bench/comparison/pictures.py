"""The picture of a recorded sweep: one method's cells and front, and all others'."""

from __future__ import annotations

import tempfile
from pathlib import Path

from orchestrator.figures.comparison import draw_comparison
from orchestrator.pareto.contrasts import FRONTS
from orchestrator.pareto.sides import Side, side
from orchestrator.pareto.surroundings import Surroundings, surroundings
from orchestrator.spec.space import REFERENCE
from tests.bench.comparison.replanned import Recorded
from tests.bench.comparison.tables import SUBJECT


def draw(found: Recorded, path: Path) -> None:
    """Draw both fronts of Pareto training beside those of all others, as SVG; an equal recording
    gives an equal file."""
    table = found.table
    own = side(table, SUBJECT, method=SUBJECT, reference=REFERENCE)
    rest = table[~table["method"].isin([SUBJECT, REFERENCE])]
    others = Side(name="all others", table=rest)
    largest = found.spec.contrasts.largest_sacrifice
    with tempfile.TemporaryDirectory(prefix="picture-") as folder:
        draw_comparison(
            {
                front: (
                    others.front(front, largest_sacrifice=largest),
                    own.front(front, largest_sacrifice=largest),  # above the many
                )
                for front in FRONTS
            },
            Path(folder) / "picture.png",
            path,
            names=(others.name, own.name),
            captions={
                front: _caption(surroundings(table, SUBJECT, objectives, reference=REFERENCE))
                for front, objectives in FRONTS.items()
            },
            note=f"{found.plan.trials[0].trial.data.name}, {len(table)} trials",
        )


def _caption(around: Surroundings) -> str:
    of_all = around.dominated + around.dominating + around.beside
    return (
        f"{around.method}'s dominate {around.dominated} of {of_all} other cells; "
        f"{around.dominating} dominate one of its front"
    )
